"""A database that is away for a while: a file that somebody else has locked, a server that lets nobody in."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from crm_core.storage import sqlite
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from tests.support.waiting import until_polled


@asynccontextmanager
async def outage(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nothing can be written to this database while it lasts."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
        holder = sqlite3.connect(url.database or "", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            holder.rollback()
            holder.close()
        return
    name = url.database
    throw_out = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    await asyncio.to_thread(_execute, database_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", throw_out)
    try:
        yield
    finally:
        await asyncio.to_thread(_execute, database_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def until_away(db: Database) -> None:
    """Waits until the outage is felt: connections that are still open end a moment later."""

    async def is_away() -> bool:
        try:
            await db.write(lambda s: s.execute(text("SELECT 1")))
        except DATABASE_UNAVAILABLE:
            return True
        return False

    await until_polled(is_away)


def _execute(database_url: str, *statements: str) -> None:
    """From outside: through the server's own database."""
    url = make_url(database_url).set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
