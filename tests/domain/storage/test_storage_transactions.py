"""Writes that share a commit, and what becomes of those that fail, are cancelled, or meet each other."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.storage.database import Database, on_commit
from crm_core.storage.opening import open_database
from crm_core.storage.tables import Alert

NOW = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)


def note(s: Session, cause: str, *, fails: bool = False) -> str:
    on_commit(s, cause)
    s.execute(insert(Alert), [{"cause": cause, "told_at": NOW}])
    if fails:
        raise LookupError(cause)
    return cause


async def causes(db: Database) -> set[str]:
    return await db.read(lambda s: set(s.execute(select(Alert.cause)).scalars()))


async def test_failing_write_is_rolled_back_alone_and_announces_nothing(db: Database) -> None:
    told: list[Any] = []
    db.listeners.append(told.extend)
    results = await asyncio.gather(
        *(db.write(note, str(number), fails=number % 3 == 0) for number in range(30)), return_exceptions=True
    )
    good = {str(number) for number in range(30) if number % 3}
    assert {result for result in results if isinstance(result, str)} == good
    assert sum(isinstance(result, LookupError) for result in results) == 10
    assert await causes(db) == good
    assert sorted(told) == sorted(good)


async def test_failing_statement_does_not_affect_concurrent_writes(db: Database) -> None:
    await db.write(note, "taken")
    results = await asyncio.gather(
        db.write(note, "before"), db.write(note, "taken"), db.write(note, "after"), return_exceptions=True
    )
    assert [type(result) for result in results] == [str, IntegrityError, str]
    assert await causes(db) == {"taken", "before", "after"}


async def test_cancelled_write_does_not_affect_concurrent_writes(db: Database) -> None:
    told: list[Any] = []
    db.listeners.append(told.extend)
    if db.url.get_backend_name() == "sqlite":
        holding = asyncio.create_task(db.write(lambda s: time.sleep(0.05)))
    else:
        holding = asyncio.create_task(db.write(lambda s: None))
    waits = [asyncio.create_task(db.write(note, str(number))) for number in range(5)]
    await asyncio.sleep(0)
    waits[2].cancel()
    results = await asyncio.gather(holding, *waits, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["NoneType", "str", "str", "CancelledError", "str", "str"]
    # Who gave up cannot know; but what was committed was also announced, and nothing else was.
    assert await causes(db) == set(told)
    assert await causes(db) >= {"0", "1", "3", "4"}


async def test_failing_listener_does_not_affect_writes_or_other_listeners(db: Database) -> None:
    told: list[Any] = []

    def fail(_: list[Any]) -> None:
        raise LookupError("a listener of somebody else's")

    db.listeners += [fail, told.extend]
    assert set(await asyncio.gather(db.write(note, "one"), db.write(note, "two"))) == {"one", "two"}
    assert sorted(told) == ["one", "two"]


async def test_sqlite_error_text_contains_no_parameter_values(db: Database) -> None:
    await db.write(note, "words of a client")
    with pytest.raises(DBAPIError) as raised:
        await db.write(note, "words of a client")
    if db.url.get_backend_name() == "sqlite":  # PostgreSQL's own text names the key; `describe_error` shows neither
        assert "words of a client" not in str(raised.value)


async def test_read_cannot_change_data(db: Database) -> None:
    with pytest.raises(DBAPIError):
        await db.read(lambda s: s.execute(insert(Alert), [{"cause": "x", "told_at": NOW}]))
    assert await causes(db) == set()


@pytest.mark.fault("F63")
async def test_full_disk_fails_writes_consistently_and_then_recovers(db: Database) -> None:
    if db.url.get_backend_name() != "sqlite":
        return

    def fill(s: Session) -> None:
        pages = s.execute(text("PRAGMA page_count")).scalar_one()
        s.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(1000):
            s.execute(insert(Alert), [{"cause": f"{number} " + "x" * 80, "told_at": NOW}])

    results = await asyncio.gather(
        db.write(note, "neighbour"), db.write(fill), db.write(note, "other neighbour"), return_exceptions=True
    )
    assert isinstance(results[1], OperationalError)
    survivors = {result for result in results if isinstance(result, str)}
    assert await causes(db) == survivors  # whoever was told that it stands has it standing, and nobody else
    assert await db.write(note, "later") == "later"


@pytest.mark.fault("F62")
async def test_deadlocked_transactions_are_retried_and_both_succeed(db: Database) -> None:
    """PostgreSQL ends one of them with a deadlock error; it is run again with the same inputs."""
    await db.write(lambda s: [note(s, "a"), note(s, "b")])
    met = asyncio.Barrier(2)
    runs = 0

    def touch(s: Session, *names: str) -> None:
        nonlocal runs
        runs += 1
        for number, name in enumerate(names):
            s.execute(text("UPDATE alerts SET told_at = told_at + 1 WHERE cause = :name"), {"name": name})
            if number == 0 and db.url.get_backend_name() == "postgresql" and runs <= 2:
                await_only(met.wait())

    await asyncio.gather(db.write(touch, "a", "b"), db.write(touch, "b", "a"))
    query = select(Alert.told_at).order_by(Alert.cause)
    assert await db.read(lambda s: list(s.execute(query).scalars())) == [NOW + timedelta(milliseconds=2)] * 2
    # On a busy machine the one that is run again can end for its own reasons, and is run once more.
    assert runs > 2 if db.url.get_backend_name() == "postgresql" else runs == 2


async def test_concurrent_creation_of_the_same_row_succeeds_for_both(db: Database) -> None:
    met = asyncio.Barrier(2)
    runs = 0

    def find_or_make(s: Session) -> str:
        nonlocal runs
        runs += 1
        found = s.execute(select(Alert.cause).where(Alert.cause == "same")).scalar_one_or_none()
        if found is None:
            if db.url.get_backend_name() == "postgresql" and runs <= 2:
                await_only(met.wait())
            s.execute(insert(Alert), [{"cause": "same", "told_at": NOW}])
        return "same"

    assert set(await asyncio.gather(db.write(find_or_make), db.write(find_or_make))) == {"same"}
    assert await causes(db) == {"same"}


async def test_write_to_a_closed_database_raises_an_error(db: Database) -> None:
    if db.url.get_backend_name() != "sqlite":
        return
    other = open_database(db.url.render_as_string(hide_password=False))
    await other.write(note, "last words")
    await other.close()
    with pytest.raises(RuntimeError):
        await other.write(note, "too late")
    assert await causes(db) == {"last words"}


async def test_timestamps_are_stored_exactly_and_returned_in_utc(db: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))
    old = datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    rows = [{"cause": "a", "told_at": NOW}, {"cause": "b", "told_at": elsewhere}, {"cause": "c", "told_at": old}]
    await db.write(lambda s: s.execute(insert(Alert), rows))
    query = select(Alert.told_at).order_by(Alert.cause)
    found = await db.read(lambda s: list(s.execute(query).scalars()))
    assert found == [NOW, NOW, old]
    assert all(moment.tzinfo is UTC for moment in found)
    raw = await db.read(lambda s: s.execute(text("SELECT max(told_at) - min(told_at) FROM alerts")).scalar_one())
    assert timedelta(milliseconds=raw) == NOW - old
    ordered = select(Alert.cause).where(Alert.told_at < NOW)
    assert await db.read(lambda s: list(s.execute(ordered).scalars())) == ["c"]


async def test_timestamp_without_time_zone_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        await db.write(lambda s: s.execute(insert(Alert), [{"cause": "a", "told_at": datetime(2026, 1, 1)}]))  # noqa: DTZ001
