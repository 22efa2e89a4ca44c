"""Who could get a contact in a replay: what `crm_core.routing.candidates` reads, from the state of the replay."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from crm_core.replay.courses import Course, Place
from crm_core.replay.history import SourceState
from crm_core.replay.load import Loads
from crm_core.replay.paces import Paces
from crm_core.replay.world import World, in_milliseconds, moment
from crm_core.routing import skills
from crm_core.routing.candidates import with_others
from crm_core.routing.choose import NOTHING, Asked, Candidate, ceiling_of
from crm_core.routing.skills import Required
from crm_core.routing.working_time import ALWAYS, WorkingTime


class Candidates:
    """Everybody with a weight at a source, as they stand at a moment of the replay.

    Attributes:
        has_rates: whether what operators are given in an hour matters at any moment of the period.
        asked: what came of it in the replay when operators had a contact before, by contact and operator; None where
            that is as each choice had it.
    """

    def __init__(self, world: World, loads: Loads, paces: Paces, *, has_rates: bool) -> None:
        self._world, self._loads, self._paces, self.has_rates = world, loads, paces, has_rates
        self.asked: Mapping[int, Mapping[int, Asked]] | None = None

    def of(self, course: Course, at: int, on_leave: Collection[int], *, is_new: bool = False) -> tuple[Candidate, ...]:
        """The candidates for a contact.

        Args:
            on_leave: operators on leave.
            is_new: whether it comes in, and has waited for nobody.
        """
        found = tuple(self.each(course, at, on_leave, is_new=is_new))
        if Asked.RETURNED in self.asked_of(course).values():
            return tuple(with_others(one, found) for one in found)
        return found

    def asked_of(self, course: Course) -> Mapping[int, Asked]:
        """What came of it in the replay when operators had a contact before."""
        return _NOBODY_ASKED if self.asked is None else self.asked.get(course.facts.id, _NOBODY_ASKED)

    def each(self, course: Course, at: int, on_leave: Collection[int], *, is_new: bool = False) -> Iterable[Candidate]:
        """The same one by one; whoever gave it back is so even where nobody else is there for it."""
        asked = self.asked_of(course)
        source_id, world = course.source_id, self._world
        source, loads = world.sources[source_id], self._loads.loads
        needs = course.needs if course.place is Place.WAITS else self.needs(course, at)
        reach, limits = world.reach.get((source_id, course.facts.in_telegram), {}), world.limits.get(source_id, {})
        counts_leave = source.catch_up and source.strategy == "exact"
        since = None if is_new or not self._has_ramps() else course.waits_since
        for operator_id, weight in sorted(world.weights.get(source_id, {}).items()):
            state = world.operators[operator_id]
            one = Candidate(
                operator_id,
                weight,
                loads[operator_id],
                state.limit,
                state.is_active,
                state.is_online,
                reach.get(operator_id, False),
                is_on_shift=state.is_on_shift,
            )
            if operator_id in limits:
                one.load_here, one.limit_here = self._loads.here[source_id, operator_id], limits[operator_id]
            if state.rate is not None:
                one.last_hour, one.rate = self._paces.last_hour(operator_id, at), state.rate
            if needs:
                one.lacking = needs - skills.tags(state.skills)
            held = self._loads.held[operator_id]
            if state.ceiling is not None or held != one.load or held >= ceiling_of(state.limit, None):
                one.held, one.ceiling = held, state.most_held
            if since is not None and (came := self.came(operator_id, source_id)) is not None and since < came:
                one.had_waited, one.ramp = True, source.ramp
                one.last_minute = self._paces.last_minute(operator_id, at)
            if counts_leave:
                one.on_leave = operator_id in on_leave
            if (before := course.before(operator_id)) is not None:  # what is so of this contact alone
                one.is_own = before.is_own
                if self.asked is None:
                    one.asked = before.asked
                one.relief, one.relief_here = before.relief, before.relief_here
            if asked:
                one.asked = asked.get(operator_id)
            yield one

    def came(self, operator_id: int, source_id: int) -> int | None:
        """Since when an operator could get contacts of a source; None: always."""
        came, opened = self._world.operators[operator_id].came, self._world.sources[source_id].opened
        if came is None or opened is None:
            return opened if came is None else came
        return max(came, opened)

    def _has_ramps(self) -> bool:
        return any(one.ramp is not None for one in self._world.sources.values())

    def required(self, course: Course) -> Required:
        """All that a contact requires of operators at first."""
        source = self._world.sources.get(course.source_id, _NONE)
        return skills.required_by(source.skills, course.facts.skills)

    def needs(self, course: Course, at: int) -> frozenset[str]:
        """What it requires now: in working time of its source it has not waited long enough for less."""
        required = self.required(course)
        if not required:
            return NOTHING
        left = {tag: after for tag, after in required.items() if tag not in course.dropped}
        if all(after is None for after in left.values()):
            return frozenset(left)
        waited = self._time(course).worked(moment(course.waits_since), moment(at))
        return frozenset(tag for tag, after in left.items() if after is None or timedelta(minutes=after) > waited)

    def next_drop(self, course: Course, needs: Collection[str]) -> int | None:
        """When the next of what it requires now is dropped."""
        minutes = [after for tag, after in self.required(course).items() if after is not None and tag in needs]
        if not minutes:
            return None
        drops = self._time(course).after(moment(course.waits_since), timedelta(minutes=min(minutes)))
        return None if drops is None else in_milliseconds(drops)

    def _time(self, course: Course) -> WorkingTime:
        return self._world.times.get(course.source_id, ALWAYS)


_NONE = SourceState("random")
_NOBODY_ASKED: Mapping[int, Asked] = MappingProxyType({})
