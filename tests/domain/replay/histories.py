"""Histories made by a plain distributor of a page, without database: one source, contacts that come and are closed."""

import heapq
import random
from dataclasses import dataclass, field
from typing import Any

from crm_core import events
from crm_core.replay.history import ContactFacts, History, OperatorState, SourceState, Step
from crm_core.routing.choose import Candidate, choose
from crm_core.routing.credits import paid
from crm_core.routing.decisions import read, record


@dataclass
class Distributor:
    """Gives contacts to operators as the product does, and keeps what a replay reads of it.

    Attributes:
        weights, limits: by operator.
        works: how long each contact is worked on, in milliseconds; None if it stays open.
    """

    weights: dict[int, int]
    limits: dict[int, int]
    strategy: str
    works: list[int | None]
    rolls: list[float]
    online: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    facts: dict[int, ContactFacts] = field(default_factory=dict)
    loads: dict[int, int] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    closes: list[tuple[int, int, int]] = field(default_factory=list)
    credits: dict[int, int] = field(default_factory=dict)
    holders: dict[int, tuple[int, int]] = field(default_factory=dict)

    def history(self, until: int, *, ends: bool = True) -> History:
        """All that happened, as a replay reads it.

        Args:
            ends: whether what waits in the end is given to somebody then, and closed when it has been worked on.
        """
        self.until(until)
        for at, contact_id, _ in self.closes:
            self.facts[contact_id].closed_later = at
        for contact_id in self.waiting if ends else ():
            self.facts[contact_id].assigned_last = until
            self.facts[contact_id].closed_later = until + (self.works[contact_id - 1] or 0)
        return History(
            0,
            until,
            self.steps,
            self.facts,
            operators={one: OperatorState(limit) for one, limit in self.limits.items()},
            sources={1: SourceState(self.strategy)},
            weights={1: {one: weight for one, weight in self.weights.items() if weight}},
            reach={(1, True): dict.fromkeys(self.limits, True)},
            credits={1: dict.fromkeys(self.weights, 0)},
        )

    def until(self, at: int) -> None:
        """Closes what is due before a moment; a place that becomes free goes to who waits longest."""
        while self.closes and self.closes[0][0] < at:
            when, contact_id, operator_id = heapq.heappop(self.closes)
            self.loads[operator_id] -= 1
            self.add(when, events.CONTACT_CLOSED, contact_id, operator_id)
            self.give_out(when)

    def arrive(self, at: int) -> None:
        """A contact comes."""
        self.until(at)
        contact_id = len(self.facts) + 1
        self.facts[contact_id] = ContactFacts(contact_id, 1, contact_id, True)
        self.add(at, events.CONTACT_CREATED, contact_id, None)
        if not self.give(at, contact_id, is_new=True):
            self.waiting.append(contact_id)

    def turn(self, at: int, operator_id: int) -> None:
        """An operator goes or comes."""
        self.until(at)
        self.online ^= {operator_id}
        reason = "online" if operator_id in self.online else "offline"
        self.steps.append(Step(at, events.OPERATOR_CHANGED, None, None, operator_id, reason))
        self.give_out(at)

    def give_out(self, at: int) -> None:
        while self.waiting and self.give(at, self.waiting[0], is_new=False):
            self.waiting.pop(0)

    def give(self, at: int, contact_id: int, *, is_new: bool) -> bool:
        pool = tuple(
            Candidate(one, weight, self.loads.get(one, 0), self.limits[one], is_online=one in self.online)
            for one, weight in sorted(self.weights.items())
            if weight
        )
        credits = dict(self.credits) if self.strategy == "exact" else None
        roll = self.rolls[contact_id - 1]
        made = choose(pool, roll, strategy=self.strategy, credits=credits)
        chosen = made.operator
        text = record(pool, strategy=self.strategy, roll=None if chosen is None else roll, credits=credits)
        if chosen is None:
            if is_new:
                self.add(at, events.CONTACT_QUEUED, contact_id, None, made.reason, text)
            return False
        operator_id = chosen.operator_id
        if credits is not None:
            self.credits |= paid(credits, made.weights, operator_id)
        self.loads[operator_id] = self.loads.get(operator_id, 0) + 1
        self.holders[contact_id] = operator_id, at
        self.add(at, events.CONTACT_ASSIGNED, contact_id, operator_id, self.strategy, text)
        work = self.works[contact_id - 1]
        if work is not None:
            heapq.heappush(self.closes, (at + work, contact_id, operator_id))
        return True

    def add(self, at: int, kind: str, contact_id: int, operator_id: int | None, *more: Any) -> None:
        reason, text = more or (None, None)
        decision = None if text is None else read(text)
        self.steps.append(Step(at, kind, contact_id, 1, operator_id, reason, decision=decision))


def busy_history(contacts: int) -> History:
    """Ten operators who have a little too much to do, so that most contacts wait."""
    dice = random.Random(1)
    weights = {one: dice.randint(1, 50) for one in range(1, 11)}
    works: list[int | None] = [round(dice.expovariate(1 / 1_700_000)) for _ in range(contacts)]
    rolls = [dice.random() for _ in range(contacts)]
    made = Distributor(weights, dict.fromkeys(weights, 8), "exact", works, rolls, set(weights))
    at = 0
    for _ in range(contacts):
        at += round(dice.expovariate(1 / 20_000))
        made.arrive(at)
    return made.history(at + 1)
