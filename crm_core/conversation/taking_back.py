"""Words that went to a client are taken back: they are not sent, or their copy is deleted in the client's chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.conversation import questions
from crm_core.errors import TooLateToTakeBack
from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Message, OutboxRow, Posted

DELETABLE_FOR = timedelta(hours=48)  # https://core.telegram.org/bots/api#deletemessage

_message, _outbox, _posted = Message.__table__, OutboxRow.__table__, Posted.__table__


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of words that were taken back.

    Attributes:
        was_unsent: whether the client never got any of them; otherwise they are being deleted there.
    """

    contact_id: int
    was_unsent: bool


def take_back(s: Session, *, pending_id: int, bot_id: int, chat_id: int, actor: Actor, now: datetime) -> TakenBack:
    """An operator takes back what they wrote; pressed again, nothing more happens.

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
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    said = execute(s, _SAID, {"refs": refs}).all()
    if any(one.created_at <= now - DELETABLE_FOR for one in said):
        raise TooLateToTakeBack()
    left = [one.id for one in said if one.withdrawn_at is None]
    if not left:
        return TakenBack(contact_id, was_unsent=False)
    execute(s, update(_message).where(_message.c.id.in_(left)).values(withdrawn_at=now))
    happened = events.of_contact(events.MESSAGE_WITHDRAWN, contact, actor=actor.label, now=now, operator_id=operator.id)
    events.record(s, [happened])
    return TakenBack(contact_id, was_unsent=_remove(s, contact, left, now))


_SAID = select(_message.c.id, _message.c.created_at, _message.c.withdrawn_at).where(
    _message.c.id.in_(bindparam("refs", expanding=True))
)
_DROP = (
    update(_outbox)
    .where(
        _outbox.c.contact_id == bindparam("of_contact"),
        _outbox.c.message_ref.in_(bindparam("refs", expanding=True)),
        _outbox.c.kind == outbox.TO_CLIENT,
        _outbox.c.state == "pending",
    )
    .values(state="dead", outcome="withdrawn", settled_at=bindparam("at", type_=_outbox.c.settled_at.type))
)
_COPIES = select(_outbox.c.message_ref, _outbox.c.state, _outbox.c.ambiguous).where(
    _outbox.c.contact_id == bindparam("of_contact"),
    _outbox.c.message_ref.in_(bindparam("refs", expanding=True)),
    _outbox.c.kind == outbox.TO_CLIENT,
    _outbox.c.state.in_(("dead", "sending")),
)
_THERE = (
    select(_posted.c.message_ref, _posted.c.message_id)
    .where(
        _posted.c.message_ref.in_(bindparam("refs", expanding=True)),
        _posted.c.bot_id + 0 == bindparam("of_bot"),  # or SQLite reads everything that was posted in the chat
        _posted.c.chat_id == bindparam("of_chat"),
    )
    .order_by(_posted.c.message_id)
)


def _remove(s: Session, contact: Row[Any], refs: Sequence[int], now: datetime) -> bool:
    """Gives up what waits to be sent, and has the rest deleted. Returns whether all of it was still waiting.

    What is being sent right now is deleted after it: rows of one request go in their order. Of words that came again,
    as Telegram did not change their copy after an edit, every copy is deleted.
    """
    these = {"of_contact": contact.id, "refs": list(refs)}
    execute(s, _DROP, {**these, "at": now})
    copies = execute(s, _COPIES, these).all()
    sending = {one.message_ref for one in copies if one.state == "sending"}
    place = {"of_bot": contact.bot_id, "of_chat": contact.chat_id}
    there: dict[int, list[int]] = {}
    for row in execute(s, _THERE, {**place, "refs": list(refs)}).all():
        there.setdefault(row.message_ref, []).append(row.message_id)
    lost = {one.message_ref for one in copies if one.state == "dead" and not one.ambiguous}
    rest = [ref for ref in refs if ref not in lost - sending - there.keys()]
    if contact.chat_id is not None:
        for ref in rest:
            posted = there.get(ref, [])
            earlier = posted if ref in sending else posted[:-1]  # the newest is known when it is deleted
            payloads: list[dict[str, Any]] = [*({"message_id": one} for one in earlier), {}]
            entries = [
                outbox.OutboxEntry(outbox.DELETE, contact.bot_id, contact.chat_id, contact.id, ref, payload=payload)
                for payload in payloads
            ]
            outbox.add(s, entries, now=now)
    return not rest
