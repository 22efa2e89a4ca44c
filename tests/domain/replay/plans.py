"""A day that can be lived twice, under two settings: who comes when, how long each contact takes, who is there when."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core.access.actors import LOCAL_API, SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.calendar import Calendar
from crm_core.routing import (
    given,
    new_sources,
    offer_settings,
    opening_hours,
    requirements,
    skills,
    source_changes,
    source_settings,
    weight_settings,
)
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Given, Operator, Source
from crm_core.team import ceilings, missed_offers, operators, rates, shifts
from tests.domain.arranging import NOW
from tests.domain.replay.periods import close_for, switch_presence

DAY = 86_400_000
Got = dict[int, tuple[int | None, int | None]]
ROLL = 0.4
"""What chance says at each draw: the same in both lives, though they draw in another order."""
CLIENTS = 30
TAGS = ("german", "vip")


@dataclass
class Settings:
    """Settings of one life. Weights and limits there by source (0 and 1) and operator, the others by their numbers.

    Attributes:
        operators, sources: by number, then by the name of the setting, as a replay has them; each has all of them.
    """

    weights: dict[tuple[int, int], int]
    limits_here: dict[tuple[int, int], int | None]
    operators: dict[int, dict[str, Any]]
    sources: dict[int, dict[str, Any]]


@dataclass
class Arrival:
    """A contact that comes in.

    Attributes:
        skills: with the minutes after which they are dropped, or None.
        head_start: in minutes.
    """

    at: int
    source: int
    client: int
    skills: dict[str, int | None]
    head_start: int

    @classmethod
    def at_random(cls, at: int, dice: random.Random) -> "Arrival":
        """A random one."""
        skills = {dice.choice(TAGS): dice.choice((None, 20, 90))} if dice.random() < 0.2 else {}
        return cls(at, dice.randrange(2), dice.randrange(CLIENTS), skills, dice.choice((0, 0, 0, 60)))


@dataclass
class Day:
    """The day itself: moments in milliseconds, each of them another one.

    Attributes:
        arrivals: when each contact comes, to which source, from which client, with which skills and head start.
        works: how long the contact of that number is worked on.
        presence: when an operator goes or comes.
        reactions: after how much of their working time each operator takes what they are given, and begins to work on
            it; without them they close it when it has been worked on.
    """

    arrivals: list["Arrival"]
    works: list[int]
    presence: list[tuple[int, int, bool]]
    reactions: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, *, contacts: int, operators: int) -> "Day":
        """A random day of 24 hours."""
        dice = random.Random(seed)
        moments = dice.sample(range(DAY), contacts + 3 * operators)
        return cls(
            sorted((Arrival.at_random(at, dice) for at in moments[:contacts]), key=lambda one: one.at),
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


async def live(db: Database, day: Day, settings: Settings) -> Life:
    """Lives a day in the product."""
    acting: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
    people = [
        await db.write(operators.add, name=f"Operator {one}", max_leads=1, **acting)
        for one in sorted(settings.operators)
    ]
    places = [await db.write(new_sources.add, name=f"site {one}", description=None, **acting) for one in range(2)]
    for (source, one), weight in settings.weights.items():
        limit = settings.limits_here[source, one] if weight else None
        ids: dict[str, Any] = {"source_id": places[source], "operator_id": people[one]}
        await db.write(weight_settings.set_weight, weight=weight, limit=limit, rng=chance, **ids, **acting)
    for one, own in settings.operators.items():
        who: dict[str, Any] = {"operator_id": people[one], "rng": chance, **acting}
        await db.write(operators.set_limit, max_leads=own["limit"], **who)
        await db.write(ceilings.set_ceiling, max_held=own["ceiling"], **who)
        await db.write(rates.set_rate, rate=own["rate"], **who)
        await db.write(operators.set_skills, tags=skills.tags(own["skills"]), **who)
        await db.write(shifts.set_hours, hours=own["hours"], **who)
        await db.write(operators.set_active, is_active=own["is_active"], **who)
    for number, own in settings.sources.items():
        values = {name: value for name, value in own.items() if name not in ("hours", "skills")}
        values["skills"] = skills.read(own["skills"])
        if values.get("duty_operator_id") is not None:
            values["duty_operator_id"] = people[values["duty_operator_id"]]
        await db.write(source_changes.change, source_id=places[number], values=values, rng=chance, **acting)
        await db.write(opening_hours.set_hours, source_id=places[number], hours=own["hours"], rng=chance, **acting)
    living = _Living(db, day, people, places, [settings.operators[one]["hours"] for one in sorted(settings.operators)])
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
    hours: list[Calendar | None]
    due: list[tuple[int, int, Callable[[Session], object]]] = field(default_factory=list)
    closing: set[int] = field(default_factory=set)
    given: dict[int, int] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)
    number: int = 0
    is_over: bool = False
    got: Got = field(default_factory=dict)

    def plan(self, at: int, body: Callable[[Session], object]) -> None:
        self.number += 1
        heapq.heappush(self.due, (at, self.number, body))

    async def go(self) -> None:
        for arrival in self.day.arrivals:
            self.plan(arrival.at, self.arrival(arrival))
        for at, one, is_online in self.day.presence:
            self.plan(at, self.presence(at, one, is_online))
        self.plan(DAY, lambda s: None)
        while self.due:
            await self.db.write_unflushed(self.step)

    def step(self, s: Session) -> None:
        """What comes next, and all that follows from it at that moment."""
        turn = next_turn(s)
        if turn is not None and turn < moment(self.due[0][0]):
            at = int((turn - moment(0)) / _MS)
            self.turn(s, turn)
        else:
            at, _, body = heapq.heappop(self.due)
            if at >= DAY and not self.is_over:
                self.got = what_came_of_it(s)
                self.let_all_be_done(s)
            body(s)
        self.end_offers(s, moment(at))
        self.plan_answers(s, at)
        self.plan_closes(s, at)

    def turn(self, s: Session, now: datetime) -> None:
        """All that is due by itself, as the periodic jobs do it."""
        acting: dict[str, Any] = {"now": now, "rng": chance}
        due, opening = shifts.due(s, now=now), opening_hours.due(s, now=now)
        if due or opening:
            shifts.turn(s, operator_ids=due, source_ids=opening, **acting)
        if due := given.due(s, now=now):
            rates.turn(s, operator_ids=due, **acting)
        if drops := requirements.due(s, now=now):
            contact_ids, source_ids = zip(*drops, strict=True)
            requirements.drop(s, contact_ids=contact_ids, source_ids=source_ids, **acting)

    def arrival(self, one: Arrival) -> Callable[[Session], object]:
        lead = LeadFacts(email=f"client{one.client}@example.com")
        own: dict[str, Any] = {"required": one.skills, "head_start": one.head_start}
        return lambda s: lifecycle.register(
            s, source_id=self.places[one.source], lead=lead, now=moment(one.at), rng=chance, **own
        )

    def presence(self, at: int, one: int, is_online: bool) -> Callable[[Session], object]:
        return lambda s: switch_presence(
            s, operator_id=self.people[one], is_online=is_online, now=moment(at), rng=chance
        )

    def let_all_be_done(self, s: Session) -> None:
        """After the day everybody takes everything, so that it is known how long each contact takes."""
        self.is_over = True
        acting: dict[str, Any] = {"actor": SYSTEM, "now": moment(DAY), "rng": chance}
        for one in self.people:
            who: dict[str, Any] = {"operator_id": one, **acting}
            shifts.set_hours(s, hours=None, **who)
            operators.set_active(s, is_active=True, **who)
            switch_presence(s, operator_id=one, is_online=True, now=moment(DAY), rng=chance)
            ceilings.set_ceiling(s, max_held=10_000, **who)
            rates.set_rate(s, rate=None, **who)
            operators.set_skills(s, tags=TAGS, **who)
            operators.set_limit(s, max_leads=1_000, **who)
        for source_id in self.places:
            source_settings.set_ramp(s, source_id=source_id, ramp=None, **acting)
            never = {"offer_seconds": 0}
            offer_settings.set_offers(s, source_id=source_id, values=never, actor=SYSTEM, now=moment(DAY))
            opening_hours.set_hours(s, source_id=source_id, hours=None, **acting)
            for one in self.people:
                ids: dict[str, Any] = {"source_id": source_id, "operator_id": one}
                weight_settings.set_weight(s, weight=1, limit=None, **ids, **acting)
        self.plan_closes(s, DAY)

    def end_offers(self, s: Session, now: datetime) -> None:
        """Offers that are missed, or keep a contact from somebody else, one by one as the periodic job does it."""
        while due := missed_offers.due(s, now=now):
            missed_offers.end(s, contact_id=due[0], now=now, rng=chance)

    def plan_answers(self, s: Session, at: int) -> None:
        """Whoever has just been given a contact will take it in their time."""
        if not self.day.reactions:
            return
        rows = s.execute(select(Contact.id, Contact.operator_id).where(Contact.status == "new")).all()
        had, self.given = self.given, {row.id: row.operator_id for row in rows if row.operator_id is not None}
        for contact_id, operator_id in self.given.items():
            if had.get(contact_id) != operator_id:
                number = self.people.index(operator_id)
                time, hours = self.day.reactions[number], self.hours[number]
                found = moment(at) + time * _MS if hours is None else hours.after(moment(at), time * _MS)
                if found is not None:
                    answered = int((found - moment(0)) / _MS)
                    self.tokens[contact_id] = self.tokens.get(contact_id, 0) + 1
                    self.plan(answered, self.answer(answered, contact_id, self.tokens[contact_id]))
        for contact_id in had.keys() - self.given.keys():
            self.tokens[contact_id] = self.tokens.get(contact_id, 0) + 1

    def answer(self, at: int, contact_id: int, token: int) -> Callable[[Session], object]:
        def body(s: Session) -> None:
            if self.tokens[contact_id] != token:
                return
            lifecycle.take(s, contact_id=contact_id, version=None, actor=LOCAL_API, now=moment(at), rng=chance)

        return body

    def plan_closes(self, s: Session, at: int) -> None:
        """Whoever has just got a contact, or taken it, will close it when it has been worked on."""
        is_worked_on = Contact.status == "in_progress" if self.day.reactions else Contact.status != "closed"
        rows = s.execute(select(Contact.id).where(Contact.operator_id.is_not(None), is_worked_on)).all()
        for row in rows:
            if row.id not in self.closing:
                self.closing.add(row.id)
                ends = at + self.day.works[row.id - 1]
                self.plan(ends, self.close(ends, row.id))

    def close(self, at: int, contact_id: int) -> Callable[[Session], object]:
        return lambda s: close_for(s, contact_id=contact_id, now=moment(at), rng=chance)


def next_turn(s: Session) -> Any:
    """When something is due by itself next."""
    moments = [
        s.execute(select(func.min(column))).scalar_one()
        for column in (
            Operator.shift_changes_at,
            Source.opening_changes_at,
            Contact.drops_at,
            Contact.offer_ends_at,
        )
    ]
    rates = select(func.min(Given.at)).join(Operator, Operator.id == Given.operator_id)
    hour = s.execute(rates.where(Operator.rate.is_not(None))).scalar_one()
    minute = s.execute(select(func.min(Given.at)).where(Given.had_waited)).scalar_one()
    moments += [
        None if hour is None else hour + timedelta(hours=1),
        None if minute is None else minute + timedelta(minutes=1),
    ]
    return min((one for one in moments if one is not None), default=None)
