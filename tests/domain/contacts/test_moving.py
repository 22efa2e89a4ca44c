"""A contact that is moved to another source: what it brings along, and what it leaves behind."""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, moving, offering
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import new_sources, offer_settings, requirements, source_settings, weight_settings
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_all

WHO: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random}


def registers(s: Session, source_id: int) -> int:
    """A contact from another system."""
    lead = LeadFacts(external_id="crm-1")
    return lifecycle.register(s, source_id=source_id, lead=lead, now=NOW, rng=random.random).id


def refunds(s: Session, office: Office, **values: Any) -> int:
    """Another source, where everybody of the office works."""
    source_id = new_sources.add(s, name="Refunds", description=None, actor=SYSTEM, now=NOW)
    if values:
        source_settings.set_skills(s, source_id=source_id, **values, **WHO)
    for operator_id in office.operator_ids:
        weight_settings.set_weight(s, source_id=source_id, operator_id=operator_id, weight=1, **WHO)
    return source_id


async def test_whoever_declined_it_for_good_gets_it_at_another_source(db: Database) -> None:
    def arrange(s: Session) -> tuple[int, int, int]:
        office = open_office(s, weights=[1], limit=5)
        offer_settings.set_offers(s, source_id=office.source_id, values={"offer_seconds": 60}, actor=SYSTEM, now=NOW)
        contact_id, (anna,) = registers(s, office.source_id), office.operator_ids
        actor = telegram(office.account(anna))
        offering.decline(s, contact_id=contact_id, version=None, reason="not_mine", **{**WHO, "actor": actor})
        return contact_id, refunds(s, office), anna

    contact_id, source_id, anna = await db.write(arrange)
    assert await db.read(holder, contact_id) is None
    await db.write(moving.to_source, contact_id=contact_id, source_id=source_id, **WHO)
    assert await db.read(holder, contact_id) == anna
    await db.read(check_all)


async def test_new_wait_begins_for_what_is_required_after_some_minutes(db: Database) -> None:
    def arrange(s: Session) -> tuple[int, int]:
        office = open_office(s, weights=[1], limit=0)
        contact_id = registers(s, office.source_id)
        return contact_id, refunds(s, office, required={"german": 5})

    contact_id, source_id = await db.write(arrange)
    later = {**WHO, "now": NOW + timedelta(minutes=4)}
    await db.write(moving.to_source, contact_id=contact_id, source_id=source_id, **later)
    assert await db.read(requirements.due, now=NOW + timedelta(minutes=8)) == []
    assert await db.read(requirements.due, now=NOW + timedelta(minutes=9)) == [(contact_id, source_id)]
    await db.read(check_all)


def holder(s: Session, contact_id: int) -> int | None:
    """Who has a contact."""
    found: int | None = s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()
    return found
