"""A database that answers but takes nothing: said as what it is, for as long as it lasts, and nobody's fault."""

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, insert, make_url, select, text
from sqlalchemy.orm import Session

from crm_core.storage import config, postgres, sqlite
from crm_core.storage.config import Pool
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database, Unwritable
from crm_core.storage.opening import open_database
from crm_core.storage.tables import Alert
from tests.domain.storage.test_storage_backup import damage
from tests.domain.storage.test_storage_migrations import engine_of
from tests.domain.storage.test_storage_transactions import NOW, causes, note


async def test_full_disk_is_reported_until_data_is_written_again(db: Database) -> None:
    """F63: a transaction that changes nothing succeeds on a full disk, and proves nothing."""
    if db.url.get_backend_name() != "sqlite":
        return

    def fill(s: Session) -> None:
        pages = s.execute(text("PRAGMA page_count")).scalar_one()
        s.execute(text(f"PRAGMA max_page_count = {pages}"))
        s.execute(insert(Alert), [{"cause": f"{number} " + "x" * 80, "told_at": NOW} for number in range(1000)])

    with pytest.raises(DATABASE_UNAVAILABLE):
        await db.write(fill)
    assert db.troubles == {"writing": "database or disk is full"}
    await db.write(lambda s: s.execute(text("UPDATE alerts SET told_at = 0 WHERE cause = 'nobody'")))
    assert db.troubles == {"writing": "database or disk is full"}
    await db.write(note, "later")
    assert db.troubles == {}


async def test_failed_checkpoint_is_reported_and_fails_no_write(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """F63: what was committed stands; whoever wrote it must not hear that it does not."""
    if db.url.get_backend_name() != "sqlite":
        return

    def fails(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    whole = sqlite._checkpoint
    monkeypatch.setattr(sqlite, "CHECKPOINT_EVERY", 1)
    monkeypatch.setattr(sqlite, "_checkpoint", fails)
    assert await db.write(note, "one") == "one"
    assert db.troubles == {"checkpoints": "database or disk is full"}
    monkeypatch.setattr(sqlite, "_checkpoint", whole)
    assert await db.write(note, "two") == "two"
    assert db.troubles == {}
    assert await causes(db) == {"one", "two"}


async def test_damaged_file_raises_unwritable_and_is_reported(db: Database) -> None:
    """F64: an update that meets the damage is not given up for it, as one is that fails by itself."""
    if db.url.get_backend_name() != "sqlite":
        return
    await db.write(lambda s: [note(s, f"{number} {'x' * 80}") for number in range(500)])
    await db.close()
    damage(Path(db.url.database or ""))
    again = sqlite.SqliteDatabase(db.url)
    with pytest.raises(Unwritable):
        await again.write(note, "one")
    assert again.troubles == {"writing": "database disk image is malformed"}
    await again.close()


async def test_read_only_server_is_reported_until_it_accepts_writes(db: Database, database_url: str) -> None:
    """F63: one that was made a copy of another, say; it is over by itself."""
    if db.url.get_backend_name() == "sqlite":
        return
    await db.write(note, "before")
    await asyncio.to_thread(only_reads, database_url, True)
    for number in range(1000):  # connections that are open still write for a moment
        with contextlib.suppress(*DATABASE_UNAVAILABLE):
            await db.write(note, f"a moment after {number}")
        if db.troubles:
            break
    with pytest.raises(Unwritable):
        await db.write(note, "never")
    assert db.troubles == {"writing": "the server only reads"}
    assert "before" in await db.read(lambda s: s.execute(select(Alert.cause)).scalars().all())
    await asyncio.to_thread(only_reads, database_url, False)
    for _ in range(1000):
        if not db.troubles:
            break
        with contextlib.suppress(*DATABASE_UNAVAILABLE):  # connections that only read are ended, one by one
            await db.write(note, "after")
    assert await causes(db) >= {"before", "after"}


def only_reads(database_url: str, is_so: bool) -> None:
    url = make_url(database_url)
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {url.database} SET default_transaction_read_only = {is_so}"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
        )
    engine.dispose()


# --- F62 --------------------------------------------------------------------------------------------------------------


async def test_lock_timeout_fails_after_bounded_retries_and_changes_nothing(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F62: a bounded number of times, with the same inputs; then whoever asked hears of it, and nothing was changed."""
    await db.write(note, "row")
    attempts: list[str] = []

    def touch(s: Session, *, to: str) -> None:
        attempts.append(to)
        s.execute(text("UPDATE alerts SET told_at = 7 WHERE cause = :to"), {"to": to})

    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setitem(config.POOLS, Pool.BOT, replace(config.POOLS[Pool.BOT], lock=0.05))
    impatient = open_database(database_url)
    engine = engine_of(database_url)
    with engine.connect() as holder:
        holder.execute(text("UPDATE alerts SET told_at = 8 WHERE cause = 'row'"))
        with pytest.raises(DATABASE_UNAVAILABLE):
            await impatient.write(touch, to="row")
        is_file = db.url.get_backend_name() == "sqlite"
        assert attempts == ([] if is_file else ["row"] * postgres.ATTEMPTS)
        assert impatient.troubles == {"writing": "database is locked" if is_file else "LockNotAvailable"}
        holder.rollback()
    await impatient.write(touch, to="row")
    assert impatient.troubles == {}
    assert await db.read(lambda s: s.execute(text("SELECT told_at FROM alerts")).scalars().all()) == [7]
    await impatient.close()
    engine.dispose()


async def test_serialization_failure_is_retried_a_bounded_number_of_times(db: Database) -> None:
    """F62: PostgreSQL says so each time; it is tried as often as is promised, and not for ever."""
    if db.url.get_backend_name() == "sqlite":
        return
    attempts: list[str] = []

    def never(s: Session, *, what: str) -> None:
        attempts.append(what)
        s.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(DATABASE_UNAVAILABLE):
        await db.write(never, what="the same")
    assert attempts == ["the same"] * postgres.ATTEMPTS
    assert await db.write(note, "neighbour") == "neighbour"
