"""Reminders of clients who wait for an answer: a line to the operator who has them, once for each of some minutes.

What was told is stored with the line, in one transaction: neither a restart nor a second process tells it again. An
operator who is offline is told when they are back. After a hand-over, and after a sleep, the minutes count from the
moment of it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, select
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.answers import LAST_WORDS, UNANSWERED, WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Contact, Lead, Operator, Posted, Reminder, Staff, StaffChat

_contact, _reminder, _posted = Contact.__table__, Reminder.__table__, Posted.__table__

_HELD = (
    select(
        _contact.c.id,
        _contact.c.bot_id,
        Staff.telegram_id,
        Lead.full_name,
        func.coalesce(_contact.c.current_assigned_at, _contact.c.assigned_at, type_=_contact.c.created_at.type).label(
            "held_since"
        ),
        _contact.c.woke_at,
        WAITS_SINCE.label("waits_since"),
        func.coalesce(UNANSWERED, 0).label("unanswered"),
        LAST_WORDS.label("last_words"),
        Staff.operator_id,
        _reminder.c.minutes,
        _reminder.c.message_ref,
        _reminder.c.operator_id.label("told_operator"),
    )
    .select_from(Staff)
    .join(Operator, Operator.id == Staff.operator_id)
    .join(_contact, _contact.c.operator_id == Operator.id)
    .join(
        StaffChat,
        and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == _contact.c.bot_id),
    )
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(_reminder, _reminder.c.contact_id == _contact.c.id)
    .where(OPEN, Operator.is_online, Operator.on_shift, StaffChat.is_reachable, _contact.c.offered_at.is_(None))
    .where(_contact.c.wakes_at.is_(None))
)
_ONE = _HELD.where(_contact.c.id == bindparam("contact_id"))


def due(s: Session, *, after: Sequence[int], now: datetime) -> list[int]:
    """The contacts about whose clients a reminder is due.

    Args:
        after: minutes of waiting after which a reminder is sent.
    """
    return [row.id for row in execute(s, _HELD) if _reached(row, after, now) > _told(row)] if after else []


def _reached(row: Row[Any], after: Sequence[int], now: datetime) -> int:
    """The most of these minutes that the client has waited with their present operator."""
    if row.waits_since is None:
        return 0
    waited = now - max(row.waits_since, row.held_since or row.waits_since, row.woke_at or row.waits_since)
    return max((minutes for minutes in after if waited >= timedelta(minutes=minutes)), default=0)


def _told(row: Row[Any]) -> int:
    """The minutes of which this operator was reminded in this wait."""
    is_same = (row.message_ref, row.told_operator) == (row.unanswered, row.operator_id)
    return int(row.minutes) if is_same else 0


def remind(s: Session, *, contact_id: int, after: Sequence[int], now: datetime) -> bool:
    """Queues the reminder about a client, if it is still due. Returns whether it was."""
    lock_contact(s, contact_id)  # an answer, or the reminder of another process, may be under way
    row = execute(s, _ONE, {"contact_id": contact_id}).one_or_none()
    if row is None:
        return False
    minutes = _reached(row, after, now)
    if minutes <= _told(row):
        return False
    _note(s, row, minutes)
    payload = {
        "code": "client_waits",
        "contact": contact_id,
        "name": row.full_name,
        "since": row.waits_since.timestamp(),
        "unanswered": row.unanswered,
        "reply_to": _shown(s, row),
    }
    line = outbox.OutboxEntry(outbox.STAFF_NOTICE, row.bot_id, row.telegram_id, contact_id, payload=payload)
    outbox.add(s, [line], now=now)
    return True


def _note(s: Session, row: Row[Any], minutes: int) -> None:
    values = {
        "contact_id": row.id,
        "message_ref": row.unanswered,
        "operator_id": row.operator_id,
        "minutes": minutes,
    }
    statement = dialect_insert(s, _reminder).values(values)
    execute(s, statement.on_conflict_do_update(index_elements=["contact_id"], set_=values))


def _shown(s: Session, row: Row[Any]) -> int | None:
    """Telegram's id of what the operator has of the client's last words: the copy, or the card."""
    here = (_posted.c.contact_id == row.id, _posted.c.bot_id == row.bot_id, _posted.c.chat_id == row.telegram_id)
    newest = select(func.max(_posted.c.message_id)).where(*here)
    copy = newest.where(_posted.c.message_ref == row.last_words)
    return (
        execute(s, copy).scalar_one_or_none()
        or execute(s, newest.where(_posted.c.is_card.is_(True))).scalar_one_or_none()
    )


_STILL = (
    select(func.coalesce(UNANSWERED, 0))
    .select_from(_contact)
    .join(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(
        _contact.c.id == bindparam("contact_id"),
        Staff.telegram_id == bindparam("chat_id"),
        OPEN,
        _contact.c.wakes_at.is_(None),
        WAITS_SINCE.is_not(None),
    )
)


def is_still_so(s: Session, *, contact_id: int, chat_id: int, unanswered: int) -> bool:
    """Whether a reminder that is about to be sent still tells the truth to whoever gets it."""
    found = execute(s, _STILL, {"contact_id": contact_id, "chat_id": chat_id}).scalar_one_or_none()
    return found is not None and int(found) == unanswered


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Forgets of what was reminded in contacts that are closed. Returns how many rows."""
    is_closed = exists().where(_contact.c.id == _reminder.c.contact_id, _contact.c.status == "closed")
    return delete_batch(s, _reminder, is_closed, at_most=at_most)
