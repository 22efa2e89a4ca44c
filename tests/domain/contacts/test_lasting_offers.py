"""Offers without an end: whom they keep a contact from, and whom they do not."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import giving_back, lifecycle, offering, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.reading import read_hours
from crm_core.routing import ledger, offer_settings, source_settings
from crm_core.routing.credits import UNIT
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.team import missed_offers, operators, shifts
from tests.domain.arranging import NOW, Office, open_office


def arrange(s: Session, weights: Sequence[int] = (1, 1, 1)) -> tuple[Office, int]:
    """A contact of a source that offers, with one of its operators, and admins are told after one offer in vain."""
    office = open_office(s, weights=list(weights), limit=5)
    offers = {"offer_seconds": 60, "offer_rounds": 1}
    offer_settings.set_offers(s, source_id=office.source_id, values=offers, actor=SYSTEM, now=NOW)
    made = lifecycle.register(s, source_id=office.source_id, lead=LeadFacts("crm-1"), now=NOW, rng=random.random)
    return office, made.id


def holder(s: Session, contact_id: int) -> int:
    """Whom the contact is offered to, or whose it is."""
    found = s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()
    assert found is not None
    return found


def act(s: Session, office: Office, contact_id: int, action: Any, **what: Any) -> None:
    """Whoever has the contact does something with it."""
    who = telegram(office.account(holder(s, contact_id)))
    action(s, contact_id=contact_id, version=None, actor=who, now=NOW, rng=random.random, **what)


@pytest.mark.fault("F204")
async def test_contact_that_both_have_given_back_is_not_offered_to_and_fro(db: Database) -> None:
    """Two have given it back and the third declines it: it stays with one of the two, who are equally right for it."""

    def story(s: Session) -> list[int]:
        office, contact_id = arrange(s)
        for _ in range(2):
            act(s, office, contact_id, lifecycle.take)
            act(s, office, contact_id, giving_back.give_back, note=None)
        act(s, office, contact_id, offering.decline, reason="not_mine")
        offered = s.execute(select(Contact.offered_at, Contact.offer_ends_at).where(Contact.id == contact_id)).one()
        assert offered == (NOW, None)
        return missed_offers.due(s, now=NOW)

    assert await db.write(story) == []


@pytest.mark.fault("F204")
async def test_contact_goes_from_somebody_off_shift_to_who_had_given_it_back(db: Database) -> None:
    def story(s: Session) -> tuple[int, int]:
        office, contact_id = arrange(s)
        for _ in range(2):
            act(s, office, contact_id, lifecycle.take)
            act(s, office, contact_id, giving_back.give_back, note=None)
        act(s, office, contact_id, offering.decline, reason="not_mine")
        first = holder(s, contact_id)
        night = read_hours("mon-fri 0-1", zone="UTC", today=NOW.date())
        shifts.set_hours(s, operator_id=first, hours=night, actor=SYSTEM, now=NOW, rng=random.random)
        for one in missed_offers.due(s, now=NOW):
            missed_offers.end(s, contact_id=one, now=NOW, rng=random.random)
        assert missed_offers.due(s, now=NOW) == []
        return first, holder(s, contact_id)

    before, after = await db.write(story)
    assert before != after


@pytest.mark.fault("F255")
async def test_older_of_two_lasting_offers_is_the_first_to_find_somebody_else(db: Database) -> None:
    """The older one is with somebody whose shift is over, the younger with somebody who has missed it already."""

    def story(s: Session) -> bool:
        office, older = arrange(s)
        how: dict[str, Any] = {"now": NOW, "rng": random.random}
        first = holder(s, older)
        second, third = (one for one in office.operator_ids if one != first)
        for operator_id, limit in ((first, 1), (second, 1), (third, 0)):
            operators.set_limit(s, operator_id=operator_id, max_leads=limit, actor=SYSTEM, **how)
        younger = lifecycle.register(s, source_id=office.source_id, lead=LeadFacts("crm-2"), **how).id
        missed_offers.end(s, contact_id=younger, **{**how, "now": NOW + timedelta(minutes=2)})
        ends = s.execute(select(Contact.offer_ends_at).where(Contact.id == younger)).scalar_one()
        assert (holder(s, younger), ends) == (second, None), "nobody else can have it"
        night = read_hours("mon-fri 0-1", zone="UTC", today=NOW.date())
        shifts.set_hours(s, operator_id=first, hours=night, actor=SYSTEM, **how)
        operators.set_limit(s, operator_id=third, max_leads=1, actor=SYSTEM, **how)
        for one in missed_offers.due(s, now=NOW):
            missed_offers.end(s, contact_id=one, **how)
        assert missed_offers.due(s, now=NOW) == []
        return (holder(s, older), holder(s, younger)) == (third, second)

    assert await db.write(story)


@pytest.mark.fault("F204")
async def test_contact_that_both_gave_back_is_charged_by_hand_like_any_other(db: Database) -> None:
    """Nobody else is there for it, so both could have it: both earn of it, and whoever gets it pays."""

    def story(s: Session) -> list[int]:
        office, contact_id = arrange(s, weights=[1, 1])
        source_settings.set_strategy(s, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=NOW)
        how: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random}
        act(s, office, contact_id, lifecycle.take)
        act(s, office, contact_id, giving_back.give_back, note=None)
        act(s, office, contact_id, lifecycle.take)
        source_settings.set_active(s, source_id=office.source_id, is_active=False, **how)
        act(s, office, contact_id, giving_back.give_back, note=None)
        before = ledger.of_source(s, office.source_id)
        operator_id = office.operator_ids[0]
        transfer.assign_by_hand(s, contact_id=contact_id, operator_id=operator_id, confirmed=True, **how)
        after = ledger.of_source(s, office.source_id)
        return [after[one] - before[one] for one in office.operator_ids]

    assert await db.write(story) == [-UNIT // 2, UNIT // 2]
