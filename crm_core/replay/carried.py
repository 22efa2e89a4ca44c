"""Plays a period again under other settings: the team is carried along, and queues move whenever a place is free.

The functions that choose are those that choose in earnest. What of a contact no setting concerns stays as its own
decisions have it. docs/distribution.md says what is assumed.
"""

import hashlib
from collections.abc import Mapping
from enum import IntEnum
from heapq import heappop, heappush

from crm_core import events
from crm_core.replay.as_it_was import AsItWas
from crm_core.replay.candidates import Candidates
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.former import Former
from crm_core.replay.history import History, Step
from crm_core.replay.ledgers import Ledgers
from crm_core.replay.lines import NOBODY, Kind, Lines
from crm_core.replay.paces import HOUR, MINUTE, Paces
from crm_core.replay.settings import set_by
from crm_core.replay.world import SETTINGS, in_milliseconds, moment
from crm_core.routing.choose import OF_ONE_CONTACT, Exclusion, eligible
from crm_core.routing.decisions import Decision
from crm_core.routing.returns import ReturnReason
from crm_core.routing.sleep import Ended

_MOVES_LINES = frozenset({"skills", "priority_minutes", "hours"})
"""Settings of a source that may change how what waits there is lined up."""
_AHEAD_OF_ALL = 100 * 366 * 24 * 60 * MINUTE


class Timer(IntEnum):
    """What happens by itself at a moment, in this order: nobody is given anything after their shift."""

    TURN = 0
    CLOSE = 1
    LEAVE = 2
    DROP = 3
    PACE = 4


