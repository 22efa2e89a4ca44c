"""What `write`, `note` and `flushed` promise of SQLite's journal: the end of a process, and a power cut."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.storage import sqlite
from crm_core.storage.database import Database, Unwritable
from crm_core.storage.opening import open_database
from crm_core.storage.sqlite import SqliteDatabase
from tests.support.waiting import until_polled


class Disk:
    """Stands in for the flush of the journal: can hesitate, and fail."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.is_broken = False
        self.begun = self.flushes = 0

    def __call__(self) -> None:
        self.begun += 1
        self.go_on.wait(10)
        self.flushes += 1
        if self.is_broken:
            raise OSError("the disk is gone")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    slow = Disk()
    monkeypatch.setattr(SqliteDatabase, "_flush_journal", slow)
    yield slow
    slow.go_on.set()


@pytest.fixture
async def file(tmp_path: Path, disk: Disk) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'crm.db'}")
    await database.write(lambda s: s.execute(text("CREATE TABLE words (word TEXT)")))
    yield database
    await database.close()


def put(s: Session, word: str) -> None:
    s.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})


def words(s: Session) -> list[str]:
    return list(s.execute(text("SELECT word FROM words ORDER BY rowid")).scalars())


async def test_unflushed_write_is_committed_before_the_flush(file: Database, disk: Disk) -> None:
    disk.go_on.clear()
    await file.write_unflushed(put, "noted")
    assert await file.read(words) == ["noted"]


@pytest.mark.fault("F7")
async def test_write_returns_only_after_the_flush(file: Database, disk: Disk) -> None:
    disk.go_on.clear()
    writing = asyncio.create_task(file.write(put, "written"))
    await until_polled(lambda: file.read(words))  # committed, and seen by others
    assert not writing.done()
    disk.go_on.set()
    await writing


async def test_concurrent_writes_share_flushes(file: Database, disk: Disk) -> None:
    before = disk.flushes
    await asyncio.gather(*(file.write(put, str(number)) for number in range(100)))
    assert len(await file.read(words)) == 100
    assert disk.flushes - before < 20


@pytest.mark.fault("F7")
async def test_flushed_covers_earlier_unflushed_writes(file: Database, disk: Disk) -> None:
    await file.write_unflushed(put, "noted")
    before = disk.flushes
    await file.wait_flushed()
    assert disk.flushes == before + 1
    await file.wait_flushed()
    assert disk.flushes == before + 1


async def test_running_flush_does_not_cover_later_commits(file: Database, disk: Disk) -> None:
    before = disk.flushes
    disk.go_on.clear()
    first = asyncio.create_task(file.write(put, "first"))

    async def has_begun() -> bool:
        return disk.begun > before

    async def has_second() -> bool:
        return "second" in await file.read(words)

    await until_polled(has_begun)
    second = asyncio.create_task(file.write(put, "second"))
    await until_polled(has_second)
    disk.go_on.set()
    await asyncio.gather(first, second)
    assert disk.flushes == before + 2


async def test_flush_failure_is_raised_to_the_writer(file: Database, disk: Disk) -> None:
    disk.is_broken = True
    with pytest.raises(OSError, match="the disk is gone"):
        await file.write(put, "written")
    disk.is_broken = False
    await file.wait_flushed()


@pytest.mark.fault("F96")
async def test_after_a_failed_flush_nothing_is_confirmed_until_the_journal_is_left(
    file: Database, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LEAVE_SECONDS", 0.0)
    journal = tmp_path / "crm.db-wal"
    disk.is_broken = True
    with pytest.raises(Unwritable):
        await file.write(put, "lost")
    disk.is_broken = False  # as the kernel does: it reports the failure once
    flushes = disk.flushes
    with contextlib.closing(sqlite3.connect(tmp_path / "crm.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM words").fetchall()
        with pytest.raises(Unwritable):  # somebody reads from it: it cannot be emptied
            await file.write(put, "waits")
        assert file.troubles
        assert disk.flushes == flushes
        reader.execute("COMMIT")
    await file.write(put, "safe")
    assert journal.stat().st_size == 0
    assert not file.troubles
    assert await file.read(words) == ["lost", "waits", "safe"]
