"""Forms at the same time: however their transactions interleave, a visitor has one open contact."""

import itertools
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.contacts import form_requests
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.phones import check_phone
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from tests.domain.arranging import NOW, open_office
from tests.support.interleaving import interleave


def count_messages(s: Session, *, contact_id: int) -> int:
    said = text("SELECT count(*) FROM messages WHERE contact_id = :contact_id")
    return int(s.execute(said, {"contact_id": contact_id}).scalar_one())


@pytest.mark.fault("F111")
@pytest.mark.parametrize("by", ["email", "phone"])
async def test_two_simultaneous_first_forms_of_one_visitor_open_one_contact(db: Database, by: str) -> None:
    office = await db.write(open_office, weights=[1], limit=100)
    rounds = 0
    for boundary in itertools.count(1):
        address = f"visitor{boundary}@example.com"
        phone = check_phone(f"+7999{boundary:07}")
        lead = LeadFacts(None, address) if by == "email" else LeadFacts(phone.identity, None, phone)

        def send(s: Session, words: str, lead: LeadFacts) -> int:
            content = MessageContent("text", text=words)
            return form_requests.submit(
                s, source_id=office.source_id, lead=lead, now=NOW, rng=lambda: 0.0, content=content
            )

        first, second = partial(send, words="one", lead=lead), partial(send, words="two", lead=lead)
        outcome = await interleave(db, first, second, at=boundary)
        assert outcome.results[0] == outcome.results[1], (boundary, outcome)
        assert await db.read(count_messages, contact_id=outcome.results[0]) == 2
        rounds += 1
        if not outcome.paused:
            break
    assert rounds >= (1 if db.url.get_backend_name() == "sqlite" else 4)
