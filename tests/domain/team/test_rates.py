"""Rates: how many contacts an operator is given in any hour, and what waits for the next one."""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, reopening, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import explanations, given, new_sources, waiting_list, weight_settings
from crm_core.storage.database import Database
from crm_core.team import departure, operators, rates
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_all

_clients = count(1)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def when(minutes: float) -> dict[str, Any]:
    return {"actor": SYSTEM, "now": after(minutes), "rng": random.random}


def paced_office(s: Session, *, rates_of: list[int | None], limit: int = 50) -> Office:
    office = open_office(s, weights=[1] * len(rates_of), limit=limit)
    for operator_id, rate in zip(office.operator_ids, rates_of, strict=True):
        set_rate(s, operator_id, rate, 0)
    return office


def set_rate(s: Session, operator_id: int, rate: int | None, minutes: float) -> int:
    return rates.set_rate(s, operator_id=operator_id, rate=rate, **when(minutes)).count


def register(s: Session, office: Office, minutes: float, source_id: int | None = None) -> lifecycle.Registered:
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    at = source_id or office.source_id
    return lifecycle.register(s, source_id=at, lead=lead, now=after(minutes), rng=random.random)


async def turn(db: Database, minutes: float) -> int:
    """What a process does each second; returns how many contacts were given out."""
    due = await db.read(given.due, now=after(minutes))
    count = await db.write(rates.turn, operator_ids=due, now=after(minutes), rng=random.random) if due else 0
    assert await db.read(given.due, now=after(minutes)) == []
    await db.read(check_all)
    return count


async def test_contact_beyond_the_rate_waits_until_an_earlier_ones_hour_is_over(db: Database) -> None:
    office = await db.write(paced_office, rates_of=[2])
    (anna,) = office.operator_ids
    made = [await db.write(register, office, minutes) for minutes in (0, 10, 20, 21)]
    assert [one.operator_id for one in made] == [anna, anna, None, None]
    found = await db.read(explanations.explain, contact_id=made[2].id, actor=SYSTEM)
    assert found.decided[-1].reason == "rate"
    assert [await turn(db, minutes) for minutes in (30, 59.99, 60, 61, 70, 71)] == [0, 0, 1, 0, 1, 0]
    assert (await db.write(register, office, 80)).operator_id is None
    assert [await turn(db, minutes) for minutes in (119, 120)] == [0, 1]


async def test_contact_beyond_the_rate_goes_to_somebody_else(db: Database) -> None:
    office = await db.write(paced_office, rates_of=[1, None])
    first, second = office.operator_ids
    made = [(await db.write(register, office, minutes)).operator_id for minutes in range(9)]
    assert Counter(made)[first] <= 1
    assert set(made) <= {first, second}
    await db.read(check_all)


async def test_rate_counts_all_sources_and_closed_contacts(db: Database) -> None:
    def story(s: Session) -> None:
        office = paced_office(s, rates_of=[2])
        (anna,) = office.operator_ids
        site = new_sources.add(s, name="Site", description=None, actor=SYSTEM, now=NOW)
        weight_settings.set_weight(s, source_id=site, operator_id=anna, weight=1, **when(0))
        first = register(s, office, 1)
        who = telegram(office.account(anna))
        lifecycle.close(s, contact_id=first.id, version=None, actor=who, now=after(2), rng=random.random)
        assert register(s, office, 3, site).operator_id == anna
        assert register(s, office, 4).operator_id is None
        reopening.reopen(s, contact_id=first.id, version=None, actor=who, now=after(5))
        check_all(s)  # a contact that is opened again was not given

    await db.write(story)


async def test_contact_given_by_hand_counts_and_knows_no_rate(db: Database) -> None:
    def story(s: Session) -> None:
        office = paced_office(s, rates_of=[1])
        (anna,) = office.operator_ids
        register(s, office, 0)
        waiting = register(s, office, 1)
        transfer.assign_by_hand(s, contact_id=waiting.id, operator_id=anna, **when(2))
        assert operators.one(s, operator_id=anna).given_lately == 2
        check_all(s)

    await db.write(story)


async def test_new_rate_counts_the_last_hour_and_its_end_gives_out_what_waits(db: Database) -> None:
    def story(s: Session) -> None:
        office = paced_office(s, rates_of=[None])
        (anna,) = office.operator_ids
        for minutes in (0, 30, 40):
            register(s, office, minutes)
        assert set_rate(s, anna, 3, 65) == 0
        assert operators.one(s, operator_id=anna).given_lately == 2
        assert [register(s, office, 66).operator_id for _ in range(3)] == [anna, None, None]
        assert set_rate(s, anna, 4, 67) == 1
        check_all(s)
        assert set_rate(s, anna, None, 68) == 1
        assert s.execute(text("SELECT count(*) FROM given")).scalar_one() == 0
        check_all(s)

    await db.write(story)


async def test_operator_who_is_removed_is_counted_no_more(db: Database) -> None:
    def story(s: Session) -> None:
        office = paced_office(s, rates_of=[5])
        register(s, office, 0)
        departure.remove(s, operator_id=office.operator_ids[0], **when(1))
        assert s.execute(text("SELECT count(*) FROM given")).scalar_one() == 0
        check_all(s)

    await db.write(story)


@pytest.mark.fault("F186")
async def test_many_clients_at_once_never_exceed_a_rate(db: Database) -> None:
    office = await db.write(paced_office, rates_of=[3, 4])
    first, second = office.operator_ids
    site = await db.write(new_sources.add, name="Site", description=None, actor=SYSTEM, now=NOW)
    for operator_id in (first, second):
        await db.write(weight_settings.set_weight, source_id=site, operator_id=operator_id, weight=1, **when(0))
    calls = [db.write(register, office, 1, source_id) for _ in range(12) for source_id in (office.source_id, site)]
    made = await asyncio.gather(*calls)
    assert Counter(one.operator_id for one in made) == {first: 3, second: 4, None: 17}
    await db.read(check_all)
    assert await turn(db, 61) == 7


@pytest.mark.fault("F186")
async def test_clock_set_back_makes_nobody_wait_longer_than_an_hour(db: Database) -> None:
    office = await db.write(paced_office, rates_of=[1])
    (anna,) = office.operator_ids
    assert (await db.write(register, office, 600)).operator_id == anna
    assert (await db.write(register, office, 0)).operator_id is None
    assert await turn(db, 1) == 0
    assert [await turn(db, minutes) for minutes in (60, 61)] == [0, 1]
    assert await db.read(waiting_list.length) == 0
