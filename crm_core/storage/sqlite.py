"""SQLite: one writing connection; bodies run in the event loop, and only the disk is waited for in a thread.

A body is some tenths of a millisecond of Python and next to none of SQLite; in a thread of its own it would fight the
loop for the interpreter at every statement. A commit is the opposite: it waits for the disk (``synchronous=FULL``: what
was confirmed to Telegram must survive a power cut) and needs no interpreter. While one commit is under way, whoever
wants to write gathers, and shares the next. Readers are snapshots over aiosqlite and never wait for the writer.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from crm_core.storage.database import ANNOUNCEMENTS, Action, Database, P, T
from crm_core.storage.rows import CONNECTION

BUSY_TIMEOUT_MS = 5_000  # another process (doctor, a backup) may hold the file for a moment
BUSY_PAUSE = 0.02  # seconds between tries to begin, for the writer: it must not block the loop meanwhile
CHECKPOINT_PAGES = 1_000  # SQLite's own default
SHARED_AT_MOST = 32  # bodies in one commit: bounds how long the loop does nothing else
JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass
class Job:
    """One action that waits for the writer, and where its outcome goes."""

    body: Callable[[Session], Any]
    done: asyncio.Future[Any]
    is_durable: bool
    result: Any = None
    error: BaseException | None = None
    announcements: list[Any] = field(default_factory=list)


def sqlite_engine(url: URL, *, begin: str = "BEGIN IMMEDIATE", busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """A synchronous engine that begins transactions itself: left to its own habit, the driver loses updates.

    Its connections may be used by another thread than the one that opened them, though never by two at once.
    """
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={"isolation_level": None, "check_same_thread": False},
        poolclass=NullPool,
        hide_parameters=True,
    )
    _prepare(engine, begin=begin, read_only=False, busy_timeout_ms=busy_timeout_ms)
    return engine


def _prepare(engine: Engine, *, begin: str, read_only: bool, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        # WAL first: the pragmas after it hold for the journal that is then in use.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={busy_timeout_ms}",
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
    """One file, one writing connection, many reading sessions. Belongs to the event loop that writes first."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._readers = create_async_engine(
            url.set(drivername="sqlite+aiosqlite"),
            connect_args={"isolation_level": None},
            pool_size=4,
            max_overflow=4,
            hide_parameters=True,
        )
        _prepare(self._readers.sync_engine, begin="BEGIN", read_only=True)
        self._engine = sqlite_engine(url, busy_timeout_ms=0)
        self._connection: Connection | None = None
        self._disk = ThreadPoolExecutor(1, "sqlite-disk")
        self._waiting: deque[Job] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._is_closed = False
        self._is_durable = True  # as connections begin

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        result: T = await self._add(lambda s: action(s, *args, **inputs), is_durable=True)
        return result

    async def note(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        result: T = await self._add(lambda s: action(s, *args, **inputs), is_durable=False)
        return result

    def _add(self, body: Callable[[Session], Any], *, is_durable: bool) -> asyncio.Future[Any]:
        if self._is_closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        job = Job(body, loop.create_future(), is_durable)
        self._waiting.append(job)
        if self._writer is None:
            self._writer = loop.create_task(self._write(), name="sqlite-writer")
        return job.done

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        async with AsyncSession(self._readers, expire_on_commit=False, autoflush=False) as session:
            return await session.run_sync(lambda s: query(s, *args, **inputs))

    async def close(self) -> None:
        self._is_closed = True
        if self._writer is not None:
            await self._writer
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
        self._disk.shutdown()
        await self._readers.dispose()

    async def _write(self) -> None:
        """Works off whoever waits, a shared commit at a time, and ends when nobody does."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), SHARED_AT_MOST))]
            try:
                await self._commit_together(batch)
            except BaseException as error:  # the file may be away, full or read-only: everybody waiting must hear of it
                _abandon(self._connection)
                self._connection = None
                for job in batch:
                    job.error = error
            for job in batch:
                self._answer(job)
        self._writer = None

    async def _commit_together(self, batch: list[Job]) -> None:
        if self._connection is None:
            self._connection, self._is_durable = self._engine.connect(), True
        is_durable = any(job.is_durable for job in batch)
        if is_durable != self._is_durable:
            _set_durable(self._connection, is_durable)
            self._is_durable = is_durable
        transaction = await self._begin(self._connection)
        _run_bodies(self._connection, batch)
        if is_durable:
            await asyncio.get_running_loop().run_in_executor(self._disk, transaction.commit)
        else:
            transaction.commit()  # into the journal's page cache: nothing is waited for

    async def _begin(self, connection: Connection) -> RootTransaction:
        """Takes the write lock; another process (a backup, a command) may hold it for a moment, which blocks nobody."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                return connection.begin()
            except OperationalError as error:
                if "locked" not in str(error.orig) or loop.time() > give_up:
                    raise
            await asyncio.sleep(BUSY_PAUSE)

    def _answer(self, job: Job) -> None:
        if job.error is None:  # whoever gave up waiting does not change what was committed
            self._tell(job.announcements)
        if job.done.cancelled():
            return
        if job.error is not None:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)


def _set_durable(connection: Connection, is_durable: bool) -> None:
    """Whether commits wait for the disk. Those that do not leave the checkpoint, which does, to the others."""
    raw: Any = connection.connection.dbapi_connection
    raw.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
    raw.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES if is_durable else 0}")


def _abandon(connection: Connection | None) -> None:
    """Lets go of a connection whose transaction failed; the next batch opens another one."""
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.invalidate()
        with contextlib.suppress(Exception):
            connection.close()


def _run_bodies(connection: Connection, batch: list[Job]) -> None:
    """Runs the bodies of a batch one after another; a body that fails is undone alone."""
    raw: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    session = Session(connection, autoflush=False, expire_on_commit=False, info={CONNECTION: connection})
    for job in batch:
        session.info[ANNOUNCEMENTS] = job.announcements
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
    session.commit()  # ends the session's part; the connection's own transaction is committed by the caller
    session.close()
