"""SQLite as the product uses it, with its disk, its snapshots and its accidents as moves.

The writer, its shared commits and its journal are the product's own, on a real file. A power cut is what it is in
reality: the journal ends where the last flush that was finished ended.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.orm import Session

from crm_core.storage.database import Action, P, T
from crm_core.storage.sqlite import SqliteDatabase, sqlite_engine
from tests.simulation.loop import Loop, Move

_NAME = "sqlite:///simulated"


class Accidents:
    """What befalls the statements of the writer: armed, it happens once, a number of statements later."""

    def __init__(self) -> None:
        self.statements = 0
        self._at: int | None = None
        self._ends_all = False

    def arm(self, after: int, *, ends_all: bool) -> None:
        """The statement number `after` from now on fails; `ends_all` ends the transaction too, as a full disk does."""
        self._at, self._ends_all = self.statements + after, ends_all

    def disarm(self) -> None:
        """The disk is well again."""
        self._at = None

    def look(self, connection: sqlite3.Connection) -> None:
        """A statement is about to be executed."""
        self.statements += 1
        if self._at is not None and self.statements >= self._at:
            self._at = None
            if self._ends_all and connection.in_transaction:
                connection.rollback()
            raise sqlite3.OperationalError("database or disk is full" if self._ends_all else "disk I/O error")


class _Cursor(sqlite3.Cursor):
    def execute(self, *args: Any) -> Any:
        self.connection.accidents.look(self.connection)  # type: ignore[attr-defined]
        return super().execute(*args)


class _Connection(sqlite3.Connection):
    accidents: Accidents

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *args: Any) -> Any:
        if not args[0].startswith("ROLLBACK"):
            self.accidents.look(self)
        return super().execute(*args)


class File:
    """The file of one history, and how to open it.

    Statements are compiled once for all files: engines are kept, and told where to connect to.
    """

    accidents: Accidents

    def __init__(self) -> None:
        self.path = Path()
        self._number = 0
        self._looking: Connection | None = None
        self.writers, self.readers = _engine(self, writes=True), _engine(self, writes=False)

    def begin(self, folder: Path, template: bytes) -> None:
        """A new file, as the template is."""
        self._folder, self._number, self.accidents = folder, 0, Accidents()
        self._move_to(template, b"")

    def lose(self, flushed_bytes: int) -> None:
        """A power cut: of the journal only so much is left."""
        content, journal = self.path.read_bytes(), Path(f"{self.path}-wal").read_bytes()[:flushed_bytes]
        self._leave()
        self._move_to(content, journal)

    def _move_to(self, content: bytes, journal: bytes) -> None:
        self._number += 1
        self.path = self._folder / f"{self._number}.db"
        self.path.write_bytes(content)
        Path(f"{self.path}-wal").write_bytes(journal)
        # Whoever closes a file last moves its journal into it, and waits for the disk: here that is never a process.
        self._held = sqlite3.connect(self.path, check_same_thread=False)
        self._held.execute("SELECT count(*) FROM sqlite_master").fetchall()

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """A look at what is committed."""
        return self._held.execute(query, values).fetchall()

    @contextlib.contextmanager
    def look(self) -> Iterator[Session]:
        """A look at what is committed, by the functions that look at any database."""
        if self._looking is None:
            self._looking = self.readers.connect()
        with Session(self._looking) as s:
            yield s

    def end(self) -> None:
        """Nobody needs it any more."""
        self._leave()
        for path in self._folder.iterdir():
            path.unlink()

    def _leave(self) -> None:
        if self._looking is not None:
            self._looking.close()
            self._looking = None
        self._held.close()

    def journal(self) -> int:
        """The length of the journal in bytes."""
        try:
            return os.stat(f"{self.path}-wal").st_size
        except FileNotFoundError:
            return 0


def _engine(file: File, *, writes: bool) -> Engine:
    engine = sqlite_engine(
        make_url(_NAME), begin="BEGIN IMMEDIATE" if writes else "BEGIN", busy_timeout_ms=0, checkpoints=False
    )

    @event.listens_for(engine, "do_connect")
    def connect(*_: Any) -> sqlite3.Connection:
        if not writes:
            return sqlite3.connect(file.path, isolation_level=None)
        connection = sqlite3.connect(file.path, isolation_level=None, factory=_Connection)
        connection.accidents = Accidents()  # what prepares a connection meets none
        return connection

    return engine


class SimulatedDatabase(SqliteDatabase):
    """The database of one process."""

    def __init__(self, file: File, loop: Loop) -> None:
        super().__init__(make_url(_NAME), engine=file.writers)
        self._file, self._loop = file, loop
        self._reader: Connection | None = None
        self.flushed_bytes = file.journal()
        """How much of the journal would survive a power cut."""
        self.flushed_at = loop.now

    def _add(self, body: Any) -> asyncio.Future[Any]:
        if self._connection is not None:
            raw: Any = self._connection.connection.dbapi_connection
            raw.accidents = self._file.accidents
        return super()._add(body)

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        if self._is_closed:
            raise RuntimeError("the database is closed")
        future: asyncio.Future[T] = self._loop.create_future()

        def look() -> None:
            if self._reader is None:
                self._reader = self._file.readers.connect()
            with Session(self._reader, autoflush=False, expire_on_commit=False) as s:
                try:
                    found = query(s, *args, **inputs)
                except Exception as error:
                    future.set_exception(error)
                else:
                    if not future.done():
                        future.set_result(found)

        self._loop.moves.append(Move(f"read {getattr(query, '__name__', '')}", look))
        return await future

    def _flush_journal(self) -> None:
        self.flushed_bytes, self.flushed_at = self._file.journal(), self._loop.now

    def end(self, *, power_cut: bool) -> None:
        """The process is gone, and with a power cut also what the disk had not been asked to keep."""
        self._is_closed = True
        for connection in (self._connection, self._reader):
            if connection is not None and not connection.closed:
                connection.invalidate()
                connection.close()
        if power_cut:
            self._file.lose(self.flushed_bytes)
