"""Edited messages: the stored text changes, and so do its copies and cards in the other side's chats."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.contacts import cards, checks
from crm_core.conversation import copies, forum_lines, late_edits, recipients, taking_back
from crm_core.conversation.copies import Chat, Copies, Sides
from crm_core.errors import ContactClosed, ContactHeld, EditedAfterTakingBack, SentElsewhere
from crm_core.messaging import card_edits, giving_up, messages, outbox
from crm_core.messaging.messages import MessageContent, Original
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Contact, Message, OutboxRow, PendingReply, Staff

_contact, _message = Contact.__table__, Message.__table__
_outbox, _pending = OutboxRow.__table__, PendingReply.__table__

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
    _message.c.created_at,
    _message.c.operator_id,
).where(
    _message.c.bot_id == bindparam("bot_id"),
    _message.c.chat_id == bindparam("chat_id"),
    _message.c.message_id == bindparam("message_id"),
    _message.c.author == bindparam("author"),
)


def client_edits(s: Session, *, content: MessageContent, now: datetime) -> int | None:
    """A client edited a message. Returns the id of its contact, None if it belongs to none."""
    row = _lock(s, content, author="client")
    if row is None or not _is_changed(row, content):
        return None
    found, _ = _change(s, row, content, now)
    if content.kind != "location":
        late_edits.mark(s, contact_id=row.contact_id, message_ref=row.id, said_at=row.created_at, now=now)
    if (row.kind, row.text, row.entities) == (content.kind, content.text, content.entities):
        return int(row.contact_id)  # another file, or a location that moves: the card shows neither
    first = s.execute(select(func.min(_message.c.id)).where(_message.c.contact_id == row.contact_id)).scalar_one()
    if first == row.id:
        s.execute(update(_contact).where(_contact.c.id == row.contact_id).values(message=content.text))
        card_edits.refresh_all(s, contact_id=row.contact_id, now=now)
    if first != row.id or not messages.fits_card(_original(row, content)):
        _send_where_missing(s, row, found, now)
    return int(row.contact_id)


def operator_edits(s: Session, *, actor: Actor, content: MessageContent, now: datetime) -> int | None:
    """An operator edited a message, which they may while they hold its contact, or until it is sent.

    A message that still waits for the operator to choose a contact is changed where it waits.

    Returns the id of the contact; None for a message that waits so, and for a live location that moves although the
    contact is closed, or with somebody else.

    Raises NotAllowed, ContactClosed, ContactHeld, SentElsewhere, EditedAfterTakingBack.
    """
    operator = access_operator(s, actor)
    row = _lock(s, content, author="operator")
    if row is None:
        _change_pending(s, content)
        return None
    if row.withdrawn_at is not None:
        if _is_changed(row, _without_own_number(content, row.contact_id)):
            raise EditedAfterTakingBack(contact=row.contact_id)
        return None
    content = _without_number(content, row.contact_id)
    if not _is_changed(row, content):
        return None
    if row.operator_id != operator.id or not _is_unsent(s, row.id, content.bot_id):
        try:
            checks.check_holder(s, access_contact(s, row.contact_id), operator.id)
        except (ContactClosed, ContactHeld):
            if row.kind == content.kind == "location":  # it moves by itself: nobody is told at each step
                return None
            raise
    found, between = _change(s, row, content, now)
    if between.client is not None and between.client not in found and content.kind != "location":
        _send_where_unknown(s, row, content, between.client, now)
    return int(row.contact_id)


_UNSENT = select(_outbox.c.id).where(
    _outbox.c.bot_id == bindparam("by_bot"),
    outbox.UNSETTLED,
    _outbox.c.message_ref == bindparam("ref"),
    _outbox.c.kind == outbox.TO_CLIENT,
)


def _is_unsent(s: Session, message_ref: int, bot_id: int | None) -> bool:
    """Whether an operator's message is on its way yet: Telegram copies it as it stands then, whoever may edit it."""
    return execute(s, _UNSENT, {"by_bot": bot_id, "ref": message_ref}).first() is not None


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