class Carried(AsItWas):
    """The period under other settings: the team is carried along, and queues move whenever a place is free."""

    def __init__(self, history: History, changes: Changes) -> None:
        super().__init__(history, changes)
        self.ledgers, self.lines, self.paces = Ledgers(history), Lines(), Paces(history.given)
        self.former = Former(history, changes)
        self.pool = Candidates(self.world, self.loads, self.paces, has_rates=_has_rates(history, changes))
        self.timers: list[tuple[int, Timer, int, int]] = []
        self.hours = [key for key in changes.values if key.name == "hours"]
        self.on_leave: set[int] = set()
        self.leave_changes: dict[int, int] = {}
        self.freed: int | None = history.since
        for source_id, weights in self.world.weights.items():
            for operator_id in weights:
                self.ledgers.join(source_id, operator_id)
        for given in history.given:
            self.pace_later(given.operator_id, given.at, had_waited=given.had_waited)
        for course in self.courses.values():
            if course.place is Place.WAITS:
                self.wait(course)
        for number in range(len(self.hours)):
            self.turn_later(number, history.since)
        for operator_id in self.world.operators:
            self.settle_leave(operator_id, history.since)

    # --- what happens by itself

    def until(self, at: int, then: Step | None) -> None:
        if self.freed is not None and not (then is not None and then.at == self.freed and _belongs(then)):
            self.turn_all(self.freed, Timer.TURN)
            self.give_out(self.freed)
        while self.timers and self.timers[0][0] < at:
            due, timer, of, more = self.timers[0]
            if timer is Timer.CLOSE:
                heappop(self.timers)
                self.close_next(due, of, more)
            else:
                self.turn_all(due, timer)
                self.freed = due
            if self.freed is not None:
                self.give_out(self.freed)

    def close_next(self, at: int, contact_id: int, holding: int) -> None:
        """Closes the contact that is to be closed next, if its operator still has it."""
        course = self.courses[contact_id]
        if course.holding == holding and course.place is Place.HELD:
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

    # --- what steps do

    def change(self, step: Step) -> None:
        moved = {key.source_id for key, _ in set_by(step) if key.name in _MOVES_LINES} - {0}
        for source_id in moved:
            self.note_dropped(source_id)
        super().change(step)
        for source_id in moved:
            self.line_up(source_id, step.at)
        self.left_by(step)
        self.freed = step.at
        if step.kind == events.OPERATOR_CHANGED:
            self.settle_leave(step.operator_id or 0, step.at)
            if step.reason == "removed":
                self.ledgers.remove(step.operator_id)
        if step.kind == events.WEIGHT_CHANGED and step.operator_id in self.world.weights.get(step.source_id or 0, {}):
            self.ledgers.join(step.source_id or 0, step.operator_id or 0)

    def note_dropped(self, source_id: int) -> None:
        """What waits no longer requires what was dropped, whatever its source says from now on."""
        for course in map(self.courses.__getitem__, self.lines.of_source(source_id)):
            course.dropped |= self.pool.required(course).keys() - course.needs

    def line_up(self, source_id: int, at: int) -> None:
        """What waits at a source does so as that says now."""
        for contact_id in self.lines.of_source(source_id):
            self.lines.remove(contact_id)
            self.wait(self.courses[contact_id], at)

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

    def drawn(self, course: Course, step: Step) -> None:
        if course.place is not Place.ARRIVES:
            return  # it gets a place as soon as there is one, whenever it really got it
        if self.try_to_give(course, step.at, new=step) is not None:
            self.give(course, None, step.at)

    def returned(self, course: Course, step: Step) -> None:
        self.left_by(step)
        if step.reason != ReturnReason.WOKE_ABOVE:  # that is looked at here, by the ceilings of the replay
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
        waits = course.place is Place.WAITS
        if waits:
            self.lines.remove(course.facts.id)
        super().moved(course, step)
        self.wait_anew(course, step.at)
        if waits:
            self.wait(course, step.at)
        self.freed = step.at

    def sleep(self, course: Course, step: Step) -> None:
        was_asleep = course.is_asleep
        super().sleep(course, step)
        if course.is_asleep:
            self.freed = step.at
        elif was_asleep and step.reason in (Ended.TIME, Ended.CLIENT) and self.is_above(course.operator_id):
            course.goes_first = True
            self.take_back(course, step.at)
            self.freed = step.at

    def is_above(self, operator_id: int | None) -> bool:
        """Whether more is an operator's than their ceiling lets be."""
        state = self.world.operators.get(operator_id or 0)
        return state is not None and self.loads.held[operator_id or 0] > state.most_held

    def by_hand(self, course: Course, step: Step) -> None:
        if course.place is Place.WAITS:
            self.lines.remove(course.facts.id)
        if course.place is Place.HELD:
            self.leave(course, step.at)
        course.place = Place.ARRIVES
        self.charge(course, step)
        super().by_hand(course, step)
        if step.operator_id is not None:
            self.paces.count(step.operator_id, step.at, had_waited=False)
            self.pace_later(step.operator_id, step.at, had_waited=False)
        self.freed = step.at

    def charge(self, course: Course, step: Step) -> None:
        """Whoever is assigned a contact by hand pays for it, where the ledger has such contacts."""
        source = self.world.sources[course.source_id]
        if step.decision is None or source.strategy != "exact" or source.sticky_mode == "apart":
            return
        pool = self.pool.of(course, step.at, self.on_leave)
        credits = self.ledgers.of_source(course.source_id)
        decision = Decision(source.strategy, pool, None, credits, step.operator_id, is_by_hand=True)
        self.ledgers.enter(course.source_id, decision, has_catch_up=bool(source.catch_up))

    # --- what happens to a contact

    def give(self, course: Course, operator_id: int | None, at: int) -> None:
        super().give(course, operator_id, at)
        if operator_id is None:
            self.wait(course, at)
        else:
            course.goes_first = False

    def take_back(self, course: Course, at: int, *, of_offer: bool = False) -> None:
        if of_offer:
            self.paces.take_back(course.operator_id)
        else:
            self.wait_anew(course, at)
        super().take_back(course, at, of_offer=of_offer)

    def wait_anew(self, course: Course, at: int) -> None:
        """All that a contact requires counts again, and it has waited for nobody yet."""
        course.waits_since = at
        course.dropped.clear()

    def wait(self, course: Course, at: int | None = None) -> None:
        """A contact waits, in its place by age and head start."""
        at = self.history.since if at is None else at
        course.needs, source = self.pool.needs(course, at), self.world.sources.get(course.source_id)
        ahead = 0 if source is None else source.priority_minutes * MINUTE
        position = course.facts.order_at - ahead - _AHEAD_OF_ALL * course.goes_first, course.facts.id
        self.lines.add(((course.source_id, course.facts.in_telegram), course.needs), position, since=course.waits_since)
        drops = self.pool.next_drop(course, course.needs)
        if drops is not None:
            heappush(self.timers, (drops, Timer.DROP, course.facts.id, 0))

    def close_later(self, course: Course, at: int) -> None:
        heappush(self.timers, (at, Timer.CLOSE, course.facts.id, course.holding))

    def close(self, course: Course, at: int) -> None:
        super().close(course, at)
        self.freed = at
        self.former.closed(course, at)

    def reopen(self, course: Course, step: Step) -> None:
        self.former.reopened(course)
        super().reopen(course, step)

    # --- choosing

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
        self.ledgers.enter(source_id, decision, has_catch_up=bool(source.catch_up))
        had_waited = next(one.had_waited for one in pool if one.operator_id == operator_id)
        self.paces.count(operator_id, at, had_waited=had_waited)
        self.pace_later(operator_id, at, had_waited=had_waited)
        if course.place is Place.WAITS:
            self.lines.remove(course.facts.id)
        self.give(course, operator_id, at)
        return None

    def roll(self, course: Course) -> float:
        """The number that chance gave for this draw, or, for one that never was, one that is always the same."""
        if course.drawn < len(course.rolls):
            return course.rolls[course.drawn]
        named = hashlib.blake2b(f"{course.facts.id}:{course.drawn}".encode(), digest_size=6).digest()
        return int.from_bytes(named, "big") / 2**48

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


def _has_rates(history: History, changes: Changes) -> bool:
    if any(one.rate is not None for one in history.operators.values()):
        return True
    return any(key.name == "rate" for key in changes.values) or any(one.reason == "rate" for one in history.steps)


def _belongs(step: Step) -> bool:
    """Whether a step is of the transaction of the step before it at the same moment, which gives out at its end."""
    return step.kind in SETTINGS or step.is_return or step.kind == events.CONTACT_MOVED
