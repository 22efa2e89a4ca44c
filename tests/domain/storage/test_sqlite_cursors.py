"""Readers of SQLite wait for another thread once per statement, and get all of a result with it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosqlite import Connection
from sqlalchemy import exc, text
from sqlalchemy.orm import Session

from crm_core.storage.config import Pool, through
from crm_core.storage.opening import open_database
from crm_core.storage.sqlite import SqliteDatabase

NUMBERS = text("SELECT column1 AS number, 'n' || column1 AS name FROM (VALUES (1), (2), (3)) WHERE column1 >= :least")


@pytest.fixture
async def sqlite(migrated_file: Path, tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open database that nobody writes to."""
    database = open_database(f"sqlite:///{shutil.copy(migrated_file, tmp_path)}")
    assert isinstance(database, SqliteDatabase)
    yield database
    await database.close()


def numbers(s: Session, *, least: int = 0) -> list[dict[str, Any]]:
    return [dict(row) for row in s.execute(NUMBERS, {"least": least}).mappings()]


async def test_reader_waits_for_its_thread_once_per_statement(
    sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.read(numbers)  # it connects
    execute: Any = Connection._execute
    asked = []

    async def noted(connection: Connection, function: Any, *rest: Any, **named: Any) -> Any:
        asked.append(function.__name__)
        return await execute(connection, function, *rest, **named)

    monkeypatch.setattr(Connection, "_execute", noted)
    assert len(await sqlite.read(numbers)) == 3
    assert asked == ["_execute", "_execute", "rollback"]  # BEGIN, the statement, the end


async def test_reader_gets_all_rows_of_a_result_with_their_names(sqlite: SqliteDatabase) -> None:
    assert await sqlite.read(numbers, least=2) == [{"number": 2, "name": "n2"}, {"number": 3, "name": "n3"}]
    assert await sqlite.read(numbers, least=4) == []


async def test_reader_that_fails_raises_as_sqlalchemy_does_and_reads_on(sqlite: SqliteDatabase) -> None:
    with pytest.raises(exc.OperationalError, match="no such table"):
        await sqlite.read(lambda s: s.execute(text("SELECT 1 FROM missing")))
    with pytest.raises(exc.OperationalError, match="readonly"):
        await sqlite.read(lambda s: s.execute(text("DELETE FROM events")))
    assert len(await sqlite.read(numbers)) == 3


async def test_database_opens_readers_only_for_pools_that_read(sqlite: SqliteDatabase) -> None:
    assert sqlite._reader_pools == {}
    await sqlite.read(numbers)
    with through(Pool.BACKGROUND):
        await sqlite.read(numbers)
    assert set(sqlite._reader_pools) == {Pool.BOT, Pool.BACKGROUND}
