"""Plays a period again under other settings: the team is carried along, and queues move whenever a place is free.

The functions that choose are those that choose in earnest. What of a contact no setting concerns stays as its own
decisions have it. docs/distribution.md says what is assumed.
"""

import hashlib
from bisect import insort
from dataclasses import replace
from heapq import heappop, heappush

from crm_core import events
from crm_core.replay.as_it_was import AsItWas
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import History, Line, Step
from crm_core.replay.world import SETTINGS, moment
from crm_core.routing import credits as arithmetic
from crm_core.routing.choose import Candidate, exclusion
from crm_core.routing.decisions import Decision

DAY = 24 * 60 * 60 * 1000


class Carried(AsItWas):
    """The period under other settings: the team is carried along, and queues move whenever a place is free."""

    def __init__(self, history: History, changes: Changes) -> None:
        super().__init__(history, changes)
        self.credits = {one: dict(theirs) for one, theirs in history.credits.items()}
        self.lines: dict[Line, list[tuple[int, int]]] = {}
        self.closes: list[tuple[int, int, int]] = []
        self.turns: list[tuple[int, int]] = []
        self.former: dict[tuple[int, int], tuple[int, int]] = {}
        self.freed: int | None = history.since
        for course in self.courses.values():
            if course.place is Place.WAITS:
                self.wait(course)
        for operator_id in changes.hours:
            self.turn_later(operator_id, history.since)

    def until(self, at: int, then: Step | None) -> None:
        if self.freed is not None and not (then is not None and then.at == self.freed and _belongs(then)):
            self.give_out(self.freed)
        while True:
            closes = self.closes[0][0] if self.closes else at
            turns = self.turns[0][0] if self.turns else at
            if min(closes, turns) >= at:
                return
            if closes <= turns:
                self.close_next()
            else:
                self.turn_all(turns)
            if self.freed is not None:
                self.give_out(self.freed)

    def close_next(self) -> None:
        """Closes the contact that is to be closed next, if its operator still has it."""
        at, contact_id, holding = heappop(self.closes)
        course = self.courses[contact_id]
        if course.holding == holding and course.place is Place.HELD:
            self.close(course, at)

    def turn_all(self, at: int) -> None:
        """Turns all shifts that turn at a moment, before anything is given out."""
        while self.turns and self.turns[0][0] == at:
            operator_id = heappop(self.turns)[1]
            self.loads.settle(operator_id, at)
            self.world.turn(operator_id, at)
            self.turn_later(operator_id, at)
        self.freed = at

    def change(self, step: Step) -> None:
        super().change(step)
        self.left_by(step)
        self.freed = step.at
        if step.kind == events.OPERATOR_CHANGED and step.reason == "removed":
            self.spread(step.operator_id)

    def spread(self, operator_id: int | None) -> None:
        """The credits of an operator who is removed go to the others, as `crm_core.routing.ledger.remove` does it."""
        for theirs in self.credits.values():
            left = theirs.pop(operator_id or 0, 0)
            if theirs and left:
                for one, part in arithmetic.spread(left, list(theirs)).items():
                    theirs[one] += part

    def drawn(self, course: Course, step: Step) -> None:
        if course.place is not Place.ARRIVES:
            return  # it gets a place as soon as there is one, whenever it really got it
        if not self.try_to_give(course, step.at, preferred=self.preferred(course, step)):
            self.give(course, None, step.at)

    def returned(self, course: Course, step: Step) -> None:
        self.left_by(step)
        super().returned(course, step)
        self.freed = step.at

    def left_by(self, step: Step) -> None:
        """All contacts of an operator who has left go back, whoever really had them."""
        gone = self.world.leaves(step)
        if gone is None:
            return
        operator_id, bot_id = gone
        self.loads.settle(operator_id, step.at)
        for course in sorted(self.courses.values(), key=lambda one: one.facts.id):
            if course.place is Place.HELD and course.operator_id == operator_id:
                source = self.world.sources.get(course.source_id)
                if bot_id is None or (source is not None and source.bot_id == bot_id):
                    self.take_back(course, step.at)

    def moved(self, course: Course, step: Step) -> None:
        if course.place is Place.HELD:
            self.take_back(course, step.at)
        if course.place is Place.WAITS:
            self.lines[_line(course)].remove(_place(course))
        super().moved(course, step)
        if course.place is Place.WAITS:
            self.wait(course)
        self.freed = step.at

    def sleep(self, course: Course, step: Step) -> None:
        super().sleep(course, step)
        if course.is_asleep:
            self.freed = step.at

    def by_hand(self, course: Course, step: Step) -> None:
        if course.place is Place.WAITS:
            self.lines[_line(course)].remove(_place(course))
        super().by_hand(course, step)
        self.freed = step.at

    def give(self, course: Course, operator_id: int | None, at: int) -> None:
        super().give(course, operator_id, at)
        if operator_id is None:
            self.wait(course)

    def wait(self, course: Course) -> None:
        """A contact waits, in its place by age and head start."""
        insort(self.lines.setdefault(_line(course), []), _place(course))

    def close_later(self, course: Course, at: int) -> None:
        heappush(self.closes, (at, course.facts.id, course.holding))

    def turn_later(self, operator_id: int, at: int) -> None:
        """The shift of an operator with other hours turns next."""
        hours = self.changes.hours[operator_id]
        change = None if hours is None else hours.next_change(moment(at))
        if change is not None:
            heappush(self.turns, (int(change.timestamp() * 1000), operator_id))

    def close(self, course: Course, at: int) -> None:
        super().close(course, at)
        self.freed = at
        if course.operator_id is not None:
            self.former[course.source_id, course.facts.lead_id] = at, course.operator_id

    # --- choosing

    def preferred(self, course: Course, step: Step) -> int | None:
        """The operator whom the client had before, if that is to count: in this replay, and else as it was."""
        earlier = self.former.get((course.source_id, course.facts.lead_id))
        if step.decision is not None and step.decision.preferred is not None:
            return step.decision.preferred if earlier is None else earlier[1]
        days = self.world.sources[course.source_id].sticky_days
        return earlier[1] if earlier is not None and step.at - earlier[0] < days * DAY else None

    def try_to_give(self, course: Course, at: int, *, preferred: int | None = None) -> bool:
        """Chooses somebody for a contact by the rules. Returns whether there was anybody."""
        source_id = course.source_id
        source = self.world.sources[source_id]
        if not source.is_active:
            return False
        pool = self.candidates(course)
        if not any(one.operator_id == preferred and exclusion(one) is None for one in pool):
            preferred = None
        credits = self.credits.setdefault(source_id, {}) if source.strategy == "exact" else None
        if preferred is not None and source.sticky_mode == "apart":
            credits = None
        decision = Decision(source.strategy, pool, self.roll(course), credits, preferred)
        operator_id = decision.again()
        if operator_id is None:
            return False
        course.drawn += preferred is None
        course.given += 1
        if credits is not None:
            self.credits[source_id] = dict(decision.credits_after or credits)
        self.give(course, operator_id, at)
        return True

    def candidates(self, course: Course) -> tuple[Candidate, ...]:
        """Everybody with a weight at a contact's source, as they stand now."""
        line = _line(course)
        there = self.everybody(line)
        return tuple(
            one
            if (before := course.before(one.operator_id)) is None
            else replace(
                before,
                weight=one.weight,
                load=one.load,
                limit=one.limit,
                is_active=one.is_active,
                is_online=one.is_online,
                is_reachable=one.is_reachable,
                is_on_shift=one.is_on_shift,
                ceiling=None,
            )
            for one in there
        )

    def everybody(self, line: Line) -> list[Candidate]:
        """Everybody with a weight at a source, for no contact in particular."""
        reach, loads, operators = self.world.reach.get(line, {}), self.loads.loads, self.world.operators
        return [
            Candidate(
                one,
                weight,
                loads[one],
                (state := operators[one]).limit,
                state.is_active,
                state.is_online,
                reach.get(one, False),
                is_on_shift=state.is_on_shift,
            )
            for one, weight in sorted(self.world.weights.get(line[0], {}).items())
        ]

    def roll(self, course: Course) -> float:
        """The number that chance gave for this draw, or, for one that never was, one that is always the same."""
        if course.drawn < len(course.rolls):
            return course.rolls[course.drawn]
        named = hashlib.blake2b(f"{course.facts.id}:{course.drawn}".encode(), digest_size=6).digest()
        return int.from_bytes(named, "big") / 2**48

    # --- the queue

    def give_out(self, at: int) -> None:
        """Gives waiting contacts to whoever is free for them, first in line first."""
        self.freed = None
        passed_over: set[int] = set()
        while (course := self.oldest(passed_over)) is not None:
            if self.try_to_give(course, at):
                self.lines[_line(course)].remove(_place(course))
            else:
                passed_over.add(course.facts.id)

    def oldest(self, passed_over: set[int]) -> Course | None:
        """The contact that is first in line where somebody has room."""
        found = None
        for line, waiting in self.lines.items():
            first = next((one for one in waiting if one[1] not in passed_over), None)
            if first is not None and (found is None or first < found) and self.has_room(line):
                found = first
        return None if found is None else self.courses[found[1]]

    def has_room(self, line: Line) -> bool:
        """Whether anybody is free for contacts that nothing in particular keeps them from."""
        source = self.world.sources.get(line[0])
        return source is not None and source.is_active and any(exclusion(one) is None for one in self.everybody(line))


def _line(course: Course) -> Line:
    return course.source_id, course.facts.in_telegram


def _place(course: Course) -> tuple[int, int]:
    """Its place in the line."""
    return course.facts.order_at, course.facts.id


def _belongs(step: Step) -> bool:
    """Whether a step is of the transaction of the step before it at the same moment, which gives out at its end."""
    return step.kind in SETTINGS or step.is_return or step.kind == events.CONTACT_MOVED
