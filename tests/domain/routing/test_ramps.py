"""The morning ramp: how much of what had waited somebody gets in a minute who comes, or whose source opens."""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.reading import read_hours
from crm_core.routing import (
    explanations,
    given,
    giving_out,
    new_sources,
    opening_hours,
    queue,
    ramps,
    source_settings,
    waiting_list,
    weight_settings,
)
from crm_core.routing.skills import Required
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Event
from crm_core.team import operators, rates, shifts
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_all

_clients = count(1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def who(seconds: float) -> dict[str, Any]:
    return {"actor": SYSTEM, "now": at(seconds), "rng": random.random}


def office_with_ramp(s: Session, *, team: int = 1, ramp: int | None = 2) -> Office:
    """Operators who are offline, at a source with a ramp."""
    office = open_office(s, weights=[1] * team, limit=50)
    source_settings.set_ramp(s, source_id=office.source_id, ramp=ramp, **who(0))
    for operator_id in office.operator_ids:
        turn_on(s, office, operator_id, 0, is_online=False)
    return office


def turn_on(s: Session, office: Office, operator_id: int, seconds: float, *, is_online: bool = True) -> int:
    actor = telegram(office.account(operator_id))
    return operators.set_online(s, is_online=is_online, **{**who(seconds), "actor": actor}).count


def register(s: Session, source_id: int, seconds: float, required: Required | None = None) -> lifecycle.Registered:
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    made: dict[str, Any] = {"source_id": source_id, "lead": lead, "required": required}
    return lifecycle.register(s, now=at(seconds), rng=random.random, **made)


async def turn(db: Database, seconds: float) -> int:
    """What a process does each second; returns how many contacts were given out."""
    due = await db.read(given.due, now=at(seconds))
    number = await db.write(rates.turn, operator_ids=due, now=at(seconds), rng=random.random) if due else 0
    assert await db.read(given.due, now=at(seconds)) == []
    await db.read(check_all)
    return number


async def test_whoever_comes_gets_what_had_waited_a_few_a_minute(db: Database) -> None:
    office = await db.write(office_with_ramp)
    (anna,) = office.operator_ids
    waiting = [await db.write(register, office.source_id, seconds) for seconds in range(5)]
    assert await db.write(turn_on, office, anna, 100) == 2
    found = await db.read(explanations.explain, contact_id=waiting[1].id, actor=SYSTEM)
    assert found.decided[-1].operator_id == anna
    assert await db.read(queue.why_it_waits, office.source_id, contact_id=waiting[2].id) == "ramp"
    assert [await turn(db, seconds) for seconds in (130, 159.9, 160, 200, 219, 220, 300)] == [0, 0, 2, 0, 0, 1, 0]
    assert await db.read(waiting_list.length) == 0


async def test_new_contact_comes_at_once_and_overtakes_what_had_waited(db: Database) -> None:
    office = await db.write(office_with_ramp)
    (anna,) = office.operator_ids
    for seconds in range(5):
        await db.write(register, office.source_id, seconds)
    await db.write(turn_on, office, anna, 100)
    assert [(await db.write(register, office.source_id, 101)).operator_id for _ in range(4)] == [anna] * 4
    assert await db.read(waiting_list.length) == 3
    await db.read(check_all)


async def test_what_came_after_an_operator_is_not_held_back_by_what_came_before(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, ramp=1)
        (anna,) = office.operator_ids
        for seconds in range(3):
            register(s, office.source_id, seconds)
        turn_on(s, office, anna, 100)
        operators.set_limit(s, operator_id=anna, max_leads=1, **who(100))
        later = register(s, office.source_id, 101)
        assert later.operator_id is None
        turn_on(s, office, anna, 101.5)  # she is online already, and does not come again
        operators.set_limit(s, operator_id=anna, max_leads=9, **who(102))
        holder = s.execute(select(Contact.operator_id).where(Contact.id == later.id)).scalar_one()
        assert holder == anna, "the limit holds back only what had waited before she came"
        assert waiting_list.length(s) == 2
        check_all(s)

    await db.write(story)


async def test_each_operator_who_comes_has_a_minute_of_their_own(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, team=2)
        for seconds in range(9):
            register(s, office.source_id, seconds)
        assert [turn_on(s, office, one, 100) for one in office.operator_ids] == [2, 2]
        assert waiting_list.length(s) == 5
        check_all(s)

    await db.write(story)


async def test_source_that_opens_gives_out_its_night_a_few_a_minute(db: Database) -> None:
    def story(s: Session) -> tuple[int, int]:
        office = open_office(s, weights=[1], limit=50)
        hours = read_hours("daily 13-18", zone="UTC", today=NOW.date())
        opening_hours.set_hours(s, source_id=office.source_id, hours=hours, **who(0))
        for seconds in range(7):
            register(s, office.source_id, seconds)
        due: Any = {"operator_ids": [], "source_ids": [office.source_id]}
        return shifts.turn(s, **due, now=at(3_600), rng=random.random), office.source_id

    given_out, _ = await db.write(story)
    assert given_out == ramps.USUAL
    assert [await turn(db, 3_600 + seconds) for seconds in (59, 60, 120)] == [0, 3, 1]


async def test_contact_given_by_hand_knows_no_ramp_and_counts_in_no_minute(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, ramp=1)
        (anna,) = office.operator_ids
        waiting = [register(s, office.source_id, seconds).id for seconds in range(3)]
        transfer.assign_by_hand(s, contact_id=waiting[2], operator_id=anna, confirmed=True, **who(99))
        assert turn_on(s, office, anna, 100) == 1
        check_all(s)

    await db.write(story)


async def test_ramp_counts_what_other_sources_had_waiting(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, ramp=2)
        (anna,) = office.operator_ids
        site = new_sources.add(s, name="Site", description=None, actor=SYSTEM, now=NOW)
        source_settings.set_ramp(s, source_id=site, ramp=None, **who(0))
        weight_settings.set_weight(s, source_id=site, operator_id=anna, weight=1, **who(0))
        for seconds in range(4):
            register(s, site, seconds)
        register(s, office.source_id, 5)
        assert turn_on(s, office, anna, 100) == 4
        assert waiting_list.length(s, source_id=office.source_id) == 1
        check_all(s)

    await db.write(story)


def held_back(s: Session) -> list[tuple[int, str, str]]:
    """Which contacts were held back, why, and until when, in order."""
    rows = s.execute(select(Event).where(Event.kind == events.CONTACT_HELD_BACK).order_by(Event.id)).scalars()
    return [(one.contact_id or 0, one.reason or "", (one.data or {})["until"]) for one in rows]


async def test_hold_is_recorded_once_for_each_contact_with_a_place(db: Database) -> None:
    office = await db.write(office_with_ramp)
    (anna,) = office.operator_ids
    await db.write(operators.set_limit, operator_id=anna, max_leads=4, **who(0))
    ids = [(await db.write(register, office.source_id, seconds)).id for seconds in range(7)]
    assert await db.write(turn_on, office, anna, 100) == 2
    held = [(one, "ramp", at(160).isoformat()) for one in ids[2:4]]
    assert await db.read(held_back) == held, "without a ramp she would have had these, and no more"
    for seconds in (110, 130):
        await db.write(giving_out.sweep, now=at(seconds), rng=random.random)
    assert await turn(db, 160) == 2
    assert await db.read(held_back) == held
    ending = {**who(170), "actor": telegram(office.account(anna)), "version": None}
    await db.write(lifecycle.close, contact_id=ids[0], **ending)
    assert await db.read(held_back) == [*held, (ids[4], "ramp", at(220).isoformat())]
    found = await db.read(explanations.explain, contact_id=ids[2], actor=SYSTEM)
    assert [(one.is_held_back, one.is_assigned) for one in found.decided] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    decision = found.decided[1].decision
    assert decision is not None
    assert decision.excluded == {anna: "ramp"}


async def test_hold_is_recorded_again_when_the_operator_comes_again(db: Database) -> None:
    office = await db.write(office_with_ramp, ramp=1)
    (anna,) = office.operator_ids
    ids = [(await db.write(register, office.source_id, seconds)).id for seconds in range(4)]
    await db.write(turn_on, office, anna, 100)
    for seconds, expected in ((130, ids[1:]), (9_000, [*ids[1:], *ids[2:]])):
        await db.write(turn_on, office, anna, seconds, is_online=False)
        await db.write(turn_on, office, anna, seconds + 1)
        assert [one for one, _, _ in await db.read(held_back)] == expected, "a moment away is the same hold"
        await turn(db, seconds + 61)


async def test_nothing_is_held_back_where_another_rule_keeps_it(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, ramp=1)
        (anna,) = office.operator_ids
        register(s, office.source_id, 1)
        register(s, office.source_id, 2, {"german": None})
        assert turn_on(s, office, anna, 100) == 1
        assert held_back(s) == [], "she has had one in this minute, and does not speak German either"
        operators.set_limit(s, operator_id=anna, max_leads=1, **who(110))
        register(s, office.source_id, 5)
        operators.set_skills(s, operator_id=anna, tags=["german"], **who(120))
        assert held_back(s) == [], "she is full"
        operators.set_limit(s, operator_id=anna, max_leads=2, **who(130))
        assert len(held_back(s)) == 1
        check_all(s)

    await db.write(story)


async def test_ramp_that_is_off_everywhere_writes_nothing(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s, ramp=None)
        for seconds in range(5):
            register(s, office.source_id, seconds)
        assert turn_on(s, office, office.operator_ids[0], 100) == 5
        assert s.execute(text("SELECT count(*) FROM given")).scalar_one() == 0

    await db.write(story)


async def test_ramp_that_is_taken_away_gives_out_the_rest_at_once(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_ramp(s)
        for seconds in range(6):
            register(s, office.source_id, seconds)
        turn_on(s, office, office.operator_ids[0], 100)
        assert source_settings.set_ramp(s, source_id=office.source_id, ramp=None, **who(110)).count == 4

    await db.write(story)


@pytest.mark.fault("F201")
async def test_several_processes_that_give_out_at_once_never_exceed_a_ramp(db: Database) -> None:
    office = await db.write(office_with_ramp, team=2, ramp=3)
    site = await db.write(new_sources.add, name="Site", description=None, actor=SYSTEM, now=NOW)
    await db.write(source_settings.set_ramp, source_id=site, ramp=3, **who(0))
    for one in office.operator_ids:
        await db.write(weight_settings.set_weight, source_id=site, operator_id=one, weight=1, **who(0))
    for number in range(20):
        await db.write(register, site if number % 2 else office.source_id, number)
    coming = [db.write(turn_on, office, one, 100) for one in office.operator_ids]
    sweeps = [db.write(giving_out.sweep, now=at(100), rng=random.random) for _ in range(6)]
    await asyncio.gather(*coming, *sweeps)
    held = await db.read(lambda s: s.execute(select(Contact.operator_id)).scalars().all())
    assert Counter(held) == {office.operator_ids[0]: 3, office.operator_ids[1]: 3, None: 14}
    assert await turn(db, 160) == 6


@pytest.mark.fault("F201")
async def test_clock_set_back_makes_nobody_wait_longer_than_a_minute(db: Database) -> None:
    office = await db.write(office_with_ramp)
    for seconds in range(4):
        await db.write(register, office.source_id, seconds)
    assert await db.write(turn_on, office, office.operator_ids[0], 5_000) == 2
    assert [await turn(db, seconds) for seconds in (100, 159, 160)] == [0, 0, 2]
