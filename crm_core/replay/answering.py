"""A replay in which operators take what they are given as soon as they did or usually do, and work on it from then."""

from collections import Counter
from dataclasses import dataclass
from heapq import heappush
from math import inf

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.replay.answers import Answer, Reaction
from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import History, Step
from crm_core.replay.reactions import Reactions
from crm_core.replay.timed import Timer
from crm_core.replay.world import in_milliseconds, moment
from crm_core.routing.choose import Asked
from crm_core.storage.types import MILLISECOND


@dataclass(slots=True)
class Unanswered:
    """A contact that an operator was given and has not answered.

    Attributes:
        since: since when it is with them, offers that they missed right before included.
        offered: for how long it was offered in all that time, in milliseconds of working time; 0 where it is theirs.
        ends: when the offer is missed; None for never.
        answered: when they answer; None for never.
        goes_first: whether it stood before all that do not.
    """

    operator_id: int
    reaction: Reaction
    since: int
    offered: float = 0
    ends: int | None = None
    answered: int | None = None
    goes_first: bool = False

    @property
    def is_known(self) -> bool:
        """Whether they were really given it at that moment, and answered it."""
        return self.reaction.began == self.since and self.reaction.answer is not Answer.NONE


class Answering(Carried):
    """The period with answers: each contact is given, or offered, to an operator, who takes it after a while.

    Attributes:
        unanswered: by contact.
        just_missed: offers that were missed, by contact, and when: whoever gets it again at once goes on with it.
        asked: by contact, then by operator: what came of it when they had it before.
        escalated: contacts that nobody takes, as admins were told.
        misses: offers that each operator has missed in a row.
    """

    plays_offers = True

    def __init__(self, history: History, changes: Changes) -> None:
        self.reactions = Reactions(history)
        self.times = Counter[tuple[int, int]]()
        self.unanswered: dict[int, Unanswered] = {}
        self.just_missed: dict[int, tuple[int, Unanswered]] = {}
        self.asked: dict[int, dict[int, Asked]] = {}
        self.escalated: set[int] = set()
        self.misses = Counter[int]()
        super().__init__(history, changes)

    def give(self, course: Course, operator_id: int | None, at: int) -> None:
        if operator_id is None:
            super().give(course, None, at)
        else:
            self.hold(course, operator_id, at, seconds=0)

    def give_by_rule(self, course: Course, operator_id: int, at: int) -> None:
        self.hold(course, operator_id, at, seconds=self.world.sources[course.source_id].offer_seconds)

    def hold(self, course: Course, operator_id: int, at: int, *, seconds: int) -> None:
        """An operator is given a contact, or offered it for so many seconds."""
        one, both = course.facts.id, (course.facts.id, operator_id)
        until, found = self.just_missed.pop(one, (0, None))
        if found is None or (until, found.operator_id) != (at, operator_id):
            found = Unanswered(operator_id, self.reactions.of(both, self.times[both]), at)
            self.times[both] += 1
        found.goes_first, found.ends = course.goes_first, None
        if seconds and one in self.escalated and operator_id in self.asked.get(one, {}):
            found.offered = inf  # it stays with whoever was asked before, until somebody comes who was not
        elif seconds:
            found.offered += 1000 * seconds
            found.ends = self.after(operator_id, at, 1000 * seconds)
        else:
            found.offered = 0
        self.unanswered[one] = found
        answered = self.answer_of(both, found)
        found.answered = None if answered is None else max(answered, at)
        super().give(course, operator_id, at)
        self.remind(course, found)

    def answer_of(self, both: tuple[int, int], found: Unanswered) -> int | None:
        """When an operator answers a contact; None if never."""
        reaction = found.reaction
        if found.is_known:
            return found.since + reaction.lasted
        time = self.reactions.within(both, reaction, found.offered or inf)
        if time is None:
            if found.offered:
                return None
            time = reaction.worked  # what is theirs they take as soon as it would have gone to somebody else
        return self.after(both[1], found.since, time)

    def after(self, operator_id: int, at: int, time: int) -> int | None:
        """When so many milliseconds of an operator's working time have passed."""
        return _after(self.world.operators[operator_id].hours, at, time)

    def remind(self, course: Course, found: Unanswered) -> None:
        """Plans what comes next, the answer or the end of the offer."""
        is_answered = found.answered is not None and (found.ends is None or found.answered <= found.ends)
        due, timer = (found.answered, Timer.ANSWER) if is_answered else (found.ends, Timer.MISS)
        if due is not None:
            heappush(self.timers, (due, timer, course.facts.id, course.holding))

    def take(self, course: Course, at: int) -> None:
        """A contact is worked on from now on."""
        found = self.unanswered.pop(course.facts.id, None)
        if found is None:
            return
        if found.offered:
            self.misses.pop(found.operator_id, None)
        self.entries.pop(course.facts.id, None)
        course.since = at
        self.plan(course)

    def plan(self, course: Course) -> None:
        course.follows = False
        if course.facts.id in self.unanswered:
            return
        super().plan(course)
        if course.follows and course.ends == course.since:  # the step that closed it may be over
            course.follows = False
            self.close_later(course, course.since)

    def leave(self, course: Course, at: int) -> None:
        if self.unanswered.pop(course.facts.id, None) is not None:
            course.since = at  # nobody has worked on it yet
        super().leave(course, at)

    def reopen(self, course: Course, step: Step) -> None:
        is_open = course.place in (Place.HELD, Place.WAITS)
        super().reopen(course, step)
        if not is_open:
            self.take(course, step.at)

    def sleep(self, course: Course, step: Step) -> None:
        if step.kind == events.CONTACT_SNOOZED:
            self.take(course, step.at)  # whoever lets it sleep has answered it
        super().sleep(course, step)


def _after(hours: Calendar | None, at: int, time: int) -> int | None:
    if hours is None:
        return at + time
    found = hours.after(moment(at), MILLISECOND * time)
    return None if found is None else in_milliseconds(found)
