"""Which answers end a row of missed offers: those to offers."""

import random
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, offering
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import offer_settings
from crm_core.storage.database import Database
from crm_core.storage.tables import Operator
from tests.domain.arranging import NOW, open_office


@pytest.mark.parametrize(
    ("answer", "is_offered", "left"),
    [("take", True, 0), ("decline", True, 0), ("close", True, 0), ("take", False, 2), ("close", False, 2)],
)
async def test_only_an_answer_to_an_offer_ends_a_row_of_misses(
    db: Database, answer: str, is_offered: bool, left: int
) -> None:
    def story(s: Session) -> int:
        office = open_office(s, weights=[1], limit=5)
        anna = office.operator_ids[0]
        if is_offered:
            offers = {"offer_seconds": 60}
            offer_settings.set_offers(s, source_id=office.source_id, values=offers, actor=SYSTEM, now=NOW)
        made = lifecycle.register(s, source_id=office.source_id, lead=LeadFacts("crm-1"), now=NOW, rng=random.random)
        s.execute(update(Operator).values(missed_offers=2))
        how: dict[str, Any] = {
            "contact_id": made.id,
            "version": None,
            "actor": telegram(office.account(anna)),
            "now": NOW,
        }
        if answer == "take":
            lifecycle.take(s, **how)
        elif answer == "decline":
            offering.decline(s, reason="not_mine", rng=random.random, **how)
        else:
            lifecycle.close(s, rng=random.random, **how)
        return s.execute(select(Operator.missed_offers)).scalar_one()

    assert await db.write(story) == left
