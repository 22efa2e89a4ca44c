"""`db.write(lifecycle.register)` against raw sqlite3 that executes the very same statements, one commit each."""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage import prepared
from crm_core.storage.database import Database, open_database
from tests.benchmarks.table import Line, median

CONTACTS = 600
TOGETHER = 32
ROUNDS = 3


async def compare(prepared: Path, folder: Path, source_id: int) -> list[Line]:
    """Registers contacts one at a time and 32 at once, and replays the statements of the first.

    Args:
        prepared: a database with operators who have places enough.
    """
    alone, together, raw, count = [], [], [], 0
    for number in range(ROUNDS):
        statements = await _record(_copy(prepared, folder / f"recorded{number}.db"), source_id)
        count = len(statements[0])
        raw.append(CONTACTS / _replay(_copy(prepared, folder / f"raw{number}.db"), statements))
        alone.append(CONTACTS / await _timed(_copy(prepared, folder / f"alone{number}.db"), source_id, at_once=1))
        together.append(
            CONTACTS / await _timed(_copy(prepared, folder / f"many{number}.db"), source_id, at_once=TOGETHER)
        )
    beside = median(raw)
    return [
        _line(f"register, one at a time ({count} statements)", median(alone), beside, 0.2),
        _line(f"register, {TOGETHER} at once", median(together), beside, 0.3),
    ]


def _line(what: str, ours: float, raw: float, least: float) -> Line:
    return Line(
        what, f"{ours:,.0f}/s", f"raw sqlite3 {raw:,.0f}/s", f"{ours / raw:.2f}", f"≥ {least}", ours / raw >= least
    )


def _copy(prepared: Path, target: Path) -> Path:
    shutil.copy(prepared, target)
    return target


async def _register(db: Database, source_id: int, number: int) -> None:
    await db.write(
        lifecycle.register,
        source_id=source_id,
        lead=LeadFacts(f"bench:{number}", full_name=f"Client {number}"),
        content=MessageContent("text", f"message {number}"),
        now=datetime.now(UTC),
        rng=random.random,
    )


async def _timed(path: Path, source_id: int, *, at_once: int) -> float:
    db = open_database(f"sqlite:///{path}")
    try:
        await _register(db, source_id, -1)  # statements are compiled once
        begun = time.perf_counter()
        numbers = iter(range(CONTACTS))

        async def work() -> None:
            for number in numbers:
                await _register(db, source_id, number)

        await asyncio.gather(*(work() for _ in range(at_once)))
        return time.perf_counter() - begun
    finally:
        await db.close()


async def _record(path: Path, source_id: int) -> list[list[tuple[str, Any]]]:
    """What each registration sends to SQLite."""
    recorded: list[list[tuple[str, Any]]] = []
    heard: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith("BEGIN"):
            heard.extend((statement, one) for one in (parameters if many else [parameters]))

    execute = prepared._Plan.execute

    def overhear(plan: prepared._Plan, connection: sqlite3.Connection, many: Sequence[dict[str, Any]]) -> prepared.Rows:
        heard.extend((plan.sql, tuple(plan._bind(values))) for values in many)
        return execute(plan, connection, many)

    # Hot statements go to the driver past SQLAlchemy's events, so both ways are listened to.
    event.listen(Engine, "before_cursor_execute", listen)
    setattr(prepared._Plan, "execute", overhear)  # noqa: B010 - a method is replaced on purpose
    db = open_database(f"sqlite:///{path}")
    try:
        for number in range(CONTACTS):
            heard.clear()
            await _register(db, source_id, number)
            recorded.append(list(heard))
    finally:
        await db.close()
        event.remove(Engine, "before_cursor_execute", listen)
        setattr(prepared._Plan, "execute", execute)  # noqa: B010
    return recorded


def _replay(path: Path, recorded: list[list[tuple[str, Any]]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    begun = time.perf_counter()
    for statements in recorded:
        connection.execute("BEGIN IMMEDIATE")
        for statement, parameters in statements:
            connection.execute(statement, parameters).fetchall()
        connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken
