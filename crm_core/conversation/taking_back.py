"""Words that went to a client are taken back: they are not sent, or all that is there of them is deleted.

Whoever has the request by then, and was shown these words when they took over, sees that they were taken back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.conversation import forum_lines, questions
from crm_core.conversation.copies import Chat
from crm_core.errors import NothingToTakeBack, TooLateToTakeBack
from crm_core.messaging import card_edits, outbox
from crm_core.routing import relief, relieving
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Message, OutboxRow, Posted, Staff

DELETABLE_FOR = timedelta(hours=48)  # https://core.telegram.org/bots/api#deletemessage

_message, _outbox, _posted = Message.__table__, OutboxRow.__table__, Posted.__table__


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of words that were taken back.

    Attributes:
        was_unsent: whether the client never got any of them; otherwise they are, or were, being deleted there.
    """

    contact_id: int
    was_unsent: bool


def take_back(s: Session, *, pending_id: int, bot_id: int, chat_id: int, actor: Actor, now: datetime) -> TakenBack:
    """An operator takes back what they wrote; pressed again, nothing more happens, and the same is said.

    Args:
        pending_id: the row that says what was sent.
        bot_id, chat_id: of the pressed button; only what they wrote in that chat is theirs to take back.

    Raises NotAllowed, TooLateToTakeBack.
    """
    operator = access_operator(s, actor)
    found = questions.sent_by(s, pending_id=pending_id, bot_id=bot_id, chat_id=chat_id)
    if found is None:
        raise TooLateToTakeBack()
    contact_id, refs = found
    return _take_back(s, contact_id, refs, operator_id=operator.id, actor=actor, now=now)


