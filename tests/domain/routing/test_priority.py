"""The order of the queue: minutes waited plus head start, of a contact, its lead and its source."""

import asyncio
import random
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle, transfer, vip
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import BadValue
from crm_core.routing import new_sources, queue, source_settings, waiting_list
from crm_core.routing.returns import ReturnReason
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.team import operators
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_all
from tests.model import contacts as model

MINUTES = (0, 0, 5, 30, 31)


def register(s: Session, source_id: int, lead: str, *, now: datetime = NOW, head_start: int = 0) -> int:
    """A contact of another system."""
    facts = LeadFacts(external_id=lead)
    return lifecycle.register(s, source_id=source_id, lead=facts, now=now, rng=random.random, head_start=head_start).id


def line(s: Session) -> list[int]:
    """The queue over all sources."""
    return [one.id for one in waiting_list.waiting(s)]


@pytest.mark.fault("F194")
@pytest.mark.parametrize("seed", range(10))
async def test_order_of_the_queue_is_that_of_the_model(db: Database, seed: int) -> None:
    rng = Random(seed)
    office = await db.write(open_office, weights=[1], limit=0)
    other = await db.write(new_sources.add, name="Site", description=None, actor=SYSTEM, now=NOW)
    ours, priorities, of_leads = {}, {office.source_id: 0, other: 0}, dict.fromkeys("abcd", 0)
    for number in range(40):
        now = NOW + timedelta(minutes=rng.choice((0, 1, 3)) + 3 * number)
        lead, source_id, own = rng.choice("abcd"), rng.choice((office.source_id, other)), rng.choice(MINUTES)
        made = await db.write(register, source_id, lead, now=now, head_start=own)
        ours[made] = model.Contact(made, source_id, lead, int(now.timestamp()), 0, head_start=own)
        if rng.random() < 0.3:
            priorities[source_id] = rng.choice(MINUTES)
            await db.write(set_priority, source_id, priorities[source_id])
        if rng.random() < 0.3:
            of_leads[lead] = rng.choice(MINUTES)
            await db.write(vip.mark, contact_id=made, minutes=of_leads[lead], actor=SYSTEM, now=now)
        expected = sorted(ours.values(), key=lambda one: one.order(priorities[one.source] + of_leads[one.lead]))
        found = await db.read(waiting_list.waiting, limit=100)
        assert [one.id for one in found] == [one.id for one in expected]
        mine = [one.id for one in expected if one.source == source_id]
        place = await db.read(waiting_list.position_of, contact_id=made, source_id=source_id)
        assert place == mine.index(made) + 1
        assert await db.read(queue.first_in_line, source_id) == mine[0]


def set_priority(s: Session, source_id: int, minutes: int) -> None:
    source_settings.set_priority(s, source_id=source_id, minutes=minutes, actor=SYSTEM, now=NOW, rng=random.random)


async def test_free_place_goes_to_the_longer_head_start_first(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=0)
    first = await db.write(register, office.source_id, "first")
    second = await db.write(register, office.source_id, "second", now=NOW + timedelta(minutes=29), head_start=30)
    third = await db.write(register, office.source_id, "third", now=NOW + timedelta(minutes=31), head_start=30)
    assert await db.read(line) == [second, first, third]
    given = []
    for limit in (1, 2, 3):
        await db.write(raise_limit, office, limit)
        given.append(await db.read(held))
    assert given == [{second}, {first, second}, {first, second, third}]


def raise_limit(s: Session, office: Office, limit: int) -> None:
    who: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random}
    operators.set_limit(s, operator_id=office.operator_ids[0], max_leads=limit, **who)


def held(s: Session) -> set[int]:
    return set(s.execute(select(Contact.id).where(Contact.operator_id.is_not(None))).scalars())


@pytest.mark.fault("F194")
async def test_contact_that_is_returned_has_the_head_start_of_now(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=1)
    one = office.operator_ids[0]
    with_operator = await db.write(register, office.source_id, "nina", now=NOW + timedelta(minutes=20))
    waiting = await db.write(register, office.source_id, "ivan")
    assert await db.read(order_at, with_operator) is None
    await db.write(vip.mark, contact_id=with_operator, minutes=30, actor=SYSTEM, now=NOW)
    reason = ReturnReason.OPERATOR_REMOVED
    returning: dict[str, Any] = {"contact_id": with_operator, "operator_id": one, "reason": reason}
    await db.write(transfer.return_contact, actor=SYSTEM, now=NOW, **returning)
    assert await db.read(order_at, with_operator) == NOW - timedelta(minutes=10)
    assert await db.read(line) == [with_operator, waiting]


def order_at(s: Session, contact_id: int) -> datetime | None:
    return s.execute(select(Contact.order_at).where(Contact.id == contact_id)).scalar_one()


async def test_longest_wait_is_told_by_age_not_by_order(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=0)
    first = await db.write(register, office.source_id, "first")
    later = await db.write(register, office.source_id, "later", now=NOW + timedelta(minutes=1), head_start=60)
    assert await db.read(queue.first_in_line, office.source_id) == later
    assert await db.read(waiting_list.longest_waiting, office.source_id) == first


@pytest.mark.parametrize("minutes", [-1, 10_081])
async def test_head_start_beyond_a_week_is_refused(db: Database, minutes: int) -> None:
    office = await db.write(open_office, weights=[1], limit=0)
    made = await db.write(register, office.source_id, "first")
    with pytest.raises(BadValue):
        await db.write(set_priority, office.source_id, minutes)
    with pytest.raises(BadValue):
        await db.write(vip.mark, contact_id=made, minutes=minutes, actor=SYSTEM, now=NOW)
    with pytest.raises(BadValue):
        await db.write(register, office.source_id, "second", head_start=minutes)


@pytest.mark.fault("F194")
async def test_head_starts_changed_while_contacts_are_queued_hold_for_them(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=0)
    first = [await db.write(register, office.source_id, f"lead {number}") for number in range(4)]
    changes: list[Any] = []
    for round_ in range(1, 9):
        marked: dict[str, Any] = {"contact_id": first[round_ % 4], "minutes": round_, "actor": SYSTEM, "now": NOW}
        changes += [db.write(register, office.source_id, f"lead {number}") for number in range(4)]
        changes += [db.write(vip.mark, **marked), db.write(set_priority, office.source_id, round_)]
    await asyncio.gather(*changes)
    await db.read(check_all)
