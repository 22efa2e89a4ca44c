"""Contacts that sleep: each wakes once, and never brings an operator above their ceiling."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, reopening, snoozing, transfer
from crm_core.errors import OperatorAtCeiling
from crm_core.routing import ledger, sleep, source_settings, weight_settings
from crm_core.routing.choose import Exclusion
from crm_core.routing.decisions import read
from crm_core.service import histories
from crm_core.service.clocks import Kind
from crm_core.storage.database import Database
from crm_core.team import ceilings, departure, operators
from tests.domain.arranging import NOW, Office, hire, open_office, say
from tests.domain.invariants import check_loads, check_nobody_waits_in_vain

HOUR = timedelta(hours=1)
WHEN: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random}


def put_to_sleep(s: Session, office: Office, contact_id: int, until: datetime, *, now: datetime = NOW) -> None:
    holder = s.execute(text("SELECT operator_id FROM contacts WHERE id = :id"), {"id": contact_id}).scalar_one()
    who = telegram(office.account(holder))
    snoozing.snooze(s, contact_id=contact_id, version=None, until=until, actor=who, now=now, rng=random.random)


def wake(s: Session, now: datetime) -> int:
    return snoozing.wake_due(s, contact_ids=sleep.due(s, now=now), now=now, rng=random.random)


def rows(s: Session, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in s.execute(text(query))]


def checked(s: Session) -> None:
    check_loads(s)
    check_nobody_waits_in_vain(s)


@pytest.mark.fault("F197")
async def test_twenty_who_wake_at_once_stay_below_the_ceiling(db: Database) -> None:
    def story(s: Session) -> list[tuple[Any, ...]]:
        office = open_office(s, weights=[1], limit=1)
        (anna,) = office.operator_ids
        ceilings.set_ceiling(s, operator_id=anna, max_held=20, actor=SYSTEM, now=NOW, rng=random.random)
        for client in range(1, 21):
            put_to_sleep(s, office, say(s, client).contact_id, NOW + HOUR)
        say(s, 99)  # at the ceiling, though nothing counts in her load
        ceilings.set_ceiling(s, operator_id=anna, max_held=5, actor=SYSTEM, now=NOW, rng=random.random)
        checked(s)
        assert wake(s, NOW + HOUR) == 20
        checked(s)
        return rows(s, "SELECT current_leads, snoozed FROM operators")

    assert await db.write(story) == [(5, 0)]
    waiting = await db.read(
        lambda s: rows(s, "SELECT id FROM contacts WHERE operator_id IS NULL ORDER BY order_at, id")
    )
    assert [one for (one,) in waiting] == [*range(1, 16), 21]  # before who came first, with their age


async def test_reopening_and_giving_by_hand_end_at_the_ceiling(db: Database) -> None:
    def story(s: Session) -> None:
        office = open_office(s, weights=[1], limit=1)
        (anna,) = office.operator_ids
        who: dict[str, Any] = {"version": None, "actor": telegram(office.account(anna)), "now": NOW}
        first = say(s, 1).contact_id
        lifecycle.close(s, contact_id=first, **who, rng=random.random)
        for client in (2, 3, 4):
            put_to_sleep(s, office, say(s, client).contact_id, NOW + HOUR)
        waits = say(s, 5).contact_id
        by_hand: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random, "confirmed": True}
        with pytest.raises(OperatorAtCeiling):
            transfer.assign_by_hand(s, contact_id=waits, operator_id=anna, **by_hand)
        with pytest.raises(OperatorAtCeiling):
            reopening.reopen(s, contact_id=first, **who)
        operators.set_limit(s, operator_id=anna, max_leads=2, actor=SYSTEM, now=NOW, rng=random.random)
        reopening.reopen(s, contact_id=first, **who)
        checked(s)

    await db.write(story)


@pytest.mark.fault("F196")
async def test_clock_set_back_wakes_nothing_twice(db: Database) -> None:
    def story(s: Session) -> list[int]:
        office = open_office(s, weights=[1], limit=9)
        for client in (1, 2):
            put_to_sleep(s, office, say(s, client).contact_id, NOW + client * HOUR)
        moments = (0, 1, 0.5, 1.5, -3, 1, 2, 0, 2, 3)
        return [wake(s, NOW + moment * HOUR) for moment in moments]

    assert await db.write(story) == [0, 1, 0, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.fault("F196")
async def test_two_processes_and_the_client_wake_it_once(db: Database) -> None:
    office = await db.write(lambda s: open_office(s, weights=[1, 1], limit=30))

    def snoozed(s: Session, client: int) -> None:
        put_to_sleep(s, office, say(s, client).contact_id, NOW + HOUR)

    for client in range(1, 21):
        await db.write(snoozed, client)
    due = await db.read(sleep.due, now=NOW + HOUR)
    at: dict[str, Any] = {"contact_ids": due, "now": NOW + HOUR, "rng": random.random}
    words = [db.write(say, client, 2) for client in range(1, 21)]
    await asyncio.gather(db.write(snoozing.wake_due, **at), *words, db.write(snoozing.wake_due, **at))
    await db.read(check_loads)
    woke = await db.read(
        lambda s: rows(s, "SELECT contact_id, count(*) FROM events WHERE kind = 'contact_woke' GROUP BY contact_id")
    )
    assert sorted(woke) == [(one, 1) for one in due]


async def test_sleeper_of_an_unreachable_operator_sleeps_on_and_wakes_elsewhere(db: Database) -> None:
    def story(s: Session) -> None:
        office = open_office(s, weights=[1], limit=9)
        (anna,) = office.operator_ids
        put_to_sleep(s, office, say(s, 1).contact_id, NOW + HOUR)
        gone: dict[str, Any] = {"telegram_id": office.account(anna), "bot_id": 700001, "now": NOW, "rng": random.random}
        assert departure.mark_unreachable(s, **gone) == []
        assert rows(s, "SELECT operator_id, current_leads, snoozed FROM contacts, operators") == [(anna, 0, 1)]
        assert wake(s, NOW + HOUR) == 1
        assert rows(s, "SELECT operator_id, wakes_at FROM contacts") == [(None, None)]
        checked(s)

    await db.write(story)


async def test_clocks_stand_still_while_it_sleeps(db: Database) -> None:
    def story(s: Session) -> list[Kind]:
        office = open_office(s, weights=[1], limit=9)
        contact_id = say(s, 1).contact_id
        put_to_sleep(s, office, contact_id, NOW + HOUR)
        wake(s, NOW + HOUR)
        (history,) = histories.of_contacts(s, [contact_id])
        return [one.kind for one in history.happened]

    assert await db.write(story) == [Kind.OPENED, Kind.WROTE, Kind.SNOOZED, Kind.WOKE]


def excluded(s: Session) -> dict[int, Exclusion]:
    """Who could not get the contact of the last choice, and why."""
    newest = "SELECT decision FROM events WHERE decision IS NOT NULL ORDER BY id DESC LIMIT 1"
    return read(rows(s, newest)[0][0]).excluded


@pytest.mark.fault("F272")
async def test_sleeper_given_by_hand_frees_no_place_of_a_full_operator(db: Database) -> None:
    def story(s: Session) -> None:
        office = open_office(s, weights=[1], limit=9)
        (anna,) = office.operator_ids
        sleeper = say(s, 1).contact_id
        put_to_sleep(s, office, sleeper, NOW + HOUR)
        say(s, 2)
        weight_settings.set_limit(s, source_id=office.source_id, operator_id=anna, limit=1, **WHEN)
        boris = hire(s, office, "Boris", weight=1, limit=9)
        source_settings.set_strategy(s, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=NOW)
        transfer.assign_by_hand(s, contact_id=sleeper, operator_id=boris, **WHEN)
        assert excluded(s) == {anna: Exclusion.FULL_HERE}
        assert ledger.of_source(s, office.source_id) == {anna: 0, boris: 0}  # Boris alone earned what he pays
        checked(s)

    await db.write(story)


@pytest.mark.fault("F272")
async def test_sleeper_of_a_removed_operator_requires_its_skills_if_given_by_hand(db: Database) -> None:
    def story(s: Session) -> None:
        office = open_office(s, weights=[1], limit=9)
        (anna,) = office.operator_ids
        sleeper = say(s, 1).contact_id
        source_settings.set_skills(s, source_id=office.source_id, required={"german": 5}, **WHEN)
        put_to_sleep(s, office, sleeper, NOW + HOUR)
        without, boris, vera = (hire(s, office, name, weight=1, limit=9) for name in ("Oleg", "Boris", "Vera"))
        for operator_id in (boris, vera):
            operators.set_skills(s, operator_id=operator_id, tags=["german"], **WHEN)
        source_settings.set_strategy(s, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=NOW)
        departure.remove(s, operator_id=anna, **WHEN)
        later = {**WHEN, "now": NOW + HOUR / 2}  # it has slept for longer than the skill is waited for
        transfer.assign_by_hand(s, contact_id=sleeper, operator_id=boris, **later)
        assert excluded(s) == {without: Exclusion.NO_SKILL}
        assert ledger.of_source(s, office.source_id)[without] == 0
        transfer.assign_by_hand(s, contact_id=sleeper, operator_id=vera, **later)
        assert excluded(s) == {without: Exclusion.NO_SKILL}  # nobody has waited since it woke
        checked(s)

    await db.write(story)