def take_back_message(
    s: Session, *, bot_id: int, chat_id: int, message_id: int, actor: Actor, now: datetime
) -> TakenBack:
    """An operator takes back one message that they wrote; of an album, this part alone. Again, the same is said.

    Args:
        bot_id, chat_id, message_id: Telegram's, of the message as they wrote it.

    Raises NotAllowed, NothingToTakeBack, TooLateToTakeBack.
    """
    operator = access_operator(s, actor)
    place = {"bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
    written = execute(s, _WRITTEN, {**place, "operator_id": operator.id}).one_or_none()
    if written is None:
        raise NothingToTakeBack()
    return _take_back(s, written.contact_id, [written.id], operator_id=operator.id, actor=actor, now=now)


_WRITTEN = select(_message.c.id, _message.c.contact_id).where(
    _message.c.bot_id == bindparam("bot_id"),
    _message.c.chat_id == bindparam("chat_id"),
    _message.c.message_id == bindparam("message_id"),
    _message.c.author == "operator",
    _message.c.operator_id == bindparam("operator_id"),
)


def _take_back(
    s: Session, contact_id: int, refs: Sequence[int], *, operator_id: int, actor: Actor, now: datetime
) -> TakenBack:
    source_ids = relieving.hold(s, contact_id, operator_id=operator_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    said = execute(s, _SAID, {"refs": refs}).all()
    left = [one for one in said if one.withdrawn_at is None]
    execute(s, _DROP, {"of_contact": contact_id, "refs": [one.id for one in left], "at": now})
    copies = _copies(s, contact, refs)
    gone = {ref for ref in refs if (_client_of(contact), ref) in copies}
    if any(one.id in gone and one.created_at <= now - DELETABLE_FOR for one in left):
        raise TooLateToTakeBack()
    if left:
        withdrawn = [one.id for one in left]
        execute(s, update(_message).where(_message.c.id.in_(withdrawn)).values(withdrawn_at=now))
        happened = events.of_contact(
            events.MESSAGE_WITHDRAWN, contact, actor=actor.label, now=now, operator_id=operator_id
        )
        events.record(s, [happened])
        if source_ids is not None:
            relief.settle(s, contact_id)
        for (place, ref), copy in copies.items():
            if ref in withdrawn:
                _delete(s, contact_id, place, ref, copy.to_delete(), now)
        _mark_in_talks(s, contact, withdrawn, now)
        forum_lines.mark(s, withdrawn, now=now)
        card_edits.refresh_all(s, contact_id=contact_id, now=now, only_brief=True)
    return TakenBack(contact_id, was_unsent=not gone)


_SAID = select(_message.c.id, _message.c.created_at, _message.c.withdrawn_at).where(
    _message.c.id.in_(bindparam("refs", expanding=True))
)
_COPIED = (outbox.TO_CLIENT, outbox.TO_OPERATOR)  # to a colleague who has taken over
_ROWS_OF = (
    _outbox.c.contact_id == bindparam("of_contact"),
    _outbox.c.message_ref.in_(bindparam("refs", expanding=True)),
)
_DROP = (
    update(_outbox)
    .where(*_ROWS_OF, _outbox.c.kind.in_(_COPIED), _outbox.c.state == "pending")
    .values(state="dead", outcome="withdrawn", settled_at=bindparam("at", type_=_outbox.c.settled_at.type))
)
_ROWS = select(
    _outbox.c.bot_id,
    _outbox.c.chat_id,
    _outbox.c.kind,
    _outbox.c.message_ref,
    _outbox.c.state,
    _outbox.c.ambiguous,
    _outbox.c.result_id,
    _outbox.c.payload,
).where(*_ROWS_OF, _outbox.c.kind.in_(_COPIED))
_THERE = (
    select(_posted.c.bot_id, _posted.c.chat_id, _posted.c.message_ref, _posted.c.message_id)
    .where(_posted.c.message_ref.in_(bindparam("refs", expanding=True)))
    .order_by(_posted.c.message_id)
)


@dataclass(slots=True)
class _Copy:
    """What is known of a message in a chat, where it is or may be.

    Attributes:
        ids: Telegram's ids of its copies and of their parts.
        is_to_come: whether it is being sent, so that its id is known only afterwards.
        may_be: whether it may be there although no id is known, as Telegram's answer was lost or had none.
    """

    ids: list[int] = field(default_factory=list)
    is_to_come: bool = False
    may_be: bool = False

    def to_delete(self) -> list[int | None]:
        """What is to be deleted, None for the newest copy: of that, the id is known when it is deleted."""
        return [*self.ids, *([None] if self.is_to_come or not self.ids else [])]


def _client_of(contact: Row[Any]) -> Chat:
    return (contact.bot_id, contact.chat_id)


def _copies(s: Session, contact: Row[Any], refs: Sequence[int]) -> dict[tuple[Chat, int], _Copy]:
    """Where messages are, are going, or may be: in the client's chat, and of colleagues who have taken over.

    Of words that came again, as Telegram did not change their copy after an edit, it has every copy.
    """
    found: dict[tuple[Chat, int], _Copy] = {}
    for row in execute(s, _THERE, {"refs": list(refs)}).all():
        found.setdefault(((row.bot_id, row.chat_id), row.message_ref), _Copy()).ids.append(row.message_id)
    for row in execute(s, _ROWS, {"of_contact": contact.id, "refs": list(refs)}).all():
        parts = row.payload.get(PARTS, ())
        if row.state in ("pending", "dead") and not row.ambiguous and not parts:
            continue  # surely not there
        copy = found.setdefault(((row.bot_id, row.chat_id), row.message_ref), _Copy())
        copy.ids += parts
        copy.is_to_come |= row.state == "sending"
        copy.may_be |= bool(row.ambiguous) or row.state == "uncertain" or (row.state == "sent" and not row.result_id)
    return found


def _delete(
    s: Session, contact_id: int, place: Chat, ref: int | None, message_ids: Iterable[int | None], now: datetime
) -> None:
    """Has messages deleted; what is being sent now is deleted after it, as rows of one request go in their order.

    Args:
        ref: what they are copies of, if that was taken back: its author hears of what could not be deleted.
    """
    entries = [
        outbox.OutboxEntry(
            outbox.DELETE, *place, contact_id, ref, payload={} if number is None else {"message_id": number}
        )
        for number in message_ids
    ]
    outbox.add(s, entries, now=now)


# --- what went in parts ----------------------------------------------------------------------------------------------

PARTS = "parts"  # in the payload of a row: Telegram's ids of what its copy has besides, such as the words of a photo


def note_parts(
    s: Session, *, row_id: int, contact_id: int, message_ref: int, place: Chat, parts: Sequence[int], now: datetime
) -> None:
    """Stores what arrived of a message besides its copy, so that it can be taken back; or was, while it was sent.

    Args:
        row_id: of the outbox row by which it was sent.
    """
    lock_contact(s, contact_id)  # whoever takes it back at this moment sees these parts, or is seen here
    before = execute(s, select(_outbox.c.payload).where(_outbox.c.id == row_id)).scalar_one_or_none()
    if before is not None:
        known = {**before, PARTS: [*before.get(PARTS, ()), *parts]}
        execute(s, update(_outbox).where(_outbox.c.id == row_id).values(payload=known))
    withdrawn = select(_message.c.withdrawn_at).where(_message.c.id == message_ref)
    if execute(s, withdrawn).scalar_one() is not None:
        _delete(s, contact_id, place, message_ref, parts, now)


def delete_parts(s: Session, *, contact_id: int, message_ref: int, now: datetime) -> None:
    """Has deleted at the client's what a copy has besides, since the copy itself is about to be edited.

    A photo gets its new words as a caption, or comes again with them.
    """
    for row in execute(s, _ROWS, {"of_contact": contact_id, "refs": [message_ref]}).all():
        if row.kind == outbox.TO_CLIENT and PARTS in row.payload:
            _delete(s, contact_id, (row.bot_id, row.chat_id), None, row.payload[PARTS], now)


def was_refused(s: Session, *, row_id: int, message_ref: int, chat_id: int) -> bool:
    """Whether an earlier deletion of a part of the same message has failed already."""
    return execute(s, _REFUSED, {"ref": message_ref, "in_chat": chat_id, "row_id": row_id}).first() is not None


_REFUSED = select(_outbox.c.id).where(
    _outbox.c.message_ref == bindparam("ref"),
    _outbox.c.chat_id == bindparam("in_chat"),
    _outbox.c.kind == outbox.DELETE,
    _outbox.c.state.in_(("dead", "uncertain")),
    _outbox.c.outcome != "nothing_to_send",
    _outbox.c.id < bindparam("row_id"),
)


def may_be_there(s: Session, *, contact_id: int, message_ref: int) -> bool:
    """Whether the client may have a message although no copy of it is known."""
    contact = access_contact(s, contact_id)
    copy = _copies(s, contact, [message_ref]).get((_client_of(contact), message_ref))
    return copy is not None and copy.may_be


# --- who has taken over ----------------------------------------------------------------------------------------------

_TALKS = (
    select(_outbox.c.id, _outbox.c.bot_id, _outbox.c.chat_id, _outbox.c.payload)
    .join(Staff, Staff.telegram_id == _outbox.c.chat_id)
    .where(
        _outbox.c.contact_id == bindparam("of_contact"),
        _outbox.c.kind == outbox.TALK,
        _outbox.c.state.in_(("sending", "sent")),
        Staff.operator_id == bindparam("held_by"),
    )
    .order_by(_outbox.c.id)
)


def _mark_in_talks(s: Session, contact: Row[Any], refs: Sequence[int], now: datetime) -> None:
    """Queues edits of what the operator of a contact was shown of it when they took over.

    A talk that still waits is made without these words.
    """
    for row in execute(s, _TALKS, {"of_contact": contact.id, "held_by": contact.operator_id}).all():
        first, last = row.payload["first"], row.payload["last"]
        if "of_row" not in row.payload and any(first <= ref <= last for ref in refs):
            payload = {"first": first, "last": last, "of_row": row.id}
            entry = outbox.OutboxEntry(
                outbox.TALK, row.bot_id, row.chat_id, contact.id, payload=payload, dedup_key=f"talk:{row.id}"
            )
            outbox.add(s, [entry], now=now)
