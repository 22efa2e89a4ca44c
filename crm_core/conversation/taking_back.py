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
from crm_core.storage.tables import Message, OutboxRow

DELETABLE_FOR = timedelta(hours=48)  # https://core.telegram.org/bots/api#deletemessage

_message, _outbox = Message.__table__, OutboxRow.__table__


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
_NEVER_ARRIVED = select(_outbox.c.message_ref).where(
    _outbox.c.contact_id == bindparam("of_contact"),
    _outbox.c.message_ref.in_(bindparam("refs", expanding=True)),
    _outbox.c.kind == outbox.TO_CLIENT,
    _outbox.c.state == "dead",
    _outbox.c.ambiguous == 0,
)


def _remove(s: Session, contact: Row[Any], refs: Sequence[int], now: datetime) -> bool:
    """Gives up what waits to be sent, and has the rest deleted. Returns whether all of it was still waiting.

    What is being sent right now is deleted after it: rows of one request go in their order.
    """
    these = {"of_contact": contact.id, "refs": list(refs)}
    execute(s, _DROP, {**these, "at": now})
    unsent = set(execute(s, _NEVER_ARRIVED, these).scalars())
    rest = [ref for ref in refs if ref not in unsent]
    if contact.chat_id is not None:
        entries = [outbox.OutboxEntry(outbox.DELETE, contact.bot_id, contact.chat_id, contact.id, ref) for ref in rest]
        outbox.add(s, entries, now=now)
    return not rest
