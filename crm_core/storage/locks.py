"""Locks that make deciding exact on PostgreSQL; SQLite's single writer is such a lock already."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.orm import Session

SOURCE_LOCKS = 7_201  # our own number space among advisory locks
_LOCK = select(func.pg_advisory_xact_lock(SOURCE_LOCKS * 2**32 + bindparam("id", type_=BigInteger)))


def lock_sources(s: Session, source_ids: Iterable[int]) -> None:
    """Makes this transaction the only one that queues at these sources or frees a place in them.

    A new contact that finds everybody full, while a close frees a place, must not miss each other: whoever does
    either takes this lock first and looks again. Ids are locked in rising order, before any row is, so that no two
    transactions wait for each other.
    """
    if s.get_bind().dialect.name == "postgresql":
        for source_id in sorted(set(source_ids)):
            s.execute(_LOCK, {"id": source_id})
