"""What happens by itself in a replay under other settings: work ends, hours turn, and what was given counts no more."""

from enum import IntEnum
from heapq import heappop, heappush

from crm_core import events
from crm_core.replay.as_it_was import AsItWas
from crm_core.replay.candidates import Candidates
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import History, Step
from crm_core.replay.ledgers import Ledgers
from crm_core.replay.lines import Lines
from crm_core.replay.paces import HOUR, MINUTE, Paces
from crm_core.replay.world import SETTINGS, in_milliseconds, moment


class Timer(IntEnum):
    """What happens by itself at a moment, in this order: nobody is given anything after their shift."""

    TURN = 0
    CLOSE = 1
    LEAVE = 2
    DROP = 3
    PACE = 4
    ANSWER = 5
    MISS = 6


_OF_ONE_CONTACT = frozenset({Timer.CLOSE, Timer.ANSWER, Timer.MISS})
"""What happens one by one: after each, what waits is given out."""


class Timed(AsItWas):
    """A replay in which moments come that are no steps.

    Attributes:
        timers: what happens when, of which contact, operator or hours; and of which holding of a contact.
        hours: the keys of hours that are to be otherwise.
        freed: since when somebody may be free for what waits; None if that was given out.
    """

    def __init__(self, history: History, changes: Changes) -> None:
        super().__init__(history, changes)
        self.ledgers, self.lines, self.paces = Ledgers(history), Lines(), Paces(history.given)
        self.pool = Candidates(self.world, self.loads, self.paces, has_rates=_has_rates(history, changes))
        self.timers: list[tuple[int, Timer, int, int]] = []
        self.hours = [key for key in changes.values if key.name == "hours"]
        self.on_leave: set[int] = set()
        self.leave_changes: dict[int, int] = {}
        self.freed: int | None = history.since
        for given in history.given:
            self.pace_later(given.operator_id, given.at, had_waited=given.had_waited)
        for number in range(len(self.hours)):
            self.turn_later(number, history.since)
        for operator_id in self.world.operators:
            self.settle_leave(operator_id, history.since)

    def give_out(self, at: int) -> None:
        """Gives waiting contacts to whoever is free for them."""
        raise NotImplementedError

    def wait(self, course: Course, at: int) -> None:
        """A contact waits, as it is lined up now."""
        raise NotImplementedError

    def until(self, at: int, then: Step | None) -> None:
        if self.freed is not None and not (then is not None and then.at == self.freed and _belongs(then)):
            self.turn_all(self.freed, Timer.TURN)
            self.give_out(self.freed)
        while self.timers and self.timers[0][0] < at:
            due, timer, of, more = self.timers[0]
            if timer in _OF_ONE_CONTACT:
                heappop(self.timers)
                course = self.courses[of]
                if course.holding == more and course.place is Place.HELD:
                    self.happen(due, timer, course)
            else:
                self.turn_all(due, timer)
                self.freed = due
            if self.freed is not None:
                self.give_out(self.freed)

    def happen(self, at: int, timer: Timer, course: Course) -> None:
        """What happens to a contact that its operator still has: it is closed."""
        self.close(course, at)

    def turn_all(self, at: int, *kinds: Timer) -> None:
        """All of these kinds that happens at a moment, before anything is given out."""
        while self.timers and self.timers[0][0] == at and self.timers[0][1] in kinds:
            _, timer, of, _ = heappop(self.timers)
            self.turn(at, timer, of)

    def turn(self, at: int, timer: Timer, of: int) -> None:
        """A shift or the hours of a source turn, skills are dropped, or what was given counts no more."""
        match timer:
            case Timer.TURN:
                hours = self.hours[of]
                self.loads.settle(hours.operator_id, at)
                self.world.turn(hours, at)
                self.settle_leave(hours.operator_id, at)
                self.turn_later(of, at)
            case Timer.LEAVE:
                self.settle_leave(of, at)
            case Timer.DROP if self.courses[of].place is Place.WAITS:
                self.lines.remove(of)
                self.wait(self.courses[of], at)

    def turn_later(self, number: int, at: int) -> None:
        """Hours that are to be otherwise turn next."""
        calendar = self.changes.values[self.hours[number]]
        change = None if calendar is None else calendar.next_change(moment(at))
        if change is not None:
            heappush(self.timers, (in_milliseconds(change), Timer.TURN, number, 0))

    def pace_later(self, operator_id: int, at: int, *, had_waited: bool) -> None:
        """What an operator is given counts for so long."""
        if self.pool.has_rates:
            heappush(self.timers, (at + HOUR, Timer.PACE, operator_id, 0))
        if had_waited:
            heappush(self.timers, (at + MINUTE, Timer.PACE, operator_id, 0))

    def settle_leave(self, operator_id: int, at: int) -> None:
        """An operator goes on leave, or is back, as their hours say."""
        state = self.world.operators.get(operator_id)
        hours = None if state is None else state.hours
        if hours is not None and hours.on_leave(moment(at)):
            self.on_leave.add(operator_id)
        elif operator_id in self.on_leave:
            self.on_leave.discard(operator_id)
            self.ledgers.grant(operator_id, {one: source.catch_up for one, source in self.world.sources.items()})
        change = hours.next_change(moment(at)) if hours is not None and hours.leave else None
        if change is not None and self.leave_changes.get(operator_id) != (then := in_milliseconds(change)):
            self.leave_changes[operator_id] = then
            heappush(self.timers, (then, Timer.LEAVE, operator_id, 0))

    def close_later(self, course: Course, at: int) -> None:
        heappush(self.timers, (at, Timer.CLOSE, course.facts.id, course.holding))


def _has_rates(history: History, changes: Changes) -> bool:
    if any(one.rate is not None for one in history.operators.values()):
        return True
    return any(key.name == "rate" for key in changes.values) or any(one.reason == "rate" for one in history.steps)


def _belongs(step: Step) -> bool:
    """Whether a step is of the transaction of the step before it at the same moment, which gives out at its end."""
    return step.kind in SETTINGS or step.is_return or step.kind == events.CONTACT_MOVED
