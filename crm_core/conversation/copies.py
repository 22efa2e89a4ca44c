"""Where the copies of a stored message are in the other side's chats, and where they are on their way.

An edit asks for it. What waits in the outbox is rendered from the stored message when a sender claims it, so it needs
no edit; what is being sent may have the old text, so its edit is queued after it; what is there is edited. A row moves
from one state to the next while others look: so what waits is locked first, and then one statement reads the rest. Two
statements would miss a copy that arrives between them, and send its words twice.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, null, or_, select, union_all, update
from sqlalchemy.orm import Session

from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import Original
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, OutboxRow, Posted, Staff

_contact, _outbox, _posted = Contact.__table__, OutboxRow.__table__, Posted.__table__

Chat = tuple[int, int]
"""A chat of a bot: (bot_id, chat_id)."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Chats with copies of a message.

    Attributes:
        to_edit: where a copy is, or is being sent.
        to_come: where the words come only after this transaction, as they are stored then: in a copy, or in a talk of
            both sides.
    """

    to_edit: frozenset[Chat]
    to_come: frozenset[Chat]

    def __contains__(self, chat: Chat) -> bool:
        return chat in self.to_edit or chat in self.to_come


_COPY = and_(_outbox.c.message_ref == bindparam("ref"), _outbox.c.kind.in_((outbox.TO_OPERATOR, outbox.TO_CLIENT)))
_TALK = and_(_outbox.c.contact_id == bindparam("of_contact"), _outbox.c.kind == outbox.TALK)
_WAITING = (
    select(_outbox.c.id, _outbox.c.bot_id, _outbox.c.chat_id, _outbox.c.kind, _outbox.c.payload)
    .where(_outbox.c.bot_id == bindparam("by_bot"), outbox.UNSETTLED, _outbox.c.state == "pending", or_(_COPY, _TALK))
    .order_by(_outbox.c.id)
    .with_for_update()
)
_ALL = union_all(
    select(_posted.c.bot_id, _posted.c.chat_id, null().label("row_id")).where(
        _posted.c.message_ref == bindparam("ref")
    ),
    select(_outbox.c.bot_id, _outbox.c.chat_id, _outbox.c.id).where(
        _outbox.c.bot_id == bindparam("by_bot"), outbox.UNSETTLED, _COPY
    ),
)


def hold(s: Session, original: Original, *, contact_id: int, bot_id: int, is_rewritten: bool = False) -> Copies:
    """Finds the copies of a message, and keeps senders from those that wait until this transaction ends.

    The caller has locked the contact.

    Args:
        original: the message as it is stored now.
        is_rewritten: as in `MessageContent`; what waits is sent accordingly.
    """
    about = {"ref": original.id, "of_contact": contact_id, "by_bot": bot_id}
    held: set[int] = set()
    to_come: set[Chat] = set()
    for row in execute(s, _WAITING, about).all():
        if row.kind == outbox.TALK:
            if "of_row" in row.payload:  # the edit of one that is there
                continue
            is_in_it = row.payload["first"] <= original.id <= row.payload["last"] and messages.is_told(original)
        else:
            is_in_it = True
            held.add(row.id)
            if is_rewritten and not row.payload.get("is_rewritten"):
                rewritten = {**row.payload, "is_rewritten": True}
                execute(s, update(_outbox).where(_outbox.c.id == row.id).values(payload=rewritten))
        if is_in_it:
            to_come.add((row.bot_id, row.chat_id))
    # One that is waiting again since the first look, as its attempt failed, may be claimed with the old text yet.
    to_edit = {(row.bot_id, row.chat_id) for row in execute(s, _ALL, about).all() if row.row_id not in held}
    return Copies(frozenset(to_edit), frozenset(to_come))


@dataclass(frozen=True, slots=True)
class Sides:
    """Who talks in a contact, each in their chat with its bot.

    Attributes:
        operator: who has it, or had it when it was closed.
    """

    client: Chat | None
    operator: Chat | None


_SIDES = (
    select(_contact.c.bot_id, _contact.c.chat_id, Staff.telegram_id)
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_contact.c.id == bindparam("contact_id"))
)


def sides(s: Session, contact_id: int) -> Sides:
    """The two chats of a contact; None for a side that is not in Telegram."""
    row: Any = execute(s, _SIDES, {"contact_id": contact_id}).one()
    client, operator = ((row.bot_id, chat) if row.bot_id and chat else None for chat in (row.chat_id, row.telegram_id))
    return Sides(client, operator)


_TALKS_THERE = (
    select(_outbox.c.payload, _outbox.c.result_id)
    .where(
        _outbox.c.contact_id == bindparam("contact_id"),
        _outbox.c.bot_id == bindparam("bot_id"),
        _outbox.c.chat_id == bindparam("chat_id"),
        _outbox.c.kind == outbox.TALK,
        _outbox.c.state == "sent",
        _outbox.c.result_id.is_not(None),
    )
    .order_by(_outbox.c.id.desc())
)


def talk_with(s: Session, *, contact_id: int, place: Chat, message_ref: int) -> int | None:
    """Telegram's id of the newest talk in a chat that shows a message to whoever took over there; None for none."""
    about = {"contact_id": contact_id, "bot_id": place[0], "chat_id": place[1]}
    shown = (row for row in execute(s, _TALKS_THERE, about) if "of_row" not in row.payload)
    return next((row.result_id for row in shown if row.payload["first"] <= message_ref <= row.payload["last"]), None)
