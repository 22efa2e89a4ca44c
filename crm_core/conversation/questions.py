"""Messages of operators that wait: until they choose whom these are for, or open the closed contact again.

All that waits for a choice in a chat stands under one question, the newest: a further message takes over the earlier
question, so that nothing overtakes anything. If nobody answers in `ANSWERED_WITHIN`, the operator is told what was not
sent, once. All of this is in the database, so a restart changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from crm_core.conversation.recipients import Option
from crm_core.errors import ChoiceEnded, ChoiceExpired
from crm_core.graphemes import beginning
from crm_core.messaging import giving_up, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.storage.execute import change_one, execute
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import PendingReply, Staff

ANSWERED_WITHIN = timedelta(minutes=2)  # from the moment when the question is in the chat
ASKED_WITHIN = timedelta(minutes=10)  # until the question is in the chat: later, the answer would come from another day
OPTIONS_SHOWN = 20  # a longer list is found quicker by replying to the card
WORDS_SHOWN = 60  # characters of each message, and of each option

_pending = PendingReply.__table__
_IN_CHAT = (_pending.c.bot_id == bindparam("in_bot"), _pending.c.chat_id == bindparam("in_chat"))


# --- what waits ------------------------------------------------------------------------------------------------------


def album_of(s: Session, content: MessageContent, album: str) -> Row[Any] | None:
    """The row of an album's earlier items: they wait, or were sent to `contact_id`."""
    query = (
        select(_pending.c.id, _pending.c.messages, _pending.c.contact_id)
        .where(*_IN_CHAT, _pending.c.album == album)
        .order_by(_pending.c.id.desc())
        .limit(1)
    )
    return execute(s, query, _place(content)).one_or_none()


def add_item(s: Session, row: Row[Any], kept: dict[str, Any]) -> None:
    """A further item of an album: it waits with the others, or was sent where they went."""
    execute(s, update(_pending).where(_pending.c.id == row.id).values(messages=[*row.messages, kept]))


def kept(content: MessageContent) -> dict[str, Any]:
    """A message as it is kept until it is sent; `contents` reads it."""
    names = ("kind", "text", "entities", "message_id", "media", "is_rewritten", "album")
    return {name: getattr(content, name) for name in names}


def contents(rows: Sequence[Row[Any]]) -> list[MessageContent]:
    """The messages that wait in these rows, in order; of an album, no further part is waited for."""
    return [
        MessageContent(**one, ends_album=True, bot_id=row.bot_id, chat_id=row.chat_id)
        for row in rows
        for one in row.messages
    ]


def keep(
    s: Session,
    content: MessageContent,
    now: datetime,
    *,
    album: str | None,
    messages: list[dict[str, Any]],
    contact_id: int | None = None,
    closed_contact_id: int | None = None,
    ends_at: datetime | None = None,
) -> int:
    """Adds a row: messages that wait, or where an album went. Returns its id.

    Args:
        messages: what waits, as `kept` has it; or what was sent, as numbers of stored messages (`ref`).
        contact_id: where they went.
        closed_contact_id: the contact that must be opened again first.
        ends_at: until when a choice is awaited.
    """
    values = {
        "bot_id": content.bot_id,
        "chat_id": content.chat_id,
        "album": album,
        "contact_id": contact_id,
        "closed_contact_id": closed_contact_id,
        "messages": messages,
        "ends_at": ends_at,
        "created_at": now,
    }
    row_id: int = execute(s, insert(_pending).returning(_pending.c.id), values).scalar_one()
    return row_id


_WAITING = select(_pending).where(*_IN_CHAT, _pending.c.ends_at.is_not(None)).order_by(_pending.c.id).with_for_update()


def is_waiting(s: Session, content: MessageContent) -> bool:
    """Whether a question is open in the chat of a message."""
    query = select(_pending.c.id).where(*_IN_CHAT, _pending.c.ends_at.is_not(None)).limit(1)
    return execute(s, query, _place(content)).first() is not None


def _place(content: MessageContent) -> dict[str, Any]:
    return {"in_bot": content.bot_id, "in_chat": content.chat_id}


# --- asking ----------------------------------------------------------------------------------------------------------


