"""Locks that keep decisions exact on PostgreSQL; on SQLite, the single writer has the same effect.

The order of locks, the same in every transaction, so that no two wait for each other:

1. the invitation that is used or ended;
2. sources, in the order of their ids (`lock_sources`);
3. rows of operators, in the order of their ids (`crm_core.routing.operator_locks`);
4. accounts and their chats with bots; weights;
5. rows of contacts (`lock_contact`), then what belongs to them: messages, the outbox, alerts.

An action takes what it will need of an earlier kind before anything of a later one, and reads again what it decides on.
A new contact takes no lock of a source where somebody is free: it locks one operator's row, by taking a place, and
afterwards nothing of the first three kinds. A claim that failed must lock nothing either (`unlock_unless_found`).
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from sqlalchemy import BigInteger, FromClause, bindparam, func, select, text
from sqlalchemy.orm import Session

from crm_core.storage.execute import Savepoint, execute, forget_prefetched, send_waiting
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact

T = TypeVar("T")

SOURCE_LOCKS = 7_201  # our own number space among advisory locks
# OFFSET keeps the sorted list a query of its own, of which the locks are taken row by row.
_LOCK = Prepared(
    text(
        "SELECT pg_advisory_xact_lock(CAST(:space AS bigint) + wanted.id) "
        "FROM (SELECT unnest(CAST(:ids AS bigint[])) AS id ORDER BY id OFFSET 0) AS wanted"
    )
)


def lock_sources(s: Session, source_ids: Iterable[int]) -> None:
    """Makes this transaction the only one that queues contacts at these sources or frees a place in them.

    A new contact that finds everybody full, and a close that frees a place at the same moment, must not miss each
    other: both take this lock first and then read again, announced queries included. Ids are locked in rising order,
    and before any row, so that no two transactions wait for each other.
    """
    if s.get_bind().dialect.name == "postgresql":
        ids = sorted(set(source_ids))
        if ids:
            execute(s, _LOCK, {"space": SOURCE_LOCKS * 2**32, "ids": ids})
            send_waiting(s)
            forget_prefetched(s)


_TRY = select(func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger)))


def try_lock_name(s: Session, name: str) -> bool:
    """Makes this transaction the only one that works under a name. Returns False, at once, if another one does."""
    if s.get_bind().dialect.name != "postgresql":
        return True
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    # Below zero, where there are no other locks of ours.
    return bool(execute(s, _TRY, {"number": -1 - (digest >> 1)}).scalar_one())


def lock_row(s: Session, table: FromClause, row_id: int) -> None:
    """Locks a row until this transaction ends. Foreign keys do not wait for it.

    So the row of a lead may be locked before a source: whoever has that source already may refer to the lead.
    """
    locked = select(table.c.id).where(table.c.id == row_id).with_for_update(key_share=True)
    execute(s, locked)  # SQLite leaves FOR UPDATE out


def unlock_unless_found(s: Session, find: Callable[[], T | None]) -> T | None:
    """Runs an UPDATE … RETURNING of rows that match; if none does, it leaves no row locked.

    PostgreSQL locks a row for which an UPDATE has waited, even if it no longer matches after the wait. Whoever then
    waits for a lock of sources would hold a row that the owner of that lock may need (a deadlock). Rolling back to a
    savepoint gives the row back (https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS).

    Args:
        find: executes the statement; returns its row, None if there is none.
    """
    if s.get_bind().dialect.name != "postgresql":
        return find()
    attempt = Savepoint(s)
    found = find()
    if found is None:
        attempt.rollback()
    else:
        attempt.commit()
    return found


_contact = Contact.__table__
_LOCK_CONTACT = select(_contact.c.version).where(_contact.c.id == bindparam("contact_id")).with_for_update()


def lock_contact(s: Session, contact_id: int, *, version: int | None = None) -> bool:
    """Locks a contact until this transaction ends, for a message that is about to go to its operator.

    Without the lock, a message could join a contact that is being closed, or go to an operator who is losing it.

    Args:
        version: of the contact as it was read before.

    Returns whether it still has that version; otherwise it has to be read again.
    """
    if s.get_bind().dialect.name != "postgresql":
        return True
    now_at = execute(s, _LOCK_CONTACT, {"contact_id": contact_id}).scalar_one_or_none()
    return version is None or now_at == version
