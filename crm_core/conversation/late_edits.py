"""Edits of what a client said in a contact that is closed by now: whoever had it is told, or would not look there."""

from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.conversation import copies
from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Posted

_contact, _posted = Contact.__table__, Posted.__table__


def mark(s: Session, *, contact_id: int, message_ref: int, said_at: datetime, now: datetime) -> None:
    """Says so beneath the copy of an edited message, without a sound, if it was said before its contact was closed.

    Args:
        message_ref: the stored message; one that stands on the card alone is seen there.
    """
    closed_at = execute(s, _CLOSED_AT, {"contact_id": contact_id}).scalar_one_or_none()
    operator = None if closed_at is None or said_at > closed_at else copies.sides(s, contact_id).operator
    if operator is None:
        return
    shown = execute(s, _SHOWN_AS, {"ref": message_ref, "bot_id": operator[0], "chat_id": operator[1]}).scalar_one()
    if shown is None:
        return
    payload = {"code": "edited_after_closing", "contact": contact_id, "reply_to": shown, "is_silent": True}
    key = f"edited:{operator[0]}:{operator[1]}:{message_ref}"
    line = outbox.OutboxEntry(outbox.STAFF_NOTICE, *operator, contact_id, payload=payload, dedup_key=key)
    outbox.add(s, [line], now=now)


_CLOSED_AT = select(_contact.c.closed_at).where(_contact.c.id == bindparam("contact_id"), _contact.c.status == "closed")
_SHOWN_AS = select(func.max(_posted.c.message_id)).where(
    _posted.c.message_ref == bindparam("ref"),
    _posted.c.bot_id + 0 == bindparam("bot_id"),  # or SQLite reads everything that was posted in the chat
    _posted.c.chat_id == bindparam("chat_id"),
)