def ask(s: Session, content: MessageContent, options: Sequence[Option], *, album: str | None, now: datetime) -> int:
    """Keeps a message and asks whom it is for, with all that waits already. Returns the id of the question."""
    before = execute(s, _WAITING, _place(content)).all()
    _end_question(s, before, _place(content), now)
    row_id = keep(s, content, now, album=album, messages=[kept(content)], ends_at=now + ASKED_WITHIN)
    payload = {
        "code": "to_whom",
        "pending": row_id,
        "count": sum(len(row.messages) for row in before) + 1,
        "options": [
            {
                "contact": one.contact_id,
                "name": one.lead_name,
                "kind": one.kind,
                "text": _short(one.text),
                "new": one.is_new,
            }
            for one in options[:OPTIONS_SHOWN]
        ],
        "more": len(options) > OPTIONS_SHOWN,
        "reply_to": content.message_id,
    }
    _notify(s, content, payload, now, dedup_key=_key(_place(content)))
    return row_id


def hold_for_closed(s: Session, content: MessageContent, contact_id: int, *, album: str | None, now: datetime) -> int:
    """Keeps a message to a closed contact and says that it was not sent; a button opens the contact and sends it."""
    row_id = keep(s, content, now, album=album, messages=[kept(content)], closed_contact_id=contact_id)
    payload = {"code": "closed_not_sent", "contact": contact_id, "pending": row_id, "reply_to": content.message_id}
    _notify(s, content, payload, now)
    return row_id


def _short(text: str | None) -> str | None:
    """Enough of a text for a line or a button."""
    return None if text is None else beginning(text, 2 * WORDS_SHOWN)


def _notify(
    s: Session, content: MessageContent, payload: dict[str, Any], now: datetime, *, dedup_key: str | None = None
) -> None:
    assert content.bot_id is not None and content.chat_id is not None  # noqa: PT018
    entry = outbox.OutboxEntry(
        outbox.STAFF_NOTICE, content.bot_id, content.chat_id, payload=payload, dedup_key=dedup_key
    )
    outbox.add(s, [entry], now=now)


def _key(place: dict[str, Any]) -> str:
    return f"question:{place['in_bot']}:{place['in_chat']}"


def _end_question(s: Session, rows: Sequence[Row[Any]], place: dict[str, Any], now: datetime) -> None:
    """Takes the questions of these rows out of the chat, whether they are there yet or not."""
    if not rows:
        return
    giving_up.give_up_keyed(s, dedup_key=_key(place), outcome="asked_again", now=now)
    asked = [row for row in rows if row.question_id is not None]
    outbox.add(s, [_deleting(row.bot_id, row.chat_id, row.question_id) for row in asked], now=now)
    ids = [row.id for row in rows]
    # From now on they end with the row that takes over.
    execute(s, update(_pending).where(_pending.c.id.in_(ids)).values(question_id=None, ends_at=now))


def _deleting(bot_id: int, chat_id: int, message_id: int) -> outbox.OutboxEntry:
    return outbox.OutboxEntry(outbox.DELETE, bot_id, chat_id, payload={"message_id": message_id})


def note_asked(s: Session, *, bot_id: int, chat_id: int, message_id: int, pending_id: int, now: datetime) -> None:
    """A question has reached its chat: the time for the answer begins; or it is of no use any more, and is deleted.

    Args:
        message_id: Telegram's id of the question.
        pending_id: the row that it asks about.
    """
    place = {"in_bot": bot_id, "in_chat": chat_id}
    waiting = execute(s, _WAITING, place).all()
    if waiting and waiting[-1].id == pending_id:
        asked = {"question_id": message_id, "ends_at": now + ANSWERED_WITHIN}
        execute(s, update(_pending).where(_pending.c.id == pending_id).values(asked))
        return
    answered = select(_pending.c.contact_id).where(_pending.c.id == pending_id)
    if execute(s, answered).scalar_one_or_none() is None:  # otherwise it says by now to whom the message was sent
        outbox.add(s, [_deleting(bot_id, chat_id, message_id)], now=now)


# --- answers ---------------------------------------------------------------------------------------------------------


