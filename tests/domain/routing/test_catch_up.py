"""Leave where shares are exact: what of it is credited when an operator is back."""

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.reading import read_hours
from crm_core.routing import ledger, offer_settings, source_settings
from crm_core.routing.credits import UNIT
from crm_core.storage.database import Database
from crm_core.storage.tables import Event
from crm_core.team import departure, missed_offers, operators, shifts
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_ledgers

_clients = count(1)
BACK = datetime(2026, 1, 6, tzinfo=UTC)


def who(now: datetime) -> dict[str, Any]:
    return {"actor": SYSTEM, "now": now, "rng": random.random}


def office_with_leave(s: Session, *, catch_up: int, weights: tuple[int, ...] = (1, 1), until: str = "5 jan") -> Office:
    """A source with exact shares, whose first operator is on leave today."""
    office = open_office(s, weights=list(weights), limit=100)
    source_settings.set_strategy(s, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=NOW)
    source_settings.set_catch_up(s, source_id=office.source_id, catch_up=catch_up, actor=SYSTEM, now=NOW)
    set_hours(s, office, f"daily 0-24 leave 5 jan - {until}", NOW)
    return office


def set_hours(s: Session, office: Office, typed: str, now: datetime) -> None:
    hours = read_hours(typed, zone="UTC", today=NOW.date())
    shifts.set_hours(s, operator_id=office.operator_ids[0], hours=hours, **who(now))


def register(s: Session, office: Office, now: datetime) -> int | None:
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    return lifecycle.register(s, source_id=office.source_id, lead=lead, now=now, rng=random.random).operator_id


def come_back(s: Session, office: Office) -> None:
    assert shifts.due(s, now=BACK) == office.operator_ids[:1]
    shifts.turn(s, operator_ids=office.operator_ids[:1], now=BACK, rng=random.random)
    check_ledgers(s)


@pytest.mark.parametrize(("catch_up", "owed"), [(0, 0), (2, 2), (100, 5)])
async def test_returner_is_credited_what_leave_missed_up_to_the_limit(db: Database, catch_up: int, owed: int) -> None:
    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=catch_up)
        anna, boris = office.operator_ids
        assert {register(s, office, NOW) for _ in range(10)} == {boris}
        come_back(s, office)
        assert ledger.of_source(s, office.source_id) == {anna: owed * UNIT, boris: -owed * UNIT}
        first = [register(s, office, BACK) for _ in range(10)]
        assert first.count(anna) == 5 + owed
        check_ledgers(s)

    await db.write(story)


async def test_others_pay_alike_and_the_sum_stays_zero(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=1, weights=(1, 1, 1, 1))
        anna, *others = office.operator_ids
        before = [register(s, office, NOW) for _ in range(9)]
        assert sorted(before.count(one) for one in others) == [3, 3, 3]
        come_back(s, office)
        credits = ledger.of_source(s, office.source_id)
        assert credits[anna] == UNIT
        assert sum(credits.values()) == 0
        assert max(credits[one] for one in others) - min(credits[one] for one in others) <= 1

    await db.write(story)


async def test_leave_that_is_taken_away_settles_at_once(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=3, until="9 jan")
        anna = office.operator_ids[0]
        for _ in range(4):
            register(s, office, NOW)
        set_hours(s, office, "daily 0-24", NOW + timedelta(hours=1))
        assert ledger.of_source(s, office.source_id)[anna] == 2 * UNIT
        set_hours(s, office, "daily 0-24 leave 5 jan - 9 jan", NOW + timedelta(hours=2))
        set_hours(s, office, "daily 0-24", NOW + timedelta(hours=3))
        assert ledger.of_source(s, office.source_id)[anna] == 2 * UNIT, "once is enough"

    await db.write(story)


async def test_offer_in_vain_is_missed_by_nobody(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=5)
        offer_settings.set_offers(s, source_id=office.source_id, values={"offer_seconds": 60}, actor=SYSTEM, now=NOW)
        boris = office.operator_ids[1]
        register(s, office, NOW)
        operators.set_online(s, is_online=False, **{**who(NOW), "actor": telegram(office.account(boris))})
        come_back(s, office)
        assert set(ledger.of_source(s, office.source_id).values()) == {0}

    await db.write(story)


@pytest.mark.fault("F202")
async def test_return_that_nobody_noticed_is_settled_when_a_process_runs(db: Database) -> None:
    office = await db.write(office_with_leave, catch_up=2)
    anna, boris = office.operator_ids
    for _ in range(6):
        assert await db.write(register, office, NOW) == boris
    later = BACK + timedelta(days=3)
    for _ in range(2):  # as after a restart: the second look finds nothing to do
        for one in await db.read(shifts.due, now=later):
            await db.write(shifts.turn, operator_ids=[one], now=later, rng=random.random)
    assert (await db.read(ledger.of_source, office.source_id))[anna] == 2 * UNIT
    assert await db.read(shifts.wrong, now=later) == []
    await db.read(check_ledgers)


@pytest.mark.fault("F202")
async def test_operator_who_is_removed_during_leave_is_owed_nothing(db: Database) -> None:
    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=2, weights=(1, 1, 1))
        for _ in range(6):
            register(s, office, NOW)
        departure.remove(s, operator_id=office.operator_ids[0], **who(NOW))
        check_ledgers(s)
        assert shifts.due(s, now=BACK) == []

    await db.write(story)


@pytest.mark.fault("F263")
@pytest.mark.parametrize(("mode", "owed"), [("apart", UNIT // 2), ("charged", UNIT)])
async def test_offer_that_stays_with_whom_its_client_had_counts_as_that(db: Database, mode: Any, owed: int) -> None:
    """Boris alone is there; a client of his comes back, and he misses the offer, which stays his."""

    def story(s: Session) -> None:
        office = office_with_leave(s, catch_up=2)
        anna, boris = office.operator_ids
        sticky: dict[str, Any] = {"sticky_days": 7, "sticky_mode": mode}
        source_settings.set_sticky(s, source_id=office.source_id, actor=SYSTEM, now=NOW, **sticky)
        mine: dict[str, Any] = {"version": None, **who(NOW), "actor": telegram(office.account(boris))}
        at: dict[str, Any] = {"source_id": office.source_id, "now": NOW, "rng": random.random}
        client = LeadFacts("crm-1")
        before = lifecycle.register(s, lead=client, **at).id
        lifecycle.close(s, contact_id=before, **mine)
        offers = {"offer_seconds": 60, "offer_rounds": 3}
        offer_settings.set_offers(s, source_id=office.source_id, values=offers, actor=SYSTEM, now=NOW)
        again = lifecycle.register(s, lead=client, **at).id
        for minute in (1, 2):
            late = NOW + timedelta(minutes=minute)
            assert missed_offers.due(s, now=late) == [again]
            missed_offers.end(s, contact_id=again, now=late, rng=random.random)
        rules = select(Event.reason).where(Event.contact_id == again, Event.kind == events.CONTACT_ASSIGNED)
        assert list(s.execute(rules).scalars()) == ["sticky"] * 3
        come_back(s, office)
        assert ledger.of_source(s, office.source_id) == {anna: owed, boris: -owed}

    await db.write(story)
