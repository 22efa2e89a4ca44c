"""A contact is handed on while something else happens to it: each transaction sees what the other has done."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, telegram
from crm_core.contacts import handing_on, lifecycle, moving
from crm_core.conversation import client_messages
from crm_core.errors import CardOutdated, ContactAlreadyTheirs, ContactClosed, ContactHeld, CrmError
from crm_core.routing import new_sources, weight_settings
from crm_core.statistics.recount import differences
from crm_core.storage.database import Database
from crm_core.storage.tables import Chat, Contact, Message
from tests.domain.arranging import NOW, Office, open_office, saying
from tests.domain.invariants import check_all

WHEN: dict[str, Any] = {"now": NOW, "rng": random.random}
TIMES = 8  # each, as the order in which two transactions begin is chance


def open_two(s: Session) -> tuple[Office, int]:
    """An office of three, and another source where they work, too."""
    office = open_office(s, weights=[5, 5, 5], limit=50)
    other = new_sources.add(s, name="Refunds", description=None, actor=SYSTEM, now=NOW)
    for operator_id in office.operator_ids:
        weight_settings.set_weight(s, source_id=other, operator_id=operator_id, weight=1, actor=SYSTEM, **WHEN)
    return office, other


def holder(s: Session, office: Office, contact_id: int) -> Actor:
    """The account of whoever has a contact."""
    operator_id = s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()
    assert operator_id is not None
    return telegram(office.account(operator_id))


def said_in(s: Session, contact_id: int) -> int:
    """How many messages a contact has."""
    return len(s.execute(select(Message.id).where(Message.contact_id == contact_id)).all())


async def outcomes(*actions: Any) -> list[Any]:
    """What became of actions at once: their results, and refusals as values."""
    found = await asyncio.gather(*actions, return_exceptions=True)
    for one in found:
        assert not isinstance(one, BaseException) or isinstance(one, CrmError), one
    return found


@pytest.mark.fault("F200")
async def test_request_is_moved_and_closed_at_once(db: Database) -> None:
    office, other = await db.write(open_two)
    for client in range(1, TIMES + 1):
        made = await db.write(client_messages.receive, **saying(client))
        actor = await db.read(holder, office, made.contact_id)
        about = {"contact_id": made.contact_id, "version": 1, "actor": actor, **WHEN}
        move, close = await outcomes(
            db.write(moving.to_source, source_id=other, **about), db.write(lifecycle.close, **about)
        )
        if isinstance(move, CrmError):
            assert isinstance(move, ContactClosed | CardOutdated)
            assert not isinstance(close, CrmError)
        else:
            assert isinstance(close, ContactHeld | CardOutdated)
        await db.read(check_all)
    assert await db.read(differences) == []


@pytest.mark.fault("F200")
async def test_client_writes_while_their_request_is_moved(db: Database) -> None:
    office, other = await db.write(open_two)
    for client in range(1, TIMES + 1):
        made = await db.write(client_messages.receive, **saying(client))
        actor = await db.read(holder, office, made.contact_id)
        moved, joined, again = await outcomes(
            db.write(moving.to_source, source_id=other, contact_id=made.contact_id, actor=actor, **WHEN),
            db.write(client_messages.receive, **saying(client, 2)),
            db.write(client_messages.receive, **saying(client, 3)),
        )
        assert moved.source == "Refunds"
        assert (joined.contact_id, again.contact_id) == (made.contact_id, made.contact_id)
        await db.read(check_all)
        assert await db.read(said_in, made.contact_id) == 3
    pinned = await db.read(lambda s: s.execute(select(Chat.source_id)).scalars().all())
    assert set(pinned) == {other}


@pytest.mark.fault("F200")
async def test_request_is_handed_on_twice_at_once(db: Database) -> None:
    """By its operator to a colleague, by an admin to another one, and to another source."""
    office, other = await db.write(open_two)
    for client in range(1, TIMES + 1):
        made = await db.write(client_messages.receive, **saying(client))
        actor = await db.read(holder, office, made.contact_id)
        first, second = (one for one in office.operator_ids if office.account(one) != actor.telegram_id)
        about: dict[str, Any] = {"contact_id": made.contact_id, **WHEN}
        found = await outcomes(
            db.write(handing_on.to_operator, operator_id=first, actor=actor, version=1, **about),
            db.write(handing_on.to_operator, operator_id=second, actor=SYSTEM, version=1, **about),
            db.write(moving.to_source, source_id=other, actor=SYSTEM, version=1, **about),
        )
        refused = [one for one in found if isinstance(one, CrmError)]
        assert len(refused) == 2
        assert all(isinstance(one, CardOutdated | ContactHeld | ContactAlreadyTheirs) for one in refused), refused
        await db.read(check_all)
    assert await db.read(differences) == []
