"""Reading statistics with a million contacts stored: `operator_stats`, `source_stats`, /stats and /metrics."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_core import statistics
from crm_core.api.metrics.exposition import Exposition
from crm_core.monitoring import metrics
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.statistics import Period, recount
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from tests.benchmarks.table import Line, median

CONTACTS, LEADS = 1_000_000, 300_000
DAYS = 365
READINGS = 15
MOST = 0.05  # seconds
SLICE = 50_000  # events to a fold: nobody else writes here
TAIL = 1_000  # events that a reading finds not folded yet: twice of what the running process leaves

# Five sources, where the same ten operators work. Contact i is opened at an even pace; every 100th waits, the others
# are given by the draw, taken, answered and closed.
_SOURCES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
INSERT INTO sources (name, is_active, strategy, created_at) SELECT 'Site ' || i, 1, 'random', 0 FROM n"""
_WEIGHTS = """
INSERT INTO weights (source_id, operator_id, weight, dealt)
SELECT s.id, o.id, o.id, 0 FROM sources s, operators o WHERE s.bot_id IS NULL"""
_WEIGHED = """
INSERT INTO events (at, kind, actor, source_id, operator_id, data)
SELECT 0, 'weight_changed', 'system', source_id, operator_id, json_object('weight', weight) FROM weights
WHERE source_id IN (SELECT id FROM sources WHERE bot_id IS NULL)"""
_LEADS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :leads)
INSERT INTO leads (external_id, email, created_at)
SELECT 'bench:' || i, 'bench' || i || '@example.com', 0 FROM n"""
_CONTACTS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :contacts),
opened AS (SELECT i, :began + i * :pace AS at, i % 100 > 0 AS is_given FROM n)
INSERT INTO contacts
    (lead_id, source_id, version, created_at, operator_id, status,
    assigned_at, taken_at, replied_at, closed_at, queued_at)
SELECT (SELECT max(id) FROM leads) - i % :leads, (SELECT min(id) FROM sources) + i % 5, 1, at,
    CASE WHEN is_given THEN i * 7919 % 10 + 1 END, CASE WHEN is_given THEN 'closed' ELSE 'new' END,
    CASE WHEN is_given THEN at END, CASE WHEN is_given THEN at + 5000 + i * 104729 % 600000 END,
    CASE WHEN is_given THEN at + 15000 + i * 104729 % 900000 END, CASE WHEN is_given THEN at + 3600000 END,
    CASE WHEN NOT is_given THEN at END
FROM opened"""
_EVENTS = """
INSERT INTO events (at, kind, actor, contact_id, source_id, operator_id, reason, data)
SELECT at, kind, 'system', id, source_id, operator_id, CASE kind WHEN 'contact_assigned' THEN 'random' END, 'null'
FROM (
    SELECT id, source_id, NULL AS operator_id, created_at AS at, 'contact_created' AS kind, 1 AS n FROM contacts
    UNION ALL SELECT id, source_id, NULL, queued_at, 'contact_queued', 2 FROM contacts
    UNION ALL SELECT id, source_id, operator_id, assigned_at, 'contact_assigned', 2 FROM contacts
    UNION ALL SELECT id, source_id, operator_id, taken_at, 'contact_taken', 3 FROM contacts
    UNION ALL SELECT id, source_id, operator_id, replied_at, 'replied', 4 FROM contacts
    UNION ALL SELECT id, source_id, operator_id, closed_at, 'contact_closed', 5 FROM contacts
    ORDER BY id, n
) WHERE at IS NOT NULL"""


async def compare(prepared: Path, path: Path) -> list[Line]:
    """Stores a million contacts with their events, folds all but the newest, and reads.

    Args:
        prepared: a database with a source and ten operators.
        path: where the database with a million contacts is to be.
    """
    shutil.copy(prepared, path)
    now = datetime.now(UTC)
    await asyncio.to_thread(_store, path, now)
    db = open_database(f"sqlite:///{path}")
    try:
        return await _measure(db, now)
    finally:
        await db.close()


def _store(path: Path, now: datetime) -> None:
    pace = DAYS * 86_400_000 // CONTACTS
    began = int(now.timestamp() * 1000) - CONTACTS * pace
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for statement in (_SOURCES, _WEIGHTS, _WEIGHED):
            connection.execute(statement)
        connection.execute(_LEADS, {"leads": LEADS})
        connection.execute(_CONTACTS, {"contacts": CONTACTS, "leads": LEADS, "pace": pace, "began": began})
        connection.execute(_EVENTS)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _measure(db: Database, now: datetime) -> list[Line]:
    began = time.perf_counter()
    while (left := await db.read(statistics.backlog)) > TAIL:
        await db.write(statistics.fold, most=min(SLICE, left - TAIL))
    folded = time.perf_counter() - began
    counted = await _timed(db, recount.by_source, times=3)
    lines = []
    for name, query in (
        ("operator_stats", statistics.operator_stats),
        ("source_stats", statistics.source_stats),
        ("/stats, today", _stats(Period.TODAY, now)),
        ("/stats, 30 days", _stats(Period.MONTH, now)),
        ("/stats, all time", _stats(Period.ALL, now)),
        ("/metrics", lambda s: Exposition(counts=ProcessCounters(), version="").text(metrics.figures(s), now=now)),
        ("the picture's days of all time", lambda s: statistics.arrivals(s, since=None)),
    ):
        taken = await _timed(db, query)
        beside = f"counting them {counted * 1000:,.0f} ms" if name.endswith("_stats") else ""
        ratio = f"{counted / taken:.0f}" if beside else ""
        lines.append(
            Line(f"{name}, {CONTACTS:,} contacts", f"{taken * 1000:.1f} ms", beside, ratio, "< 50 ms", taken < MOST)
        )
    began = time.perf_counter()
    await db.write_unflushed(statistics.fold)
    one = time.perf_counter() - began
    lines.append(Line(f"folding {TAIL:,} events", f"{one * 1000:.1f} ms"))
    return [*lines, Line("folding all of their events", f"{folded:.0f} s")]


def _stats(period: Period, now: datetime) -> Callable[..., Any]:
    since = statistics.beginning(period, now=now, zone=UTC)
    return lambda s: statistics.overview(s, since=since)


async def _timed(db: Database, query: Callable[..., Any], *, times: int = READINGS) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await db.read(query)
        taken.append(time.perf_counter() - began)
    return median(taken)
