"""Up to which id no event can still be committed.

SQLite has one writer: after a commit, no event with a lower id follows. On PostgreSQL transactions take ids and commit
in any order. A transaction that has taken an event's id holds a lock on the table until its commit is visible; so once
all transactions that held it at some moment have released it, all ids up to the newest at that moment are settled.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Watch = dict[str, Any]
"""Transactions that may still commit an event, and the newest id when they were seen."""

_HOLDERS = text(
    "SELECT DISTINCT virtualtransaction FROM pg_locks "
    "WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND pid IS DISTINCT FROM pg_backend_pid()"
)


def settled(s: Session, *, newest: int, watch: Watch | None) -> tuple[int, Watch | None]:
    """The id up to which no further event can appear, and which transactions to watch for more (None: none).

    On PostgreSQL in READ COMMITTED, what is read after this call includes all events up to that id.

    Args:
        newest: the newest event's id, read before this call.
        watch: what the last call returned.
    """
    if s.get_bind().dialect.name != "postgresql":
        return newest, None
    holders = set(s.execute(_HOLDERS).scalars())
    if not holders:
        return newest, None
    if watch is None:
        return 0, {"safe": 0, "newest": newest, "holders": sorted(holders)}
    if holders & set(watch["holders"]):
        return watch["safe"], watch
    return watch["newest"], {"safe": watch["newest"], "newest": newest, "holders": sorted(holders)}
