"""SQLite: one writing connection; bodies run in the event loop, and only the disk is waited for in a thread.

A body is some tenths of a millisecond of Python and hardly any of SQLite; in a thread of its own it would compete with
the loop for the interpreter lock at every statement. Flushing is the opposite: it waits for the disk without the lock.

A commit puts a transaction into the journal, from where it survives the end of the process (``synchronous=NORMAL``);
flushing the journal lets it survive a power cut too, which is all that ``synchronous=FULL`` does besides. So `write`
waits for the flush that follows its commit, shared with all who committed meanwhile; `write_unflushed` does not, and
`wait_flushed` waits for everything committed so far. Readers have snapshots, over aiosqlite, and never wait for it.
"""

import asyncio
import contextlib
import errno
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from crm_core.storage.config import POOLS, Pool, current_pool
from crm_core.storage.database import EARLIER_IN_COMMIT, PENDING_ON_COMMIT, Action, Database, P, T, Unwritable
from crm_core.storage.deadlines import cut_sqlite, watch
from crm_core.storage.execute import CONNECTION, DRIVER
from crm_core.storage.prepared import as_sqlalchemy
from crm_core.storage.private_files import tighten
from crm_core.storage.sqlite_cursors import read_in_one_go
from crm_core.storage.turns import Turns

BUSY_TIMEOUT_MS = 5_000  # another process (doctor, a backup) may hold the file for a moment
LEAVE_SECONDS = 2.0  # for readers to leave a journal that must be emptied
BUSY_PAUSE = 0.02  # seconds between attempts to begin a transaction; the loop is not blocked meanwhile
CHECKPOINT_EVERY = 256  # commits; a checkpoint keeps the journal from growing and takes some milliseconds of disk
SHARED_AT_MOST = 32  # bodies in one commit: limits how long the loop does nothing else
SESSION = "session"  # the key under which a connection keeps its session
JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
WRITING, FLUSHES, CHECKPOINTS = "writing", "flushes", "checkpoints"  # keys of `troubles`

log = logging.getLogger(__name__)


@dataclass
class PendingWrite:
    """An action that waits for the writer, and the future of its result."""

    body: Callable[[Session], Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    announcements: list[Any] = field(default_factory=list)


def sqlite_engine(
    url: URL, *, begin: str = "BEGIN IMMEDIATE", busy_timeout_ms: int = BUSY_TIMEOUT_MS, checkpoints: bool = True
) -> Engine:
    """A synchronous engine that begins transactions itself; left to the driver, updates would be lost.

    A connection may be used by another thread than the one that opened it, but never by two at once.

    Args:
        checkpoints: whether SQLite moves its journal into the file by itself. In a running process the writer does it.
    """
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={"isolation_level": None, "check_same_thread": False},
        poolclass=NullPool,
        hide_parameters=True,
    )
    _prepare(engine, begin=begin, read_only=False, busy_timeout_ms=busy_timeout_ms, checkpoints=checkpoints)
    return engine


def _prepare(
    engine: Engine, *, begin: str, read_only: bool, busy_timeout_ms: int = BUSY_TIMEOUT_MS, checkpoints: bool = False
) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        # WAL first: the pragmas after it apply to the journal that is then in use.
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={'FULL' if checkpoints else 'NORMAL'}",
            "foreign_keys=ON",
            f"busy_timeout={busy_timeout_ms}",
            f"journal_size_limit={JOURNAL_LIMIT_BYTES}",
            "temp_store=MEMORY",  # a savepoint that touches more than 16 pages would need a temporary file
        ):
            cursor.execute(f"PRAGMA {pragma}")
        # SQLite before 3.51.3 may damage a WAL when two connections write or checkpoint at once, so only the writer
        # does either, at a moment that it chooses.
        if not checkpoints:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if read_only or not raw.in_transaction:  # the writer begins before SQLAlchemy executes anything
            connection.exec_driver_sql(begin)


