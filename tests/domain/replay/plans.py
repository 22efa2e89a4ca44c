"""A day that can be lived twice, under two settings: who comes when, how long each contact takes, who is there when."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.calendar import Calendar
from crm_core.routing import sources
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Operator
from crm_core.team import operators, shifts
from tests.domain.arranging import NOW
from tests.domain.replay.periods import close_for, switch_presence

DAY = 86_400_000
Got = dict[int, tuple[int | None, int | None]]
ROLL = 0.4
"""What chance says at each draw: the same in both lives, though they draw in another order."""


@dataclass
class Settings:
    """Settings of one life. Weights by source (0 and 1) and operator, the others by their numbers."""

    weights: dict[tuple[int, int], int]
    limits: dict[int, int]
    strategies: dict[int, str] = field(default_factory=dict)
    hours: dict[int, Calendar] = field(default_factory=dict)


@dataclass
class Day:
    """The day itself: moments in milliseconds, each of them another one.

    Attributes:
        arrivals: when each contact comes, to which source.
        works: how long the contact of that number is worked on.
        presence: when an operator goes or comes.
    """

    arrivals: list[tuple[int, int]]
    works: list[int]
    presence: list[tuple[int, int, bool]]

    @classmethod
    def of(cls, seed: int, *, contacts: int, operators: int) -> "Day":
        """A random day of 24 hours."""
        dice = random.Random(seed)
        moments = dice.sample(range(DAY), contacts + 3 * operators)
        return cls(
            sorted((at, dice.randrange(2)) for at in moments[:contacts]),
            [dice.randint(60_000, 7_200_000) for _ in range(contacts)],
            sorted((at, dice.randrange(operators), dice.random() < 0.6) for at in moments[contacts:]),
        )


@dataclass
class Life:
    """What became of a day under settings.

    Attributes:
        operators, sources: their ids, by number.
        got: the operator of each contact, and how long it had waited for them; None where it got none.
    """

    operators: list[int]
    sources: list[int]
    got: Got


async def live(db: Database, day: Day, settings: Settings, *, ramp: int | None = None) -> Life:
    """Lives a day in the product.

    Args:
        ramp: of its sources; replays under other settings know none.
    """
    people = [
        await db.write(operators.add, name=f"Operator {one}", max_leads=limit, actor=SYSTEM, now=NOW)
        for one, limit in sorted(settings.limits.items())
    ]
    places = [
        await db.write(sources.add, name=f"site {one}", description=None, actor=SYSTEM, now=NOW) for one in range(2)
    ]
    acting: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
    for source in places:
        await db.write(sources.set_ramp, source_id=source, ramp=ramp, rng=chance, **acting)
    for (source, one), weight in settings.weights.items():
        ids: dict[str, Any] = {"source_id": places[source], "operator_id": people[one]}
        await db.write(sources.set_weight, weight=weight, rng=chance, **ids, **acting)
    for source, strategy in settings.strategies.items():
        await db.write(sources.set_strategy, source_id=places[source], strategy=strategy, **acting)
    for one, hours in settings.hours.items():
        await db.write(shifts.set_hours, operator_id=people[one], hours=hours, rng=chance, **acting)
    living = _Living(db, day, people, places)
    await living.go()
    return Life(people, places, living.got)


def what_came_of_it(s: Session) -> Got:
    """The operator of each contact, and how long it waited for them."""
    rows = s.execute(select(Contact.id, Contact.operator_id, Contact.created_at, Contact.assigned_at)).all()
    return {
        row.id: (row.operator_id, None if row.assigned_at is None else int((row.assigned_at - row.created_at) / _MS))
        for row in rows
    }


_MS = timedelta(milliseconds=1)


def chance() -> float:
    """Chance."""
    return ROLL


def moment(at: int) -> datetime:
    """A moment of the day."""
    return NOW + timedelta(minutes=1) + at * _MS


@dataclass
class _Living:
    db: Database
    day: Day
    people: list[int]
    places: list[int]
    due: list[tuple[int, int, Callable[[Session], object]]] = field(default_factory=list)
    closing: set[int] = field(default_factory=set)
    number: int = 0
    is_over: bool = False
    got: Got = field(default_factory=dict)

    def plan(self, at: int, body: Callable[[Session], object]) -> None:
        self.number += 1
        heapq.heappush(self.due, (at, self.number, body))

    async def go(self) -> None:
        for at, source in self.day.arrivals:
            self.plan(at, self.arrival(at, source))
        for at, one, is_online in self.day.presence:
            self.plan(at, self.presence(at, one, is_online))
        self.plan(DAY, lambda s: None)
        while self.due:
            shift = await self.db.read(next_shift)
            if shift is not None and shift < moment(self.due[0][0]):
                at = int((shift - moment(0)) / _MS)
                due = await self.db.read(shifts.due, now=shift)
                await self.db.write(shifts.turn, operator_ids=due, now=shift, rng=chance)
            else:
                at, _, body = heapq.heappop(self.due)
                if at >= DAY and not self.is_over:
                    self.got = await self.db.read(what_came_of_it)
                    await self.let_all_be_done()
                await self.db.write(body)
            await self.plan_closes(at)

    def arrival(self, at: int, source: int) -> Callable[[Session], object]:
        lead = LeadFacts(email=f"client{at}@example.com")
        return lambda s: lifecycle.register(s, source_id=self.places[source], lead=lead, now=moment(at), rng=chance)

    def presence(self, at: int, one: int, is_online: bool) -> Callable[[Session], object]:
        return lambda s: switch_presence(
            s, operator_id=self.people[one], is_online=is_online, now=moment(at), rng=chance
        )

    async def let_all_be_done(self) -> None:
        """After the day everybody takes everything, so that it is known how long each contact takes."""
        self.is_over = True
        acting: dict[str, Any] = {"actor": SYSTEM, "now": moment(DAY), "rng": chance}
        for one in self.people:
            await self.db.write(shifts.set_hours, operator_id=one, hours=None, **acting)
            await self.db.write(switch_presence, operator_id=one, is_online=True, now=moment(DAY), rng=chance)
            await self.db.write(operators.set_limit, operator_id=one, max_leads=1_000, **acting)
            for source_id in self.places:
                await self.db.write(sources.set_weight, source_id=source_id, operator_id=one, weight=1, **acting)
        await self.plan_closes(DAY)

    async def plan_closes(self, at: int) -> None:
        """Whoever has just got a contact will close it when it has been worked on."""
        rows = await self.db.read(
            lambda s: s.execute(
                select(Contact.id).where(Contact.operator_id.is_not(None), Contact.status != "closed")
            ).all()
        )
        for row in rows:
            if row.id not in self.closing:
                self.closing.add(row.id)
                ends = at + self.day.works[row.id - 1]
                self.plan(ends, self.close(ends, row.id))

    def close(self, at: int, contact_id: int) -> Callable[[Session], object]:
        return lambda s: close_for(s, contact_id=contact_id, now=moment(at), rng=chance)


def next_shift(s: Session) -> Any:
    """When somebody's shift turns next."""
    return s.execute(select(func.min(Operator.shift_changes_at))).scalar_one()
