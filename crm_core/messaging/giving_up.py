"""Rows of the outbox that are not sent after all: of chats that are gone, of operators who hold a contact no longer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, null, select, text, update
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.outbox import OutboxEntry
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import Contact, OutboxRow, Staff

_table = OutboxRow.__table__


def give_up(s: Session, *, row_id: int, outcome: str, now: datetime) -> None:
    """Marks a row that cannot be rendered as dead; of any receiver."""
    execute(
        s,
        update(_table)
        .where(_table.c.id == row_id, outbox.UNSETTLED)
        .values(state="dead", outcome=outcome, settled_at=now),
    )


_KEYED = text("outbox.state = 'pending' AND outbox.once IS NOT NULL")


def change_keyed(s: Session, *, dedup_key: str, payload: dict[str, Any]) -> None:
    """Changes the payload of the row that waits under a key, if there is one: `add` would leave it as it is."""
    execute(s, update(_table).where(_table.c.once == dedup_key, _KEYED).values(payload=payload))


def give_up_keyed(s: Session, *, dedup_key: str, outcome: str, now: datetime) -> None:
    """Gives up the row that waits under a key, if there is one."""
    execute(
        s,
        update(_table)
        .where(_table.c.once == dedup_key, _KEYED)
        .values(state="dead", outcome=outcome, settled_at=now, once=null()),
    )


def drop_waiting(
    s: Session, *, bot_id: int, chat_id: int, outcome: str, now: datetime, keep: Sequence[str] = ()
) -> None:
    """Gives up all rows that wait for a chat that can no longer be written to, except the kinds in `keep`."""
    execute(
        s,
        update(_table)
        .where(
            _table.c.bot_id == bot_id,
            _table.c.chat_id == chat_id,
            outbox.UNSETTLED,
            _table.c.state == "pending",
            _table.c.kind.not_in(keep),
        )
        .values(state="dead", outcome=outcome, settled_at=now),
    )


_FOR_HOLDER = (
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.bot_id.is_not(None),  # kinds of other receivers are their own
    _table.c.kind.in_((outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.MORE)),
)
_WAITS_FOR_HOLDER = (*_FOR_HOLDER, _table.c.state == "pending")
_ON_ITS_WAY = select(_table.c.id).where(*_FOR_HOLDER, outbox.UNSETTLED).limit(1)


def is_on_its_way(s: Session, *, contact_id: int) -> bool:
    """Whether something of a contact waits for its operator, or is being sent to them."""
    return execute(s, _ON_ITS_WAY, {"of_contact": contact_id}).first() is not None


_HOLD_WAITING = select(_table.c.id).where(*_WAITS_FOR_HOLDER).order_by(_table.c.id).with_for_update()


def hold_waiting(s: Session, *, contact_id: int) -> None:
    """Locks what waits for the operator of a contact: until this transaction ends, no sender claims any of it.

    What a sender was just claiming is being sent when this returns. The caller has locked the contact.
    """
    execute(s, _HOLD_WAITING, {"of_contact": contact_id}).all()


_DROP_CONTACT = (
    update(_table)
    .where(*_WAITS_FOR_HOLDER)
    .values(state="dead", outcome=bindparam("why"), settled_at=bindparam("at"))
    .returning(_table.c.kind, _table.c.payload)
)


def drop_contact(s: Session, *, contact_id: int, outcome: str, now: datetime) -> int:
    """Gives up what waits for the operator of a contact, who no longer works on it.

    Returns how many messages of the client that operator did not get.
    """
    dropped = execute(s, _DROP_CONTACT, {"of_contact": contact_id, "why": outcome, "at": now})
    return sum(row.payload["count"] if row.kind == outbox.MORE else row.kind == outbox.TO_OPERATOR for row in dropped)


_GIVEN_UP = select(func.count()).where(
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.kind == outbox.TO_OPERATOR,
    _table.c.message_ref >= bindparam("first"),
    _table.c.state == "dead",
)


def given_up_since(s: Session, *, contact_id: int, first: int) -> int:
    """How many copies for the operator of a contact were given up, from a stored message on."""
    return int(execute(s, _GIVEN_UP, {"of_contact": contact_id, "first": first}).scalar_one())


def collapse(s: Session, *, bot_id: int, chat_id: int, contact_id: int, keep: int, now: datetime) -> list[int]:
    """Gives up a client's messages that wait for their operator beyond the oldest `keep`: one line counts them.

    They stay in the history of the contact, and a next operator gets them like all others.

    Returns the ids of the rows that were given up.
    """
    theirs = (_table.c.bot_id == bot_id, _table.c.chat_id == chat_id, _table.c.contact_id == contact_id)
    waiting = select(_table.c.id).where(*theirs, _table.c.kind == outbox.TO_OPERATOR, _table.c.state == "pending")
    beyond = list(execute(s, waiting.order_by(_table.c.id).offset(keep).with_for_update()).scalars())
    if not beyond:
        return []
    count = {"contact": contact_id, "count": len(beyond)}
    execute(s, update(_table).where(_table.c.id.in_(beyond)).values(state="dead", outcome="collapsed", settled_at=now))
    line = select(_table.c.id, _table.c.payload).where(
        *theirs, _table.c.kind == outbox.MORE, _table.c.state == "pending"
    )
    before = execute(s, line.order_by(_table.c.id).limit(1).with_for_update()).one_or_none()
    if before is None:
        outbox.add(s, [OutboxEntry(outbox.MORE, bot_id, chat_id, contact_id, payload=count)], now=now)
    else:
        count["count"] += before.payload["count"]
        execute(s, update(_table).where(_table.c.id == before.id).values(payload=count))
    return beyond


_IN_LINE = select(_table.c.id).where(
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.chat_id == bindparam("in_chat"),
    _table.c.message_ref == bindparam("ref"),
    _table.c.outcome == "collapsed",
)


def is_collapsed(s: Session, *, chat_id: int, contact_id: int, message_ref: int) -> bool:
    """Whether a message is one of those that a line counts in its operator's chat instead of its copy."""
    about = {"of_contact": contact_id, "in_chat": chat_id, "ref": message_ref}
    return execute(s, _IN_LINE, about).first() is not None


_MOVED = PreparedForIds(
    lambda ids: (
        update(_table)
        .where(
            _table.c.id.in_(ids),
            _table.c.state == "pending",
            ~exists().where(
                Contact.id == _table.c.contact_id,
                Staff.operator_id == Contact.operator_id,
                Staff.telegram_id == _table.c.chat_id,
            ),
        )
        .values(state="dead", outcome="reassigned", settled_at=bindparam("at"))
    )
)


def drop_moved(s: Session, *, ids: Sequence[int], now: datetime) -> None:
    """Gives up those of the rows for a contact's operator that would go to somebody who no longer holds it."""
    execute(s, _MOVED, {"ids": list(ids), "at": now})
