"""Outbox rows for receivers other than Telegram: a webhook of another system, say.

A receiver is a kind of place that something can be sent to, with a table of its endpoints (addresses, secrets) and a
sender of its own. What holds for Telegram holds here: a row commits with the fact that it announces, it is claimed
before anything is sent, and only the newest session of the sender may claim and settle. A session belongs to the
receiver, not to one endpoint. `outbox_attempts.settle`, `adopt` and `give_up` are the same for both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, Select, bindparam, select, text
from sqlalchemy.orm import Session

from crm_core.messaging.outbox import UNSETTLED, or_touch_pending
from crm_core.messaging.outbox_attempts import claiming
from crm_core.storage.database import on_commit
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.prepared import PreparedForIds, prepared_insert, prepared_upsert
from crm_core.storage.tables import OutboxRow, ReceiverRow

TELEGRAM = "telegram"
"""The receiver that this module is not for."""

_row, _receiver = OutboxRow.__table__, ReceiverRow.__table__

# As in the index of these rows, see `outbox.UNSETTLED`.
_NOT_TELEGRAM = text("outbox.bot_id IS NULL")


@dataclass(frozen=True, slots=True)
class ReceiverEntry:
    """Something to be sent to an endpoint.

    Attributes:
        receiver: the kind of receiver, a short name such as `webhook`.
        endpoint_id: the row in that receiver's own table.
        kind: what the receiver is told, in its own terms.
        payload: what the body needs: codes, ids; the body itself is made when the row is sent.
        dedup_key: while a row of this endpoint with this key is pending, a further one is not added.
    """

    receiver: str
    endpoint_id: int
    kind: str
    contact_id: int | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    dedup_key: str | None = None


@dataclass(frozen=True, slots=True)
class PendingForReceiver:
    """A committed row that may be sent: what the receiver's sender is woken with."""

    id: int
    receiver: str
    endpoint_id: int
    kind: str
    not_before: datetime | None = None


def start(s: Session, *, receiver: str) -> int:
    """Begins a session of the receiver's sender and returns its fencing token; earlier sessions are fenced off.

    Raises ValueError for Telegram, where each bot has a session of its own (`crm_core.delivery.bots.start`).
    """
    if receiver == TELEGRAM:
        raise ValueError("sessions of Telegram belong to its bots")
    statement = dialect_insert(s, _receiver).values(receiver=receiver, fence=1)
    statement = statement.on_conflict_do_update(
        index_elements=["receiver"], set_={"fence": _receiver.c.fence + 1}
    ).returning(_receiver.c.fence)
    return int(execute(s, statement).scalar_one())


_INSERT, _INSERT_OR_TOUCH = prepared_insert(_row), prepared_upsert(_row, or_touch_pending)


KEY_LONGEST = 64  # what fits into the column


def add(s: Session, entries: Iterable[ReceiverEntry], *, now: datetime) -> None:
    """Adds rows in their order, except those whose `dedup_key` a pending row of the endpoint has already."""
    for entry in entries:
        statement = _INSERT if entry.dedup_key is None else _INSERT_OR_TOUCH
        row_id = execute(s, statement, _values(entry, now)).scalar_one()
        on_commit(s, PendingForReceiver(row_id, entry.receiver, entry.endpoint_id, entry.kind))


def _values(entry: ReceiverEntry, now: datetime) -> dict[str, Any]:
    # Keys of all receivers are in one unique index: those of one endpoint must not meet those of another.
    key = entry.dedup_key and f"{entry.receiver}:{entry.endpoint_id}:{entry.dedup_key}"
    if key is not None and len(key) > KEY_LONGEST:
        key = sha256(key.encode()).hexdigest()
    return {
        "kind": entry.kind,
        "receiver": entry.receiver,
        "endpoint_id": entry.endpoint_id,
        "contact_id": entry.contact_id,
        "payload": entry.payload,
        "once": key,
        "state": "pending",
        "attempts": 0,
        "ambiguous": 0,
        "created_at": now,
    }


def _unsettled(state: str) -> Select[Any]:
    return (
        select(_row.c.id, _row.c.receiver, _row.c.endpoint_id, _row.c.kind, _row.c.not_before)
        .where(_row.c.receiver == bindparam("of_receiver"), UNSETTLED, _NOT_TELEGRAM, _row.c.state == state)
        .order_by(_row.c.id)
    )


_WAITING = _unsettled("pending").where(_row.c.id > bindparam("after")).limit(bindparam("limit"))
_CLAIMED = _unsettled("sending").where(_row.c.fence == bindparam("by_fence"))
_ORPHANS = _unsettled("sending").where(_row.c.fence < bindparam("by_fence")).with_only_columns(_row)


def waiting(s: Session, *, receiver: str, after: int = 0, limit: int = 10_000) -> list[PendingForReceiver]:
    """Rows of a receiver that may be sent, oldest first."""
    rows = execute(s, _WAITING, {"of_receiver": receiver, "after": after, "limit": limit})
    return [PendingForReceiver(*row) for row in rows]


def claimed(s: Session, *, receiver: str, fencing_token: int) -> list[PendingForReceiver]:
    """Rows that a session has claimed. If its sender does not know of one, the answer to its commit was lost."""
    rows = execute(s, _CLAIMED, {"of_receiver": receiver, "by_fence": fencing_token})
    return [PendingForReceiver(*row) for row in rows]


def orphans(s: Session, *, receiver: str, fencing_token: int) -> list[Row[Any]]:
    """Rows that an earlier session left in `sending`: nobody knows whether they arrived."""
    return list(execute(s, _ORPHANS, {"of_receiver": receiver, "by_fence": fencing_token}))


_OF_RECEIVER = select(_receiver.c.fence).where(_receiver.c.receiver == _row.c.receiver).scalar_subquery()
_CLAIM = PreparedForIds(
    lambda ids: claiming(ids, _OF_RECEIVER).returning(
        _row.c.id,
        _row.c.kind,
        _row.c.endpoint_id,
        _row.c.contact_id,
        _row.c.payload,
        _row.c.attempts,
        _row.c.ambiguous,
    )
)


def claim(s: Session, *, ids: Sequence[int], fencing_token: int) -> list[Row[Any]]:
    """Marks rows as being sent, before anything is, and returns those that may be sent.

    Args:
        ids: of rows of one receiver, the oldest of each endpoint; none of them is being sent.
        fencing_token: of the session that claims. An earlier session gets nothing.
    """
    return list(execute(s, _CLAIM, {"ids": list(ids), "by_fence": fencing_token}))
