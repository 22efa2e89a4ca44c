"""Waiting for a state of the database: after each commit of this process, or by polling for those of others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from crm_core.storage.database import Database

POLL_EVERY = 0.01  # seconds; what another process or the server does announces itself to nobody

Condition = Callable[[], Awaitable[Any]]


async def until_committed(db: Database, holds: Condition, *, within: float = 20) -> None:
    """Waits until a condition holds; it is tried at once, and again after every commit made through `db`.

    Args:
        within: seconds, after which this raises TimeoutError.
    """
    committed = asyncio.Event()
    notify = db._notify_listeners

    def noted(announcements: list[Any]) -> None:
        notify(announcements)
        committed.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_notify_listeners", noted)
        async with asyncio.timeout(within):
            while not await holds():
                await committed.wait()
                committed.clear()


async def has_lock_waiter(db: Database) -> bool:
    """Whether somebody waits for a lock in this database (PostgreSQL)."""
    query = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    return await db.read(lambda s: s.execute(query).first()) is not None


async def until_polled(holds: Condition, *, within: float = 20) -> None:
    """Waits until a condition holds that another process, or the database server, brings about.

    Args:
        within: seconds, after which this raises TimeoutError.
    """
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - there is no event, see above
            await asyncio.sleep(POLL_EVERY)
