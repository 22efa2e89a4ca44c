"""Clients who have blocked the bot: nothing more is tried, and whoever writes to them is told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core.contacts import cards
from crm_core.messaging import forum_rows, giving_up, outbox
from crm_core.routing import queue
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import (
    Chat,
    Contact,
    Message,
    OutboxRow,
    Posted,
    Staff,
)

_chat, _contact = Chat.__table__, Contact.__table__


def set_blocked(s: Session, *, bot_id: int, chat_id: int, is_blocked: bool) -> bool:
    """Stores whether a client has blocked the bot. Returns whether that is news."""
    here = (_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id, _chat.c.is_blocked != is_blocked)
    return execute_count(s, update(_chat).where(*here).values(is_blocked=is_blocked)) == 1


def hold_chats(s: Session, *, bot_id: int, chat_ids: Collection[int]) -> None:
    """Locks the chats of clients who may turn out to have blocked the bot, before any contact is locked."""
    here = select(_chat.c.chat_id).where(_chat.c.bot_id == bot_id, _chat.c.chat_id.in_(chat_ids))
    s.execute(here.order_by(_chat.c.chat_id).with_for_update()).all()


_HELD_THERE = select(_contact.c.id).where(
    _contact.c.bot_id == bindparam("bot_id"), _contact.c.chat_id == bindparam("chat_id"), queue.OPEN
)


def _written(*which: Any) -> Any:
    """Messages of operators to a client that some rows of the outbox are to deliver, and where their authors are."""
    shown = select(func.max(Posted.message_id)).where(
        Posted.message_ref == Message.id,
        Posted.bot_id + 0 == OutboxRow.bot_id,  # or SQLite reads everything that was posted in the chat
        Posted.chat_id == Staff.telegram_id,
    )
    return (
        select(
            Message.contact_id,
            func.coalesce(Message.chat_id, Staff.telegram_id).label("author_chat"),
            # One that was written through the API is shown to the operator in whose name it is.
            func.coalesce(Message.message_id, shown.scalar_subquery()).label("message_id"),
        )
        .select_from(OutboxRow)
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == Message.contact_id)
        .outerjoin(Staff, Staff.operator_id == Contact.operator_id)
        .where(OutboxRow.kind == outbox.TO_CLIENT, Message.withdrawn_at.is_(None), *which)
        .order_by(OutboxRow.id)
    )


_REFUSED = _written(OutboxRow.id == bindparam("row_id"))
_ON_THEIR_WAY = _written(
    OutboxRow.bot_id == bindparam("bot_id"), OutboxRow.chat_id == bindparam("chat_id"), outbox.UNSETTLED
)


def block(
    s: Session, *, bot_id: int, chat_id: int, now: datetime, refused: int | None = None, outcome: str = "blocked"
) -> None:
    """A client has blocked the bot: nothing more is tried, they wait no longer, and their operator is told once.

    Telegram says so in an update, and by refusing what is sent; whichever is handled first tells. Whoever wrote what
    does not arrive reads it as a reply to that; whoever has an open contact otherwise, without a sound.

    Args:
        refused: the outbox row that Telegram has refused.
        outcome: why, for the rows that are given up.
    """
    is_news = set_blocked(s, bot_id=bot_id, chat_id=chat_id, is_blocked=True)
    if is_news:
        here = {"bot_id": bot_id, "chat_id": chat_id}
        held = sorted(execute(s, _HELD_THERE, here).scalars())
        for contact_id in held:
            lock_contact(s, contact_id)  # an operator who is writing is seen here, or sees that the client is gone
        written = [] if refused is None else execute(s, _REFUSED, {"row_id": refused}).all()
        _tell_of_block(s, bot_id, held, [*written, *execute(s, _ON_THEIR_WAY, here).all()], now)
    giving_up.drop_waiting(s, bot_id=bot_id, chat_id=chat_id, outcome=outcome, now=now)


def _tell_of_block(s: Session, bot_id: int, held: Sequence[int], written: Sequence[Row[Any]], now: datetime) -> None:
    """Notifies, once for each contact, whoever wrote what does not arrive (in reply to it), and whoever holds it."""
    notices: dict[tuple[int, int], dict[str, Any]] = {}
    for row in written:
        if row.author_chat is not None:
            notices.setdefault((row.author_chat, row.contact_id), {"reply_to": row.message_id})
    for contact_id in held:
        holder = cards.holder(s, contact_id=contact_id)
        if holder is not None:
            notices.setdefault((holder[1], contact_id), {"is_silent": True})
    for (to_chat, contact_id), payload in notices.items():
        where = forum_rows.for_notice(s, contact_id, chat_id=to_chat)
        told = {"code": "client_unreachable", "contact": contact_id, **payload, **where}
        outbox.add(s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, bot_id, to_chat, contact_id, payload=told)], now=now)
