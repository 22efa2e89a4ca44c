"""Draws of a source with exact shares, while its operators change: every order of the statements of two transactions.

On SQLite the two follow one another.
"""

from collections.abc import Callable
from functools import partial
from itertools import count
from random import random
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts import form_requests, lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.routing import source_settings
from crm_core.storage.database import Database
from crm_core.team import departure
from tests.domain.arranging import NOW, Office, hire, open_office, set_weight
from tests.domain.invariants import check_all
from tests.support.interleaving import DEADLOCK, interleave
from tests.support.restoring import restorable

WHEN: dict[str, Any] = {"now": NOW, "rng": random}
Act = Callable[..., Any]  # of a session, an office and an operator


def arrange(s: Session) -> Office:
    office = open_office(s, weights=[1, 1], limit=1_000)
    source_settings.set_strategy(s, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=NOW)
    return office


def register(s: Session, office: Office, operator_id: int) -> Any:
    lead = LeadFacts(email=f"client{operator_id}@example.com")
    content = MessageContent("text", text="from another system")
    return lifecycle.register(s, source_id=office.source_id, lead=lead, content=content, **WHEN)


def remove(s: Session, office: Office, operator_id: int) -> Any:
    return departure.remove(s, operator_id=operator_id, actor=SYSTEM, **WHEN)


def take_weight(s: Session, office: Office, operator_id: int) -> None:
    set_weight(s, office, operator_id, 0)


def submit(s: Session, office: Office, operator_id: int) -> Any:
    """A form of the same person whom `register` registers."""
    content = MessageContent("text", text="from the page")
    lead = LeadFacts(email=f"client{operator_id}@example.com")
    return form_requests.submit(s, source_id=office.source_id, lead=lead, content=content, **WHEN)


@pytest.mark.parametrize(
    ("first", "second"),
    [(remove, register), (register, remove), (take_weight, register), (register, take_weight), (submit, register)],
)
async def test_draw_beside_another_change_keeps_the_ledger_and_no_deadlock(
    db: Database, first: Act, second: Act
) -> None:
    office = await db.write(arrange)
    newcomer = await db.write(hire, office, "Newcomer", weight=1, limit=1_000)
    if submit in (first, second):
        await db.write(register, office, newcomer)  # the lead is known
    acts = [partial(one, office=office, operator_id=newcomer) for one in (first, second)]
    async with restorable(db) as restore:
        for boundary in count(1):
            outcome = await interleave(db, acts[0], acts[1], at=boundary)
            assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
            assert [one for one in outcome.results if isinstance(one, Exception)] == []
            await db.read(check_all)
            if not outcome.paused:
                break
            await restore()
