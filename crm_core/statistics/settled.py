"""Up to which id every event is there, or never will be.

SQLite has one writer: whatever it has committed, nothing lower comes later. On PostgreSQL transactions take ids and
commit in any order. Whoever has taken an id of an event holds a lock on that table, from before until after his commit
can be seen; so once everybody who held it at some moment has let go, all ids up to the newest of then are settled.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Watch = dict[str, Any]
"""Transactions that may still commit an event, and up to which id."""

_HOLDERS = text(
    "SELECT DISTINCT virtualtransaction FROM pg_locks "
    "WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND pid IS DISTINCT FROM pg_backend_pid()"
)


def settled(s: Session, *, newest: int, watch: Watch | None) -> tuple[int, Watch | None]:
    """The id up to which nothing will come any more, and whom to watch for more than that (None: nobody).

    On PostgreSQL, in READ COMMITTED: what is read after this call sees all of them.

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
