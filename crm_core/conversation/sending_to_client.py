"""What operators say on its way to their clients: stored, counted as their answer, and queued for the client's chat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_holder, access_operator
from crm_core.contacts import checks, lifecycle
from crm_core.errors import ClientUnreachable, ContactHasNoChat
from crm_core.messaging import forum_rows, messages, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing import offers, relieving
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Chat, Contact, Source, Staff, StaffChat

_chat, _contact = Chat.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class Writer:
    """The operator in whose name a message is written, and who writes it: that operator, or an API key for them.

    Attributes:
        rng: for what is given out, where a contact that waits for its client counts less (`crm_core.routing.relief`).
    """

    operator_id: int
    actor: Actor
    rng: Rng | None = None


def send_to_client(
    s: Session,
    *,
    contact_id: int,
    content: MessageContent,
    actor: Actor,
    now: datetime,
    reply_to: int | None = None,
    rng: Rng | None = None,
) -> None:
    """Sends an operator's message to the client of a contact that they hold; the first message takes the contact.

    Args:
        reply_to: the stored message that it answers.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactElsewhere, ClientUnreachable,
    ContactHasNoChat.
    """
    operator = access_operator(s, actor)
    send(s, contact_id, content, Writer(operator.id, actor, rng), now=now, reply_to=reply_to)


def send(
    s: Session, contact_id: int, content: MessageContent, writer: Writer, *, now: datetime, reply_to: int | None = None
) -> int:
    """`send_to_client` for an operator who is already authorised. Returns the stored message's id."""
    source_ids = relieving.hold(s, contact_id, operator_id=writer.operator_id)
    # Before the contact is locked; an answer takes what is offered.
    offers.answered(s, contact_id=contact_id, operator_id=writer.operator_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    checks.check_holder(s, contact, writer.operator_id)
    if contact.chat_id is None:
        raise ContactHasNoChat(contact=contact_id, is_new=contact.status == "new")
    checks.check_bot(s, contact, content.bot_id)  # a bot can copy only messages of its own chats
    ref = _append(s, contact, content, writer, now=now, reply_to=reply_to)
    _give_out(s, contact_id, writer, source_ids=source_ids, now=now)
    return ref


def _give_out(s: Session, contact_id: int, writer: Writer, *, source_ids: set[int] | None, now: datetime) -> None:
    """What is answered may count less now, so that there is room for something else."""
    relieving.settle_and_give_out(s, contact_id, source_ids=source_ids, actor=writer.actor, now=now, rng=writer.rng)


def _append(
    s: Session,
    contact: Row[Any],
    content: MessageContent,
    writer: Writer,
    *,
    now: datetime,
    reply_to: int | None = None,
) -> int:
    """Stores an operator's message, and queues it for the client if they are in Telegram. Returns the message's id.

    The contact is locked, and held by the operator.
    """
    chat = {"bot_id": contact.bot_id, "chat_id": contact.chat_id}
    where: Any = execute(s, _WHERE, {**chat, "source_id": contact.source_id}).one()
    if where.is_blocked:
        raise ClientUnreachable(contact=contact.id)
    if contact.status == "new":
        lifecycle.mark_taken(s, contact, operator_id=writer.operator_id, actor=writer.actor, now=now, by_answer=True)
    original = messages.store(
        s, content, contact_id=contact.id, author="operator", now=now, operator_id=writer.operator_id, reply_to=reply_to
    )
    if contact.replied_at is None:
        _record_first_reply(s, contact, writer, now)
    if contact.chat_id is not None:
        payload = {"is_rewritten": True} if content.is_rewritten else {}
        copy = messages.copy(outbox.TO_CLIENT, original, contact.bot_id, contact.chat_id, contact.id, **payload)
        outbox.add(s, [copy], now=now)
    forum_rows.add(s, contact.id, bot_id=where.forum_bot_id, chat_id=where.forum_chat_id, now=now)
    return original.id


def _record_first_reply(s: Session, contact: Row[Any], writer: Writer, now: datetime) -> None:
    s.execute(update(_contact).where(_contact.c.id == contact.id).values(replied_at=now))
    replied = events.of_contact(
        events.REPLIED, contact, actor=writer.actor.label, now=now, operator_id=writer.operator_id
    )
    events.record(s, [replied])


def reply_via_api(
    s: Session,
    *,
    contact_id: int,
    text: str,
    actor: Actor,
    now: datetime,
    operator_id: int | None = None,
    version: int | None = None,
    rng: Rng | None = None,
) -> int:
    """A message that another system writes in the name of the operator who holds a contact; they see it in their chat.

    A client in Telegram gets it there, in order with everything else. Any other client reads it in that system.

    Args:
        text: at most what one message of Telegram holds, and not blank.
        operator_id: in whose name, so that a message meant for one operator is never sent by another; None: the holder.
        version: of the contact as the caller knows it; None skips the check.

    Returns the message's id.
    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated, ClientUnreachable.
    """
    holder = access_holder(s, actor, contact_id)
    source_ids = relieving.hold(s, contact_id, operator_id=holder)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    holder = holder if operator_id is None else operator_id
    checks.check_holder(s, contact, holder)
    checks.check_version(contact, version)
    writer = Writer(holder, actor, rng)
    message_id = _append(s, contact, MessageContent("text", text=text), writer, now=now)
    _give_out(s, contact_id, writer, source_ids=source_ids, now=now)
    chat_id = s.execute(_CHAT_OF, {"operator_id": holder, "bot_id": contact.bot_id}).scalar_one_or_none()
    if chat_id is not None:
        shown = outbox.OutboxEntry(
            outbox.TO_OPERATOR, contact.bot_id, chat_id, contact_id, message_id, payload={"in_your_name": True}
        )
        outbox.add(s, [shown], now=now)
    return message_id


_CHAT_OF = (
    select(Staff.telegram_id)
    .join(StaffChat, StaffChat.telegram_id == Staff.telegram_id)
    .where(
        Staff.operator_id == bindparam("operator_id"),
        StaffChat.bot_id == bindparam("bot_id"),
        StaffChat.is_reachable.is_(True),
    )
)
_WHERE = (
    select(_chat.c.is_blocked, Source.forum_bot_id, Source.forum_chat_id)
    .select_from(Source)
    .outerjoin(_chat, and_(_chat.c.bot_id == bindparam("bot_id"), _chat.c.chat_id == bindparam("chat_id")))
    .where(Source.id == bindparam("source_id"))
)
