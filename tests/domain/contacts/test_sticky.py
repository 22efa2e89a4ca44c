"""A client who comes back within the days of a source goes to the operator they had, if that operator is eligible."""

import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages
from crm_core.routing import explanations, ledger, source_changes
from crm_core.routing.credits import FLOOR, UNIT
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.team import operators
from tests.domain.arranging import NOW, Office, open_office, saying
from tests.domain.invariants import check_all

DAY = timedelta(days=1)


def arrange(s: Session, /, *, days: int, **change: Any) -> Office:
    """An office of two with equal weights, whose source remembers operators for so many days."""
    office = open_office(s, weights=[1, 1], limit=5)
    values = {"sticky_days": days, **change}
    source_changes.change(s, source_id=office.source_id, values=values, actor=SYSTEM, now=NOW, rng=random.random)
    return office


def visit(s: Session, office: Office, client: str, *, day: int, roll: float) -> int:
    """A request of a client that is closed a minute later. Returns its operator."""
    now = NOW + day * DAY
    lead = LeadFacts(email=f"{client}@example.com")
    made = lifecycle.register(s, source_id=office.source_id, lead=lead, now=now, rng=lambda: roll)
    assert made.operator_id is not None
    who = telegram(office.account(made.operator_id))
    lifecycle.take(s, contact_id=made.id, version=None, actor=who, now=now)
    lifecycle.close(s, contact_id=made.id, version=None, actor=who, now=now + timedelta(minutes=1), rng=random.random)
    check_all(s)
    return made.operator_id


async def test_client_goes_to_their_operator_within_the_days_and_not_later(db: Database) -> None:
    office = await db.write(arrange, days=14)
    first, second = office.operator_ids
    assert await db.write(visit, office, "nina", day=0, roll=0.0) == first
    assert await db.write(visit, office, "nina", day=13, roll=0.9) == first
    assert await db.write(visit, office, "kira", day=13, roll=0.9) == second  # a stranger
    assert await db.write(visit, office, "nina", day=26, roll=0.9) == first  # counted from the last visit
    assert await db.write(visit, office, "nina", day=41, roll=0.9) == second
    found = await db.read(explanations.explain, contact_id=2, actor=SYSTEM)
    assert found.decided[-1].decision is not None
    assert found.decided[-1].decision.preferred == first


async def test_source_without_days_remembers_nobody(db: Database) -> None:
    office = await db.write(arrange, days=0)
    first, second = office.operator_ids
    assert await db.write(visit, office, "nina", day=0, roll=0.0) == first
    assert await db.write(visit, office, "nina", day=1, roll=0.9) == second


async def test_client_of_an_absent_operator_goes_to_another(db: Database) -> None:
    office = await db.write(arrange, days=14)
    first, second = office.operator_ids
    assert await db.write(visit, office, "nina", day=0, roll=0.0) == first
    await db.write(lambda s: operators.set_columns(s, first, is_online=False))
    assert await db.write(visit, office, "nina", day=1, roll=0.0) == second
    await db.write(lambda s: operators.set_columns(s, first, is_online=True))
    assert await db.write(visit, office, "nina", day=2, roll=0.0) == second  # whom they had last


@pytest.mark.parametrize("mode", ["charged", "apart"])
async def test_operator_pays_for_returning_clients_or_not_as_the_source_says(db: Database, mode: str) -> None:
    office = await db.write(arrange, days=14, strategy="exact", sticky_mode=mode)
    first = await db.write(visit, office, "nina", day=0, roll=0.0)
    credits = await db.read(lambda s: ledger.of_source(s, office.source_id))
    assert credits[first] == -UNIT // 2
    for _ in range(12):
        assert await db.write(visit, office, "nina", day=1, roll=0.0) == first
    credits = await db.read(lambda s: ledger.of_source(s, office.source_id))
    assert credits[first] == (FLOOR if mode == "charged" else -UNIT // 2)
    assert sum(credits.values()) == 0
    # Strangers make up for what was charged.
    strangers = [await db.write(visit, office, f"stranger{number}", day=2, roll=0.0) for number in range(6)]
    assert strangers.count(first) in ([0] if mode == "charged" else [2, 3])


async def test_client_in_telegram_goes_back_to_their_operator(db: Database) -> None:
    def story(s: Session) -> list[int]:
        office = arrange(s, days=14)
        found = []
        for day, roll in ((0, 0.0), (3, 0.9)):
            made = client_messages.receive(s, **saying(1, day + 1, rng=partial(float, roll), now=NOW + day * DAY))
            holder = s.execute(select(Contact.operator_id).where(Contact.id == made.contact_id)).scalar_one()
            assert holder is not None
            found.append(office.operator_ids.index(holder))
            who, at = telegram(office.account(holder)), NOW + day * DAY
            lifecycle.take(s, contact_id=made.contact_id, version=None, actor=who, now=at)
            lifecycle.close(s, contact_id=made.contact_id, version=None, actor=who, now=at, rng=random.random)
        return found

    assert await db.write(story) == [0, 0]
