"""A place is freed while a contact is being queued: neither transaction may miss the other."""

import asyncio
import random

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.access.actors import telegram
from crm_core.contacts import lifecycle
from crm_core.conversation import client_messages
from crm_core.storage.database import Database
from crm_core.storage.locks import lock_sources
from tests.domain.arranging import NOW, open_office, saying
from tests.domain.invariants import check_all
from tests.support.waiting import has_lock_waiter, until_polled


async def test_contact_queued_while_another_is_closed_is_not_missed(db: Database) -> None:
    """PostgreSQL: a transaction that frees a place waits for one that is queueing, and sees its contact."""
    office = await db.write(open_office, weights=[1], limit=1)
    held = await db.write(client_messages.receive, **saying(1))
    queued, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def arrive(s: Session) -> None:
        client_messages.receive(s, **saying(2))
        if db.url.get_backend_name() != "sqlite":
            loop.call_soon(queued.set)
            await_only(may_end.wait())
        queued.set()

    arriving = asyncio.create_task(db.write(arrive))
    await queued.wait()
    actor = telegram(office.account(office.operator_ids[0]))
    closing = asyncio.create_task(
        db.write(lifecycle.close, contact_id=held.contact_id, version=1, actor=actor, now=NOW, rng=random.random)
    )

    async def has_closed_or_waits() -> bool:
        return closing.done() or db.url.get_backend_name() == "sqlite" or await has_lock_waiter(db)

    await until_polled(has_closed_or_waits)
    may_end.set()
    await asyncio.gather(arriving, closing)
    await db.read(check_all)


@pytest.mark.fault("F57")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_contact_that_lost_a_place_keeps_no_operator_locked_while_it_waits(db: Database) -> None:
    """Otherwise a close would wait for that operator, and both for each other: it holds what the contact waits for.

    PostgreSQL locks a row that an UPDATE has waited for, even if the row no longer matches when the wait is over.
    """
    office = await db.write(open_office, weights=[1], limit=1)
    taken, may_commit = asyncio.Event(), asyncio.Event()

    def take_last_place(s: Session) -> None:
        s.execute(text("UPDATE operators SET current_leads = current_leads + 1"))
        taken.set()
        await_only(may_commit.wait())

    rival = asyncio.create_task(db.write(take_last_place))
    await taken.wait()
    arriving = asyncio.create_task(db.write(client_messages.receive, **saying(1)))
    await until_polled(lambda: has_lock_waiter(db))  # for the operator

    def give_it_back(s: Session) -> bool:
        lock_sources(s, [office.source_id])
        may_commit.set()
        await_only(rival)
        await_only(until_polled(lambda: has_lock_waiter(db)))  # for the source
        is_unlocked = s.execute(text("SELECT id FROM operators FOR UPDATE SKIP LOCKED")).one_or_none() is not None
        if is_unlocked:
            s.execute(text("UPDATE operators SET current_leads = current_leads - 1"))
        return is_unlocked

    assert await db.write(give_it_back)
    await arriving
    await db.read(check_all)
