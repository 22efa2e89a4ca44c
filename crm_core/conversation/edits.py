"""Edited messages: the stored text changes, and so do its copies and cards in the other side's chats."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.contacts import cards, checks
from crm_core.conversation import recipients
from crm_core.errors import SentElsewhere
from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import MessageContent, Original
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Message, OutboxRow, PendingReply, Posted, Staff

_contact, _message, _outbox = Contact.__table__, Message.__table__, OutboxRow.__table__
_pending = PendingReply.__table__

_FIND = select(
    _message.c.id,
    _message.c.contact_id,
    _message.c.author,
    _message.c.kind,
    _message.c.text,
    _message.c.entities,
    _message.c.media,
    _message.c.forwarded_from,
    _message.c.about,
    _message.c.withdrawn_at,
).where(
    _message.c.bot_id == bindparam("bot_id"),
    _message.c.chat_id == bindparam("chat_id"),
    _message.c.message_id == bindparam("message_id"),
    _message.c.author == bindparam("author"),
)


def client_edits(s: Session, *, content: MessageContent, now: datetime) -> int | None:
    """A client edited a message. Returns the id of its contact, None if it belongs to none."""
    row = _find(s, content, author="client")
    if row is None or not _is_changed(row, content):
        return None
    _change(s, row, content, now)
    if (row.kind, row.text, row.entities) == (content.kind, content.text, content.entities):
        return int(row.contact_id)  # another file, or a location that moves: the card shows neither
    first = s.execute(select(func.min(_message.c.id)).where(_message.c.contact_id == row.contact_id)).scalar_one()
    if first == row.id:
        s.execute(update(_contact).where(_contact.c.id == row.contact_id).values(message=content.text))
        cards.refresh_all(s, contact_id=row.contact_id, now=now)
        _send_if_outgrown(s, row, content, now)
    else:
        _send_if_only_quoted(s, row, now)
    return int(row.contact_id)


def operator_edits(s: Session, *, actor: Actor, content: MessageContent, now: datetime) -> int | None:
    """An operator edited a message, which they may while they hold its contact. Returns the id of the contact.

    A message that still waits for the operator to choose a contact is changed where it waits; then None is returned.

    Raises NotAllowed, ContactClosed, ContactHeld, SentElsewhere.
    """
    operator = access_operator(s, actor)
    row = _find(s, content, author="operator")
    if row is None:
        _change_pending(s, content)
        return None
    if row.withdrawn_at is not None:
        return None
    content = _without_number(content, row.contact_id)
    if not _is_changed(row, content):
        return None
    checks.check_holder(s, access_contact(s, row.contact_id), operator.id)
    _change(s, row, content, now)
    return int(row.contact_id)


def is_known(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a message that somebody wrote in a chat is stored, or waits for an operator to choose its contact.

    One that is not was answered by the bot alone: a command, or words that went to nobody.
    """
    place = {"bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
    stored = select(_message.c.id).where(*(_message.c[name] == value for name, value in place.items()))
    if execute(s, stored).first() is not None:
        return True
    waiting = select(_pending.c.messages).where(_pending.c.bot_id == bot_id, _pending.c.chat_id == chat_id)
    return any(
        kept.get("message_id") == message_id for kept_there in execute(s, waiting).scalars() for kept in kept_there
    )


def _without_number(content: MessageContent, contact_id: int) -> MessageContent:
    """An edited text as the client gets it: the number before it is not for them. Raises SentElsewhere."""
    numbered = recipients.numbered(content)
    if numbered is None or numbered.is_bare or (content.reply_to is not None and numbered.contact_id != contact_id):
        return content
    if numbered.contact_id != contact_id:
        raise SentElsewhere(contact=contact_id)
    return numbered.content


def is_of_client(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a message was written by somebody as a client, who may be on the staff now."""
    place = {"bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
    return execute(s, _FIND, {**place, "author": "client"}).first() is not None


def _find(s: Session, content: MessageContent, *, author: str) -> Row[Any] | None:
    original = {"bot_id": content.bot_id, "chat_id": content.chat_id, "message_id": content.message_id}
    return execute(s, _FIND, {**original, "author": author}).one_or_none()


def _is_changed(row: Row[Any], content: MessageContent) -> bool:
    """Telegram also reports edits that change nothing that was said, such as a link preview that was loaded."""
    return (row.text, row.entities) != (content.text, content.entities) or _is_other_medium(row, content)


def _is_other_medium(row: Row[Any], content: MessageContent) -> bool:
    """Whether a file was added, taken away or replaced, or a live location has moved.

    Of messages of before an upgrade the file is not known; then it counts as replaced only if the kind is another.
    """
    before, after = row.media or {}, content.media or {}
    is_known = row.media is not None or content.media is None
    return row.kind != content.kind or (is_known and (before.get("id") != after.get("id")))


def _change(s: Session, row: Row[Any], content: MessageContent, now: datetime) -> None:
    changed = {name: getattr(content, name) for name in ("kind", "text", "entities", "can_copy", "media")}
    s.execute(update(_message).where(_message.c.id == row.id).values(**changed))
    payload = {"to_operator": row.author == "client", "media": _is_other_medium(row, content)}
    if content.is_rewritten:
        payload["is_rewritten"] = True
    there = select(Posted.bot_id, Posted.chat_id).where(Posted.message_ref == row.id)
    # A copy that is being sent may have the old text: the edit is queued after it, and its message id is known then.
    being_sent = select(_outbox.c.bot_id, _outbox.c.chat_id).where(
        _outbox.c.message_ref == row.id,
        _outbox.c.kind.in_((outbox.TO_OPERATOR, outbox.TO_CLIENT)),
        _outbox.c.state == "sending",
    )
    for bot_id, chat_id in s.execute(there.union(being_sent)).all():
        key = f"copy:{bot_id}:{chat_id}:{row.id}"
        if payload["media"]:  # an edit that waits may know only of other words
            s.execute(
                update(_outbox).where(_outbox.c.once == key, _outbox.c.state == "pending").values(payload=payload)
            )
        edit = outbox.OutboxEntry(
            outbox.COPY_EDIT, bot_id, chat_id, row.contact_id, row.id, payload=payload, dedup_key=key
        )
        outbox.add(s, [edit], now=now)


def send_again(
    s: Session, *, message_ref: int, bot_id: int, chat_id: int, now: datetime, is_rewritten: bool = False
) -> None:
    """Sends an edited message afresh, as a reply to its copy, where Telegram does not change the copy.

    To an operator only while they hold the contact.

    Args:
        is_rewritten: as in `MessageContent`.
    """
    row: Any = execute(s, _HOLDER, {"message_ref": message_ref}).one_or_none()
    if row is None or row.status == "closed" or (row.author == "client" and chat_id != row.telegram_id):
        return
    kind = outbox.TO_OPERATOR if row.author == "client" else outbox.TO_CLIENT
    copy = outbox.OutboxEntry(
        kind, bot_id, chat_id, row.contact_id, message_ref, payload={"again": True, "is_rewritten": is_rewritten}
    )
    outbox.add(s, [copy], now=now)


_HOLDER = (
    select(_message.c.contact_id, _message.c.author, _contact.c.status, Staff.telegram_id)
    .join(_contact, _contact.c.id == _message.c.contact_id)
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_message.c.id == bindparam("message_ref"))
)


def _send_if_outgrown(s: Session, row: Row[Any], content: MessageContent, now: datetime) -> None:
    """Sends a copy of a first text that the card showed in full before the edit and cannot any more.

    It may have become too long, or a photo.
    """
    has_origin = row.forwarded_from is not None or row.about is not None
    before = Original(row.id, row.kind, row.text, can_copy=True, has_origin=has_origin)
    after = Original(row.id, content.kind, content.text, can_copy=True, has_origin=has_origin)
    if not messages.fits_card(before) or messages.fits_card(after):
        return
    _send_to_holder(s, row, now)


def _send_if_only_quoted(s: Session, row: Row[Any], now: datetime) -> None:
    """Sends a copy of an edited message that its operator has not got as one: they took over, and read it in a talk."""
    holder = cards.holder(s, contact_id=row.contact_id)
    if holder is None:
        return
    there = {"bot_id": holder[0], "chat_id": holder[1]}
    copied = select(Posted.message_id).filter_by(message_ref=row.id, **there)
    waiting = select(_outbox.c.id).where(
        _outbox.c.message_ref == row.id,
        _outbox.c.kind == outbox.TO_OPERATOR,
        _outbox.c.state.in_(("pending", "sending")),
        *(_outbox.c[name] == value for name, value in there.items()),
    )
    # In this order: a copy that is recorded between the two is seen by the second. The other way round by neither.
    if s.execute(waiting).first() is None and s.execute(copied).first() is None:
        _send_to_holder(s, row, now)


def _send_to_holder(s: Session, row: Row[Any], now: datetime) -> None:
    holder = cards.holder(s, contact_id=row.contact_id)
    if holder is not None:
        outbox.add(s, [outbox.OutboxEntry(outbox.TO_OPERATOR, *holder, row.contact_id, row.id)], now=now)


def _change_pending(s: Session, content: MessageContent) -> None:
    mine = select(_pending.c.id, _pending.c.messages).where(
        _pending.c.bot_id == content.bot_id, _pending.c.chat_id == content.chat_id
    )
    for row in s.execute(mine).all():
        if any(kept.get("message_id") == content.message_id for kept in row.messages):
            changed = [
                _edited(kept, content) if kept.get("message_id") == content.message_id else kept
                for kept in row.messages
            ]
            s.execute(update(_pending).where(_pending.c.id == row.id).values(messages=changed))
            return


def _edited(kept: dict[str, Any], content: MessageContent) -> dict[str, Any]:
    """A waiting message after its edit; the number that was cut off before does not come back."""
    numbered = recipients.numbered(content) if kept.get("is_rewritten") else None
    new = content if numbered is None else numbered.content
    return {**kept, "kind": new.kind, "text": new.text, "entities": new.entities, "media": new.media}
