"""Fills a database with the contacts of a year and their events, and folds these into the statistics."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from crm_core import statistics
from crm_core.storage.database import Database

DAYS = 365
_FOLDED_AT_ONCE = 50_000  # events; more than a running process folds at once: there are no other writers here

# Five sources with the same ten operators. Contacts are opened at an even pace; every 100th is queued, the others were
# assigned by weight, taken, answered and closed.
_SOURCES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
INSERT INTO sources (name, is_active, strategy, created_at) SELECT 'Site ' || i, 1, 'random', 0 FROM n"""
_WEIGHTS = """
INSERT INTO weights (source_id, operator_id, weight)
SELECT s.id, o.id, o.id FROM sources s, operators o WHERE s.bot_id IS NULL"""
_WEIGHT_EVENTS = """
INSERT INTO events (at, kind, actor, source_id, operator_id, data)
SELECT 0, 'weight_changed', 'system', source_id, operator_id, json_object('weight', weight) FROM weights
WHERE source_id IN (SELECT id FROM sources WHERE bot_id IS NULL)"""
_LEADS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :leads)
INSERT INTO leads (external_id, email, created_at)
SELECT 'bench:' || i, 'bench' || i || '@example.com', 0 FROM n"""
_CONTACTS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :contacts),
opened AS (SELECT i, :began + i * :interval AS at, i % 100 > 0 AS is_assigned FROM n)
INSERT INTO contacts
    (lead_id, source_id, version, created_at, operator_id, status,
    assigned_at, taken_at, replied_at, closed_at, queued_at)
SELECT (SELECT max(id) FROM leads) - i % :leads, (SELECT min(id) FROM sources) + i % 5, 1, at,
    CASE WHEN is_assigned THEN i * 7919 % 10 + 1 END, CASE WHEN is_assigned THEN 'closed' ELSE 'new' END,
    CASE WHEN is_assigned THEN at END, CASE WHEN is_assigned THEN at + 5000 + i * 104729 % 600000 END,
    CASE WHEN is_assigned THEN at + 15000 + i * 104729 % 900000 END, CASE WHEN is_assigned THEN at + 3600000 END,
    CASE WHEN NOT is_assigned THEN at END
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


def store(path: Path, *, contacts: int, leads: int, now: datetime) -> None:
    """Adds contacts, the newest of them opened now, to a database with one source and ten operators.

    Args:
        leads: how many leads these contacts are of.
    """
    interval = DAYS * 86_400_000 // contacts
    began = int(now.timestamp() * 1000) - contacts * interval
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for statement in (_SOURCES, _WEIGHTS, _WEIGHT_EVENTS):
            connection.execute(statement)
        connection.execute(_LEADS, {"leads": leads})
        connection.execute(_CONTACTS, {"contacts": contacts, "leads": leads, "interval": interval, "began": began})
        connection.execute(_EVENTS)
        connection.commit()


async def fold(db: Database, *, leave: int = 0) -> None:
    """Folds stored events into the statistics.

    Args:
        leave: how many of the newest events are left unfolded.
    """
    while (left := await db.read(statistics.backlog)) > leave:
        await db.write(statistics.fold, most=min(_FOLDED_AT_ONCE, left - leave))
