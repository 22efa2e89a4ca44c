"""SQLite: one thread owns the one writing connection; whoever waits at the same moment shares a commit.

A commit waits for the disk (``synchronous=FULL``: what was confirmed to Telegram must survive a power cut), so
sharing it is what makes a busy bot quick. Readers are snapshots over aiosqlite and never wait for the writer.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from crm_core.storage.database import ANNOUNCEMENTS, Action, Database, P, T
from crm_core.storage.rows import CONNECTION

BUSY_TIMEOUT_MS = 5_000  # another process (doctor, a backup) may hold the file for a moment
SHARED_AT_MOST = 64  # bodies in one commit: bounds how long the first of them waits
JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass
class Job:
    """One action that waits for the writer, and where its outcome goes."""

    body: Callable[[Session], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    announcements: list[Any] | None = None


def sqlite_engine(url: URL, *, begin: str = "BEGIN IMMEDIATE") -> Engine:
    """A synchronous engine that begins transactions itself: left to its own habit, the driver loses updates."""
    engine = create_engine(
        url.set(drivername="sqlite"), connect_args={"isolation_level": None}, poolclass=NullPool, hide_parameters=True
    )
    _prepare(engine, begin=begin, read_only=False)
    return engine


def _prepare(engine: Engine, *, begin: str, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        # WAL first: the pragmas after it hold for the journal that is then in use.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"journal_size_limit={JOURNAL_LIMIT_BYTES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        if read_only:
            # SQLite before 3.51.3 may damage a WAL when two connections write or checkpoint at once,
            # so the writer alone does both.
            cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


class SqliteDatabase(Database):
    """One file, one writing thread, many reading sessions."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_closed = False
        self._readers = create_async_engine(
            url.set(drivername="sqlite+aiosqlite"),
            connect_args={"isolation_level": None},
            pool_size=4,
            max_overflow=4,
            hide_parameters=True,
        )
        _prepare(self._readers.sync_engine, begin="BEGIN", read_only=True)
        self._writer = threading.Thread(target=self._write_forever, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        if self._is_closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        job = Job(lambda s: action(s, *args, **inputs), loop, loop.create_future())
        self._jobs.put(job)
        result: T = await job.done
        return result

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        async with AsyncSession(self._readers, expire_on_commit=False, autoflush=False) as session:
            return await session.run_sync(lambda s: query(s, *args, **inputs))

    async def close(self) -> None:
        self._is_closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await self._readers.dispose()

    def _write_forever(self) -> None:
        engine = sqlite_engine(self.url)
        stopping = False
        connection: Connection | None = None
        while not stopping:
            batch, stopping = self._next_batch()
            if not batch:
                continue
            try:
                connection = connection or engine.connect()
                _run_batch(connection, batch)
            except BaseException as error:  # the file may be away, full or read-only: everybody waiting must hear of it
                _abandon(connection)
                connection = None
                for job in batch:
                    job.error = error
            self._resolve(batch)
        if connection is not None:
            connection.close()
        engine.dispose()

    def _next_batch(self) -> tuple[list[Job], bool]:
        """Waits for one job and takes whoever waits with it; the second value says that no more will come."""
        batch: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == SHARED_AT_MOST:
                return batch, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _resolve(self, batch: list[Job]) -> None:
        """Hands outcomes back, in one hop for each event loop that asked."""
        for loop in {job.loop for job in batch}:
            jobs = [job for job in batch if job.loop is loop]
            try:
                loop.call_soon_threadsafe(self._answer, jobs)
            except RuntimeError:  # the loop is closed: nobody waits any more, the commit stands
                continue

    def _answer(self, jobs: list[Job]) -> None:
        for job in jobs:  # whoever gave up waiting does not change what was committed
            if job.error is None:
                self._tell(job.announcements or [])
            if job.done.cancelled():
                continue
            if job.error is not None:
                job.done.set_exception(job.error)
            else:
                job.done.set_result(job.result)


def _abandon(connection: Connection | None) -> None:
    """Lets go of a connection whose transaction failed; the next batch opens another one."""
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.invalidate()
        with contextlib.suppress(Exception):
            connection.close()


def _run_batch(connection: Connection, batch: list[Job]) -> None:
    """Runs the bodies of a batch one after another and commits them together; a body that fails is undone alone."""
    raw: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    with connection.begin():
        session = Session(connection, autoflush=False, expire_on_commit=False, info={CONNECTION: connection})
        for job in batch:
            session.info[ANNOUNCEMENTS] = job.announcements = []
            raw.execute("SAVEPOINT body")
            try:
                job.result = job.body(session)
            except BaseException as error:
                if not raw.in_transaction:  # a full disk ends the whole transaction: nobody's work stands
                    raise
                raw.execute("ROLLBACK TO body")
                job.error = error
            raw.execute("RELEASE body")
            session.expunge_all()
        session.commit()  # ends the session's part; the connection's own transaction commits at the end of the block
    session.close()