class SqliteDatabase(Database):
    """One file, one writing connection, many reading sessions. Belongs to the event loop that writes first."""

    def __init__(self, url: URL, *, engine: Engine | None = None) -> None:
        """
        Args:
            engine: makes the writer's connection; by default one for this file alone.
        """
        super().__init__(url)
        tighten(Path(url.database or ""))
        self._engine = engine or sqlite_engine(url, busy_timeout_ms=0, checkpoints=False)
        self._turns = Turns(lambda limits: limits.readers)
        self._reader_pools: dict[Pool, AsyncEngine] = {}  # those that somebody has read through
        self._connection: Connection | None = None
        self._disk = ThreadPoolExecutor(1, "sqlite-disk")
        self._waiting: deque[PendingWrite] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._is_closed = False
        self._commits = self._on_disk = 0
        self._flush: asyncio.Task[None] | None = None
        self._is_journal_torn = False  # the kernel gave up some of it: flushing again would succeed, and prove nothing

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        result: T = await self._add(lambda s: action(s, *args, **inputs))
        await self.wait_flushed()
        return result

    async def write_unflushed(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        result: T = await self._add(lambda s: action(s, *args, **inputs))
        return result

    def _add(self, body: Callable[[Session], Any]) -> asyncio.Future[Any]:
        if self._is_closed:
            raise RuntimeError("the database is closed")
        return self._enqueue(body)

    def _enqueue(self, body: Callable[[Session], Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        job = PendingWrite(body, loop.create_future())
        self._waiting.append(job)
        if self._writer is None or self._writer.done():  # it has ended early: somebody cancelled it
            self._writer = loop.create_task(self._write(), name="sqlite-writer")
        return job.done

    @property
    def _readers(self) -> AsyncEngine:
        pool = current_pool()
        if pool not in self._reader_pools:
            self._reader_pools[pool] = self._open_readers(pool)
        return self._reader_pools[pool]

    def _open_readers(self, pool: Pool) -> AsyncEngine:
        limits = POOLS[pool]
        readers = create_async_engine(
            self.url.set(drivername="sqlite+aiosqlite"),
            connect_args={"isolation_level": None},
            pool_size=limits.readers // 2,
            max_overflow=limits.readers - limits.readers // 2,
            pool_timeout=limits.wait,
            hide_parameters=True,
        )
        read_in_one_go(readers.sync_engine)
        _prepare(readers.sync_engine, begin="BEGIN", read_only=True)
        watch(readers.sync_engine, silence=limits.silence, cut=cut_sqlite)
        return readers

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        readers = AsyncSession(self._readers, expire_on_commit=False, autoflush=False)
        async with self._turns.wait(), readers as session:
            return await session.run_sync(lambda s: query(s, *args, **inputs))

    async def close(self) -> None:
        self._is_closed = True
        if self._writer is not None:
            await self._writer
        if self._flush is not None:
            await self._flush
            if self._writer is not None:  # the flush has needed it
                await self._writer
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
        self._disk.shutdown()
        for readers in self._reader_pools.values():
            await readers.dispose()

    async def _write(self) -> None:
        """Runs the pending writes, several in a shared commit, and ends when none is left."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), SHARED_AT_MOST))]
            try:
                await self._commit_together(batch)
                if self._is_journal_torn:
                    await self._leave_journal()
            except (
                BaseException
            ) as error:  # the file may be gone, full or read-only: every caller that waits gets the error
                self.troubles[WRITING] = _why(error)
                _abandon(self._connection)
                self._connection = None
                for job in batch:
                    job.error = error
            for job in batch:
                try:
                    self._answer(job)
                except Exception as error:  # the next ones must be answered, too, and the writer go on
                    log.error("write_not_answered: %s", type(error).__name__)
                    if not job.done.done():
                        job.done.set_exception(error)
        self._writer = None

    async def _commit_together(self, batch: list[PendingWrite]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        raw: sqlite3.Connection = self._connection.connection.dbapi_connection  # type: ignore[assignment]
        try:
            await _begin(raw)
            changes = raw.total_changes
            _run_bodies(self._connection, raw, batch)
            if raw.in_transaction:
                raw.execute("COMMIT")
            if self.troubles and raw.total_changes > changes:  # what changes nothing would succeed on a full disk, too
                self.troubles.pop(WRITING, None)
        except sqlite3.Error as error:
            raise as_sqlalchemy(error, "BEGIN … COMMIT", self._connection.dialect) from error
        self._commits += 1
        if self._commits % CHECKPOINT_EVERY == 0:
            await self._checkpoint(self._connection)

    async def _checkpoint(self, connection: Connection) -> None:
        """A checkpoint that fails fails no transaction: what is in the journal is safe there."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, _checkpoint, connection)
            self.troubles.pop(CHECKPOINTS, None)
        except sqlite3.Error as error:
            log.error("checkpoint_failed: %s", _why(error))
            self.troubles[CHECKPOINTS] = _why(error)

    async def _leave_journal(self) -> None:
        """Moves all of a journal that could not be flushed into the file and begins an empty one, if it can."""
        assert self._connection is not None
        left = await asyncio.get_running_loop().run_in_executor(self._disk, _empty_journal, self._connection)
        self._is_journal_torn = not left

    async def wait_flushed(self) -> None:
        """Waits until all that is committed now would survive a power cut. Raises Unwritable if the disk fails."""
        wanted = self._commits
        while self._on_disk < wanted:
            if self._flush is None:
                self._flush = asyncio.create_task(self._flush_once(), name="sqlite-flush")
            await asyncio.shield(self._flush)

    async def _flush_once(self) -> None:
        covers = self._commits
        try:
            if self._is_journal_torn:
                await self._enqueue(lambda s: None)  # the writer leaves the journal before it answers
                if self._is_journal_torn:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            else:
                await asyncio.get_running_loop().run_in_executor(self._disk, self._flush_journal)
            self._on_disk = max(self._on_disk, covers)
            self.troubles.pop(FLUSHES, None)
        except OSError as error:
            # Linux forgets what it could not write: the next fsync would report success.
            self._is_journal_torn = True
            self.troubles[FLUSHES] = _why(error)
            raise Unwritable(*error.args) from error
        finally:
            self._flush = None

    def _flush_journal(self) -> None:
        try:
            journal = os.open(f"{self.url.database}-wal", os.O_RDONLY)
        except FileNotFoundError:  # a checkpoint moved it into the file and removed it, which flushed both
            return
        try:
            os.fsync(journal)
        finally:
            os.close(journal)

    def _answer(self, job: PendingWrite) -> None:
        if job.error is None:  # it was committed, even if the caller no longer waits
            self._notify_listeners(job.announcements)
        if job.done.cancelled():
            return
        if isinstance(job.error, StopIteration):  # a future refuses it, and the writer would end here
            job.done.set_exception(RuntimeError("StopIteration in an action"))
        elif job.error is not None:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)


def _why(error: BaseException) -> str:
    """What the disk or SQLite reported; never a statement or message content."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error | Unwritable):
        return str(cause)
    return getattr(cause, "strerror", None) or type(cause).__name__


async def _begin(raw: sqlite3.Connection) -> None:
    """Takes the write lock, without blocking the loop while another process (a backup, a command) holds it."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or loop.time() > give_up:
                raise
            await asyncio.sleep(BUSY_PAUSE)
        else:
            return


def _checkpoint(connection: Connection) -> None:
    """Moves the journal's content into the file, which flushes both; does not wait for active readers."""
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _empty_journal(connection: Connection) -> bool:
    """Moves the whole journal into the file, flushed, and empties it. Returns whether that succeeded.

    To go on behind what was lost would be of no use: after a power cut SQLite reads a journal up to the first gap.
    """
    raw: Any = connection.connection.dbapi_connection
    for _ in range(1 + round(LEAVE_SECONDS / BUSY_PAUSE)):
        try:
            if raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                return True
        except sqlite3.Error as error:
            log.error("checkpoint_failed: %s", _why(error))
            return False
        time.sleep(BUSY_PAUSE)  # somebody still reads from it
    return False


def _abandon(connection: Connection | None) -> None:
    """Closes a connection whose transaction failed; the next batch opens another one."""
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.invalidate()
        with contextlib.suppress(Exception):
            connection.close()


def _is_damage(error: BaseException) -> bool:
    """Whether an action failed because the file is damaged, which is not its fault."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _session_of(connection: Connection) -> Session:
    """The one session of the writing connection: making one for each commit takes 12 µs."""
    session = connection.info.get(SESSION)
    if session is None:
        driver = (connection.connection.dbapi_connection, connection.dialect)
        info = {CONNECTION: connection, DRIVER: driver}
        session = Session(connection, autoflush=False, expire_on_commit=False, info=info)
        connection.info[SESSION] = session
    return session


def _run_bodies(connection: Connection, raw: sqlite3.Connection, batch: list[PendingWrite]) -> None:
    """Runs the bodies of a batch one after another; a body that fails is rolled back alone.

    Without others to be spared it needs no savepoint, for which SQLite copies every page that is changed after it.
    """
    session = _session_of(connection)
    is_shared = len(batch) > 1
    undo = "ROLLBACK TO body" if is_shared else "ROLLBACK"
    earlier: list[Any] = []
    session.info[EARLIER_IN_COMMIT] = earlier
    for job in batch:
        session.info[PENDING_ON_COMMIT] = job.announcements
        if is_shared:
            raw.execute("SAVEPOINT body")
        try:
            job.result = job.body(session)
        except BaseException as error:
            if not raw.in_transaction:  # a full disk ends the whole transaction: no body of the batch is committed
                raise
            raw.execute(undo)
            if _is_damage(error):
                raise Unwritable(_why(error)) from error
            job.error = error
        else:
            earlier += job.announcements
        if is_shared:
            raw.execute("RELEASE body")
        if session.in_transaction():  # objects that ORM statements loaded belong to this body alone
            session.expunge_all()
    if session.in_transaction():
        session.commit()
        session.close()
    if (
        connection.in_transaction()
    ):  # some statement went through SQLAlchemy, which thinks that the transaction is its own
        connection.commit()
