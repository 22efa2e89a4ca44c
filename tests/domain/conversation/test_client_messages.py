"""Messages of clients on both databases, where the contact that one was for is closed in the same moment."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.conversation import client_messages, client_starts, late_messages
from crm_core.routing import new_sources, source_settings, sources, weight_settings
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Message, OutboxRow
from tests.domain.arranging import BOT, NOW, open_office, saying
from tests.domain.invariants import check_all
from tests.support.waiting import has_lock_waiter, until_polled


async def test_message_during_a_close_opens_a_contact_of_the_bots_own_source(db: Database) -> None:
    """A source link counts for one contact: closing it ends that, also for a message that waits for the close."""
    office = await db.write(open_office, weights=[1], limit=9)
    operator_id = office.operator_ids[0]
    link_id = await db.write(new_sources.add_link, bot_id=BOT, slug="vk", name="VK ads", actor=SYSTEM, now=NOW)
    weight = {"source_id": link_id, "operator_id": operator_id, "weight": 1}
    await db.write(weight_settings.set_weight, **weight, actor=SYSTEM, now=NOW, rng=random.random)
    person = saying(1)["person"]
    await db.write(client_starts.start_chat, bot_id=BOT, chat_id=1, person=person, now=NOW, slug="vk")
    for source in await db.read(sources.listing):
        await db.write(source_settings.set_late_hours, source_id=source.id, late_hours=0, actor=SYSTEM, now=NOW)
    first = await db.write(client_messages.receive, **saying(1))
    closed, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def close(s: Session) -> None:
        actor = telegram(office.account(operator_id))
        lifecycle.close(s, contact_id=first.contact_id, version=1, actor=actor, now=NOW, rng=random.random)
        if db.url.get_backend_name() != "sqlite":  # there one transaction follows the other
            loop.call_soon(closed.set)
            await_only(may_end.wait())
        loop.call_soon_threadsafe(closed.set)

    closing = asyncio.create_task(db.write(close))
    await asyncio.wait({closing, asyncio.create_task(closed.wait())}, return_when=asyncio.FIRST_COMPLETED)
    arriving = asyncio.create_task(db.write(client_messages.receive, **saying(1, 2)))

    async def has_arrived_or_waits() -> bool:
        return arriving.done() or await has_lock_waiter(db)

    if db.url.get_backend_name() != "sqlite":
        await until_polled(has_arrived_or_waits)
    may_end.set()
    await closing
    second = await arriving
    assert second.is_new
    of_source = select(Contact.source_id).where(Contact.id == second.contact_id)
    assert await db.read(lambda s: s.execute(of_source).scalar_one()) == office.source_id
    await db.read(check_all)


@pytest.mark.fault("F268")
async def test_message_during_a_dismissal_waits_for_a_decision_of_its_own(db: Database) -> None:
    """What was decided was about those before it: somebody is to see that there are more, or they open a request."""
    office = await db.write(open_office, weights=[1], limit=9)
    actor = telegram(office.account(office.operator_ids[0]))
    first = await db.write(client_messages.receive, **saying(1))
    about: dict[str, Any] = {"contact_id": first.contact_id, "actor": actor, "now": NOW}
    await db.write(lifecycle.close, **about, version=1, rng=random.random)
    await db.write(client_messages.receive, **saying(1, 2))
    await db.write(lambda s: s.execute(update(OutboxRow).values(state="sent")))
    loop, dismissed, may_end = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def dismiss(s: Session) -> None:
        late_messages.dismiss(s, **about)
        loop.call_soon_threadsafe(dismissed.set)
        if db.url.get_backend_name() != "sqlite":  # there one transaction follows the other
            await_only(may_end.wait())

    dismissing = asyncio.create_task(db.write(dismiss))
    await dismissed.wait()
    arriving = asyncio.create_task(db.write(client_messages.receive, **saying(1, 3)))

    async def has_arrived_or_waits() -> bool:
        return arriving.done() or await has_lock_waiter(db)

    if db.url.get_backend_name() != "sqlite":
        await until_polled(has_arrived_or_waits)
    may_end.set()
    await dismissing
    assert (await arriving).contact_id == first.contact_id
    newest = select(func.max(Message.id)).scalar_subquery()
    undecided = select(Contact.late_from == newest).where(Contact.id == first.contact_id)
    assert await db.read(lambda s: s.execute(undecided).scalar_one())
    waiting = select(OutboxRow.kind).where(OutboxRow.state == "pending", OutboxRow.kind.in_(("card", "to_operator")))
    assert await db.read(lambda s: s.execute(waiting.order_by(OutboxRow.id)).scalars().all()) == ["card", "to_operator"]
    await db.read(check_all)
