"""`db.write(lifecycle.register)` compared with raw sqlite3 that executes the same statements with one commit each."""

import asyncio
import random
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import event, make_url

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from crm_core.storage.sqlite import SqliteDatabase, sqlite_engine
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.table import Row

CONCURRENT = 32
MIN_RATIO_ALONE, MIN_RATIO_CONCURRENT = 0.2, 0.3
_TRANSACTION_CONTROL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "PRAGMA")

Statements = list[tuple[str, Any]]
"""SQL and the parameters that the driver got with it."""


async def measure(context: Context) -> Rows:
    """Registers contacts one at a time and 32 concurrently, and replays the statements of the former."""
    template = await context.databases.with_operators()
    count = context.sizes.registrations
    alone, concurrent, raw, recorded = [], [], [], []
    for _ in range(context.sizes.rounds):
        paths = [template.copy_into(context.folder) for _ in range(4)]
        recorded = await _record(paths[0], template.source_id, count)
        raw.append(count / _replay(paths[1], recorded))
        alone.append(count / await seconds_of(paths[2], template.source_id, count, at_once=1))
        concurrent.append(count / await seconds_of(paths[3], template.source_id, count, at_once=CONCURRENT))
    what = f"register, one at a time ({len(recorded[0])} statements)"
    yield _row(what, median(alone), median(raw), MIN_RATIO_ALONE)
    yield _row(f"register, {CONCURRENT} at once", median(concurrent), median(raw), MIN_RATIO_CONCURRENT)


def _row(what: str, ours: float, raw: float, least: float) -> Row:
    ratio = ours / raw
    return Row(what, f"{ours:,.0f}/s", f"raw sqlite3 {raw:,.0f}/s", f"{ratio:.2f}", f"≥ {least}", ratio >= least)


async def _register(db: Database, source_id: int, number: int) -> None:
    await db.write(
        lifecycle.register,
        source_id=source_id,
        lead=LeadFacts(f"bench:{number}", full_name=f"Client {number}"),
        content=MessageContent("text", f"message {number}"),
        now=datetime.now(UTC),
        rng=random.random,
    )


async def seconds_of(path: Path, source_id: int, count: int, *, at_once: int) -> float:
    """How long it takes to register contacts, so many of them concurrently."""
    db = open_database(f"sqlite:///{path}")
    try:
        await _register(db, source_id, -1)  # compiles the statements, which happens once in a process
        begun = time.perf_counter()
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await _register(db, source_id, number)

        await asyncio.gather(*(work() for _ in range(at_once)))
        return time.perf_counter() - begun
    finally:
        await db.close()


# --- recording and replaying statements ------------------------------------------------------------------------------


class _RecordingCursor(sqlite3.Cursor):
    """A cursor that appends what it executes to `statements`, apart from transaction control."""

    statements: Statements

    def execute(self, sql: str, parameters: Any = (), /) -> "_RecordingCursor":
        if not sql.startswith(_TRANSACTION_CONTROL):
            self.statements.append((sql, parameters))
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> "_RecordingCursor":
        several = list(parameters)
        self.statements.extend((sql, one) for one in several)
        return super().executemany(sql, several)


async def _record(path: Path, source_id: int, count: int) -> list[Statements]:
    """What each registration sends to SQLite, recorded in the driver: some statements bypass SQLAlchemy's events."""
    statements: Statements = []

    class RecordingConnection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            cursor = super().cursor(_RecordingCursor)
            cursor.statements = statements
            return cursor

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            return cast(_RecordingCursor, self.cursor()).execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
            return cast(_RecordingCursor, self.cursor()).executemany(sql, parameters)

    url = make_url(f"sqlite:///{path}")
    engine = sqlite_engine(url, busy_timeout_ms=0, checkpoints=False)

    @event.listens_for(engine, "do_connect")
    def record(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
        options["factory"] = RecordingConnection

    recorded: list[Statements] = []
    db = SqliteDatabase(url, engine=engine)
    try:
        for number in range(count):
            statements.clear()
            await _register(db, source_id, number)
            recorded.append(list(statements))
    finally:
        await db.close()
    if not all(recorded):
        raise RuntimeError("no statement of a registration was recorded")
    return recorded


def _replay(path: Path, recorded: list[Statements]) -> float:
    """Executes the statements of each registration and commits; returns how many seconds all of them took."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    begun = time.perf_counter()
    for statements in recorded:
        connection.execute("BEGIN IMMEDIATE")
        for sql, parameters in statements:
            connection.execute(sql, parameters).fetchall()
        connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken
