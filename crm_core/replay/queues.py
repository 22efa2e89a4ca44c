"""The queue of a replay under other settings, and choosing, by the functions that choose in earnest."""

from collections.abc import Mapping
from heapq import heappush

from crm_core.replay.chance import named_chance
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.former import Former
from crm_core.replay.history import History, Step
from crm_core.replay.ledgers import Entry
from crm_core.replay.lines import NOBODY, Kind
from crm_core.replay.paces import MINUTE
from crm_core.replay.timed import Timed, Timer
from crm_core.routing.choose import OF_ONE_CONTACT, Exclusion, eligible
from crm_core.routing.decisions import Decision

_AHEAD_OF_ALL = 100 * 366 * 24 * 60 * MINUTE


class Queues(Timed):
    """A replay in which what waits goes to whoever is free for it.

    Attributes:
        entries: what choices have changed in ledgers, by contact, to be undone if nothing comes of an offer.
    """

    def __init__(self, history: History, changes: Changes) -> None:
        super().__init__(history, changes)
        self.former = Former(history, changes)
        self.entries: dict[int, Entry] = {}
        for source_id, weights in self.world.weights.items():
            for operator_id in weights:
                self.ledgers.join(source_id, operator_id)
        for course in self.courses.values():
            if course.place is Place.WAITS:
                self.wait(course, history.since)

    def wait(self, course: Course, at: int) -> None:
        """A contact waits, in its place by age and head start."""
        course.needs, source = self.pool.needs(course, at), self.world.sources.get(course.source_id)
        ahead = 0 if source is None else source.priority_minutes * MINUTE
        position = course.facts.order_at - ahead - _AHEAD_OF_ALL * course.goes_first, course.facts.id
        self.lines.add(((course.source_id, course.facts.in_telegram), course.needs), position, since=course.waits_since)
        drops = self.pool.next_drop(course, course.needs)
        if drops is not None:
            heappush(self.timers, (drops, Timer.DROP, course.facts.id, 0))

    def give(self, course: Course, operator_id: int | None, at: int) -> None:
        super().give(course, operator_id, at)
        if operator_id is None:
            self.wait(course, at)
        else:
            course.goes_first = False

    def try_to_give(self, course: Course, at: int, *, new: Step | None = None) -> Mapping[int, Exclusion] | None:
        """Chooses somebody for a contact by the rules, and gives it to them.

        Args:
            new: of a contact that comes in: what really became of it.

        Returns None; or, where there was nobody, what excludes each operator.
        """
        source_id = course.source_id
        source = self.world.sources[source_id]
        if not source.gives_out:
            return {}
        pool = self.pool.of(course, at, self.on_leave, is_new=new is not None)
        preferred, is_charged = self.former.of(course, at, source, new)
        if preferred is not None and not any(one.operator_id == preferred for one in eligible(pool)[0]):
            preferred = None
        credits = self.ledgers.of_source(source_id) if source.strategy == "exact" else None
        if preferred is not None and not is_charged:
            credits = None
        decision = Decision(source.strategy, pool, self.roll(course), credits, preferred)
        operator_id = decision.again()
        if operator_id is None:
            return decision.excluded
        course.drawn += preferred is None
        course.given += 1
        entry = self.ledgers.enter(source_id, decision, has_catch_up=bool(source.catch_up))
        if entry is not None:
            self.entries[course.facts.id] = entry
        had_waited = next(one.had_waited for one in pool if one.operator_id == operator_id)
        self.paces.count(operator_id, at, had_waited=had_waited)
        self.pace_later(operator_id, at, had_waited=had_waited)
        if course.place is Place.WAITS:
            self.lines.remove(course.facts.id)
        self.give_by_rule(course, operator_id, at)
        return None

    def give_by_rule(self, course: Course, operator_id: int, at: int) -> None:
        """Gives a contact to whoever was chosen by the rules."""
        self.give(course, operator_id, at)

    def undo_draw(self, course: Course) -> None:
        """An offer comes to nothing: its operator was not given it, and it costs and earns nobody anything."""
        self.paces.take_back(course.operator_id, course.since)
        entry = self.entries.pop(course.facts.id, None)
        if entry is not None:
            self.ledgers.undo(entry)

    def roll(self, course: Course) -> float:
        """The number that chance gave for this draw, or, for one that never was, one that is always the same."""
        if course.drawn < len(course.rolls):
            return course.rolls[course.drawn]
        return named_chance(course.facts.id, course.drawn)

    def charge(self, course: Course, operator_id: int | None, at: int) -> None:
        """Whoever is assigned a contact by hand pays for it, where the ledger has such contacts."""
        source = self.world.sources[course.source_id]
        if source.strategy != "exact" or source.sticky_mode == "apart":
            return
        pool = self.pool.of(course, at, self.on_leave)
        credits = self.ledgers.of_source(course.source_id)
        decision = Decision(source.strategy, pool, None, credits, operator_id, is_by_hand=True)
        self.ledgers.enter(course.source_id, decision, has_catch_up=bool(source.catch_up))

    def give_out(self, at: int) -> None:
        """Gives waiting contacts to whoever is free for them, first in line first."""
        self.freed = None
        in_vain: dict[Kind, int] = {}
        alone: set[int] = set()
        while (first := self.lines.first(in_vain, alone)) is not None:
            contact_id, kind = first
            excluded = self.try_to_give(self.courses[contact_id], at)
            if excluded is None:
                continue
            why = set(excluded.values())
            if OF_ONE_CONTACT & why:
                alone.add(contact_id)
            elif Exclusion.RAMP in why:  # what came after somebody whose minute is full may still be theirs
                paced = (self.pool.came(one, kind[0][0]) for one, each in excluded.items() if each is Exclusion.RAMP)
                in_vain[kind] = min(one for one in paced if one is not None)
            else:
                in_vain[kind] = NOBODY