def chosen(s: Session, *, pending_id: int, contact_id: int, bot_id: int, chat_id: int) -> list[Row[Any]]:
    """The operator chose the contact of all that waits under a question: the caller sends these rows.

    Raises ChoiceExpired where they were sent already, ChoiceEnded where the question was asked again, or given up.
    """
    place = {"in_bot": bot_id, "in_chat": chat_id}
    waiting = execute(s, _WAITING, place).all()
    if not waiting or waiting[-1].id != pending_id:
        row = _one(s, pending_id, place)
        if row is None or row.ends_at is not None:
            raise ChoiceEnded(asked_again=row is not None)
        waiting = [row]  # of an earlier version, when each message had a question of its own; or to a closed contact
    ids = [row.id for row in waiting]
    # The rows stay for some days: a late item of an album goes where the others went.
    execute(
        s,
        update(_pending).where(_pending.c.id.in_(ids)).values(contact_id=contact_id, messages=[], ends_at=None),
    )
    return list(waiting)


def closed_contact_of(s: Session, *, pending_id: int, bot_id: int, chat_id: int) -> int:
    """The closed contact that a waiting message is for. Raises ChoiceExpired, ChoiceEnded."""
    row = _one(s, pending_id, {"in_bot": bot_id, "in_chat": chat_id})
    if row is None or row.closed_contact_id is None:
        raise ChoiceEnded(asked_again=False)
    return int(row.closed_contact_id)


def _one(s: Session, pending_id: int, place: dict[str, Any]) -> Row[Any] | None:
    row = execute(
        s, select(_pending).where(*_IN_CHAT, _pending.c.id == pending_id).with_for_update(), place
    ).one_or_none()
    if row is not None and row.contact_id is not None:
        raise ChoiceExpired()
    return row


def note_sent(s: Session, pending_id: int, message_refs: Sequence[int]) -> None:
    """Stores what was sent, so that it can be taken back."""
    sent = update(_pending).where(_pending.c.id == pending_id).values(messages=[{"ref": ref} for ref in message_refs])
    change_one(s, sent, otherwise=ChoiceExpired())


def sent_by(s: Session, *, pending_id: int, bot_id: int, chat_id: int) -> tuple[int, list[int]] | None:
    """The contact to which a row's messages went, and the stored messages; None if nothing is known of it any more."""
    query = select(_pending.c.contact_id, _pending.c.messages).where(*_IN_CHAT, _pending.c.id == pending_id)
    row = execute(s, query, {"in_bot": bot_id, "in_chat": chat_id}).one_or_none()
    refs = [one["ref"] for one in row.messages if "ref" in one] if row is not None else []
    return (row.contact_id, refs) if row is not None and row.contact_id is not None and refs else None


# --- nobody answers --------------------------------------------------------------------------------------------------

_OVERDUE = (
    select(_pending.c.bot_id, _pending.c.chat_id)
    .where(_pending.c.ends_at.is_not(None))
    .group_by(_pending.c.bot_id, _pending.c.chat_id)
    .having(func.max(_pending.c.ends_at) <= bindparam("now", type_=_pending.c.ends_at.type))
)


def has_unanswered(s: Session, *, now: datetime) -> bool:
    """Whether a question has waited too long."""
    return execute(s, _OVERDUE.limit(1), {"now": now}).first() is not None


def end_unanswered(s: Session, *, now: datetime) -> int:
    """Gives up what has waited too long for a choice, and tells the operators what was not sent. Returns how many."""
    overdue = execute(s, _OVERDUE, {"now": now}).all()
    for bot_id, chat_id in overdue:
        place = {"in_bot": bot_id, "in_chat": chat_id}
        rows = execute(s, _WAITING, place).all()
        if not rows or max(row.ends_at for row in rows) > now:
            continue  # answered, or asked again, meanwhile
        _end_question(s, rows, place, now)
        execute(s, delete(_pending).where(_pending.c.id.in_([row.id for row in rows])))
        if _is_operator(s, chat_id):
            _notify_not_sent(s, rows, now)
    return len(overdue)


def _notify_not_sent(s: Session, rows: Sequence[Row[Any]], now: datetime) -> None:
    waited = contents(rows)
    payload = {
        "code": "not_sent",
        "said": [{"kind": one.kind, "text": _short(one.text)} for one in waited],
        "reply_to": waited[0].message_id,
    }
    _notify(s, waited[0], payload, now)


def _is_operator(s: Session, chat_id: int) -> bool:
    found = execute(s, select(Staff.operator_id).where(Staff.telegram_id == chat_id)).scalar_one_or_none()
    return found is not None


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7), at_most: int = BATCH) -> int:
    """Deletes what waited for so long for a closed contact, and what is known of sent messages. Returns how many."""
    return delete_batch(s, _pending, _pending.c.created_at < now - keep, at_most=at_most)
