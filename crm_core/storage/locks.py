"""Locks that make deciding exact on PostgreSQL; SQLite's single writer is such a lock already."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import BigInteger, FromClause, bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact

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
            execute(s, _LOCK, {"id": source_id})


_TRY = select(func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger)))


def try_lock_name(s: Session, name: str) -> bool:
    """Makes this transaction the only one that works under a name. False, at once, where another one does."""
    if s.get_bind().dialect.name != "postgresql":
        return True
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    # Below zero, where no other lock of ours is.
    return bool(execute(s, _TRY, {"number": -1 - (digest >> 1)}).scalar_one())


def lock_row(s: Session, table: FromClause, row_id: int) -> None:
    """Keeps a row as it is until this transaction ends; after the locks of sources, as all locks of rows."""
    execute(s, select(table.c.id).where(table.c.id == row_id).with_for_update())  # SQLite leaves FOR UPDATE out


_contact = Contact.__table__
_LOCK_CONTACT = select(_contact.c.version).where(_contact.c.id == bindparam("contact_id")).with_for_update()


def lock_contact(s: Session, contact_id: int, *, version: int | None = None) -> bool:
    """Keeps a contact as it is until this transaction ends, for words that are about to go to whoever holds it.

    Without it, words could join a contact that is closed, or go to an operator who loses it, in that very moment.

    Args:
        version: of the contact as it was read before.

    Returns whether it still is at that version; otherwise it has to be read again.
    """
    if s.get_bind().dialect.name != "postgresql":
        return True
    now_at = execute(s, _LOCK_CONTACT, {"contact_id": contact_id}).scalar_one_or_none()
    return version is None or now_at == version