def _without_own_number(content: MessageContent, contact_id: int | None) -> MessageContent:
    """An edited text without the number of its own contact, which is not stored; as it is where it has none."""
    numbered = recipients.numbered(content)
    is_own = numbered is not None and numbered.contact_id == contact_id and not numbered.is_bare
    return numbered.content if numbered is not None and is_own else content


def is_of_client(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a message was written by somebody as a client, who may be on the staff now."""
    place = {"bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
    return execute(s, _FIND, {**place, "author": "client"}).first() is not None


def _find(s: Session, content: MessageContent, *, author: str) -> Row[Any] | None:
    original = {"bot_id": content.bot_id, "chat_id": content.chat_id, "message_id": content.message_id}
    return execute(s, _FIND, {**original, "author": author}).one_or_none()


def _lock(s: Session, content: MessageContent, *, author: str) -> Row[Any] | None:
    """A stored message, with its contact locked: nobody sends it to another operator, or moves it, meanwhile."""
    row = _find(s, content, author=author)
    while row is not None:
        lock_contact(s, row.contact_id)
        again = _find(s, content, author=author)
        if again is None or again.contact_id == row.contact_id:
            return again
        row = again  # late words, which have just become a request of their own
    return None


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


def _change(s: Session, row: Row[Any], content: MessageContent, now: datetime) -> tuple[Copies, Sides]:
    """Stores a message as it is now, and queues the edits of its copies. Returns where these are, and both sides."""
    changed = {name: getattr(content, name) for name in ("kind", "text", "entities", "can_copy", "media")}
    s.execute(update(_message).where(_message.c.id == row.id).values(**changed))
    assert content.bot_id is not None
    found = copies.hold(
        s,
        _original(row, content),
        contact_id=row.contact_id,
        bot_id=content.bot_id,
        is_rewritten=content.is_rewritten,
    )
    has_other_medium = _is_other_medium(row, content)
    payload = {"to_operator": row.author == "client", "media": has_other_medium}
    if content.is_rewritten:
        payload["is_rewritten"] = True
    between = copies.sides(s, row.contact_id)
    for bot_id, chat_id in sorted(found.to_edit & {between.client, between.operator}):  # and nobody who had it before
        key = f"copy:{bot_id}:{chat_id}:{row.id}"
        if has_other_medium or content.is_rewritten:
            giving_up.change_keyed(s, dedup_key=key, payload=payload)  # an edit that waits may know only of other words
        edit = outbox.OutboxEntry(
            outbox.COPY_EDIT, bot_id, chat_id, row.contact_id, row.id, payload=payload, dedup_key=key
        )
        ends = []
        if content.kind == "location" and not _is_live(content):  # after it is where it ends
            ends = [replace(edit, payload={**payload, "ends": True}, dedup_key=f"{key}:end")]
        outbox.add(s, [edit, *ends], now=now)
    if content.kind != "location":  # of which a topic shows no more than that it is one
        forum_lines.mark(s, [row.id], now=now)
    if row.author == "operator":
        taking_back.delete_parts(s, contact_id=row.contact_id, message_ref=row.id, now=now)
    return found, between


def _is_live(content: MessageContent) -> bool:
    """Whether a location goes on moving."""
    return "live_period" in (content.media or {}).get("point", {})


def _original(row: Row[Any], content: MessageContent) -> Original:
    has_origin = row.forwarded_from is not None or row.about is not None
    return Original(row.id, content.kind, content.text, content.can_copy, has_origin, row.author)


def send_again(
    s: Session, *, message_ref: int, bot_id: int, chat_id: int, now: datetime, is_rewritten: bool = False
) -> None:
    """Sends an edited message afresh, as a reply to its copy, where Telegram does not change the copy.

    To an operator only while they hold the contact.

    Args:
        is_rewritten: as in `MessageContent`, of the edit that failed: then Telegram must not copy the original. So it
            is if a later edit, which waits yet, has put a number there.
    """
    row: Any = execute(s, _HOLDER, {"message_ref": message_ref}).one_or_none()
    if row is None or row.status == "closed" or (row.author == "client" and chat_id != row.telegram_id):
        return
    kind = outbox.TO_OPERATOR if row.author == "client" else outbox.TO_CLIENT
    later = execute(s, _EDITS_TO_COME, {"by_bot": bot_id, "ref": message_ref}).scalars()
    is_rewritten = is_rewritten or any(one.get("is_rewritten") for one in later)
    payload = {"again": True, "is_rewritten": is_rewritten}
    key = f"again:{bot_id}:{chat_id}:{message_ref}"  # one that waits will have the newest words, too
    copy = outbox.OutboxEntry(kind, bot_id, chat_id, row.contact_id, message_ref, payload=payload, dedup_key=key)
    outbox.add(s, [copy], now=now)


_EDITS_TO_COME = select(_outbox.c.payload).where(
    _outbox.c.bot_id == bindparam("by_bot"),
    outbox.UNSETTLED,
    _outbox.c.message_ref == bindparam("ref"),
    _outbox.c.kind == outbox.COPY_EDIT,
)
_HOLDER = (
    select(_message.c.contact_id, _message.c.author, _contact.c.status, Staff.telegram_id)
    .join(_contact, _contact.c.id == _message.c.contact_id)
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_message.c.id == bindparam("message_ref"))
)


def _send_where_missing(s: Session, row: Row[Any], found: Copies, now: datetime) -> None:
    """Sends a copy of an edited message to its operator if they neither have one nor are to get it yet.

    They read it in a talk when they took over; or it was a first message, which the card showed in full before the edit
    and cannot any more, as it is too long by now, or a photo. One of many, for which they get a line that points to the
    history, stays there: alone, and after later ones, it would mislead.
    """
    holder = cards.holder(s, contact_id=row.contact_id)
    if holder is None or holder in found:
        return
    if not giving_up.is_collapsed(s, chat_id=holder[1], contact_id=row.contact_id, message_ref=row.id):
        outbox.add(s, [outbox.OutboxEntry(outbox.TO_OPERATOR, *holder, row.contact_id, row.id)], now=now)


def _send_where_unknown(s: Session, row: Row[Any], content: MessageContent, client: Chat, now: datetime) -> None:
    """Sends an operator's edited message afresh where the client may have it, and nobody knows in which message."""
    if taking_back.may_be_there(s, contact_id=row.contact_id, message_ref=row.id):
        bot_id, chat_id = client
        send_again(s, message_ref=row.id, bot_id=bot_id, chat_id=chat_id, now=now, is_rewritten=content.is_rewritten)


def _change_pending(s: Session, content: MessageContent) -> None:
    mine = select(_pending.c.id, _pending.c.messages, _pending.c.closed_contact_id).where(
        _pending.c.bot_id == content.bot_id, _pending.c.chat_id == content.chat_id
    )
    for row in s.execute(mine).all():
        if any(kept.get("message_id") == content.message_id for kept in row.messages):
            changed = [
                _edited(kept, content, row.closed_contact_id) if kept.get("message_id") == content.message_id else kept
                for kept in row.messages
            ]
            s.execute(update(_pending).where(_pending.c.id == row.id).values(messages=changed))
            return


def _edited(kept: dict[str, Any], content: MessageContent, contact_id: int | None) -> dict[str, Any]:
    """A waiting message after its edit; the number of its contact that was cut off before does not come back.

    The number of another contact stays: whoever sends the message is asked for it.
    """
    new = _without_own_number(content, contact_id) if kept.get("is_rewritten") else content
    return {**kept, "kind": new.kind, "text": new.text, "entities": new.entities, "media": new.media}
