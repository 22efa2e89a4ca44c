"""Messages of operators: each goes to the client that it is for, or the operator is asked; nothing is guessed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_holder, access_operator
from crm_core.contacts import checks, lifecycle
from crm_core.errors import (
    ChoiceExpired,
    ClientUnreachable,
    CommandNotSent,
    ContactHasNoChat,
    NotCopyable,
    NothingOpen,
)
from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import MessageContent, Target
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Chat, Contact, Lead, PendingReply, Staff, StaffChat

_chat, _lead, _contact = Chat.__table__, Lead.__table__, Contact.__table__
_pending = PendingReply.__table__


@dataclass(frozen=True, slots=True)
class Option:
    """A contact that an operator's message may be for."""

    contact_id: int
    lead_name: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """An operator's message was queued for the client of this contact."""

    contact_id: int


@dataclass(frozen=True, slots=True)
class NeedsTarget:
    """It is not clear which contact a message is for: it waits under this id until the operator chooses one.

    `options` is empty for a further item of an album that was asked about already.
    """

    pending_id: int
    options: list[Option]


def route(
    s: Session, *, actor: Actor, content: MessageContent, now: datetime, album: str | None = None
) -> Sent | NeedsTarget:
    """An operator wrote to a bot: a reply goes where it points, another message to their one contact in progress.

    The operator is asked where several contacts are in progress, where none of theirs is, and where they reply to a
    message of which it is not known to what contact it belongs. The items of an album go where its first item went.

    Args:
        album: Telegram's id of the album (media group) that the message belongs to.

    Raises NotAllowed, NothingOpen, ContactClosed, ContactHeld, ClientUnreachable, ContactHasNoChat, NotCopyable,
    CommandNotSent, NotRecordedYet.
    """
    operator = access_operator(s, actor)
    _check_sendable(content)
    target = _replied_to(s, content)
    begun = None if album is None else _album(s, content, album)
    if target is None and begun is not None and begun.contact_id is not None:
        target = Target(begun.contact_id, None)
    if target is None:
        options = _open_contacts(s, operator_id=operator.id, bot_id=content.bot_id)
        if not options:
            raise NothingOpen()
        taken = [option for option, status in options if status == "in_progress" and content.reply_to is None]
        if begun is not None or len(taken) != 1:
            return _ask(s, content, begun, album=album, options=taken or [option for option, _ in options], now=now)
        target = Target(taken[0].contact_id, None)
    writer = _Writer(operator.id, actor)
    _send(s, target.contact_id, content, writer, now=now, reply_to=target.message_ref)
    if album is not None and begun is None:
        _keep(s, content, now, album=album, contact_id=target.contact_id, kept=[])
    return Sent(target.contact_id)


def _check_sendable(content: MessageContent) -> None:
    """Raises NotCopyable, CommandNotSent."""
    if not content.can_copy:
        raise NotCopyable(kind=content.kind)
    if content.text is not None and content.text.startswith("/"):
        raise CommandNotSent()


def _replied_to(s: Session, content: MessageContent) -> Target | None:
    """What a Telegram reply points to, as far as it is known. Raises NotRecordedYet."""
    if content.bot_id is None or content.chat_id is None:
        raise ValueError("an operator's message comes from a chat")
    if content.reply_to is None:
        return None
    return messages.reply_target(s, bot_id=content.bot_id, chat_id=content.chat_id, message_id=content.reply_to)


_HELD_IN = (
    select(_contact.c.id, _lead.c.full_name, _contact.c.message, _contact.c.status)
    .join(_lead, _lead.c.id == _contact.c.lead_id)
    .where(
        _contact.c.operator_id == bindparam("operator_id"),
        OPEN,
        _contact.c.bot_id == bindparam("bot_id"),
        _contact.c.chat_id.is_not(None),
    )
    .order_by(_contact.c.id)
)


def _open_contacts(s: Session, *, operator_id: int, bot_id: int | None) -> list[tuple[Option, str]]:
    """An operator's open contacts that one bot speaks for, each with its status."""
    rows = s.execute(_HELD_IN, {"operator_id": operator_id, "bot_id": bot_id})
    return [(Option(row.id, row.full_name, row.message), row.status) for row in rows]


@dataclass(frozen=True, slots=True)
class _Writer:
    """The operator in whose name a message is written, and who writes it: that operator, or an API key for them."""

    operator_id: int
    actor: Actor


def send_to_client(
    s: Session, *, contact_id: int, content: MessageContent, actor: Actor, now: datetime, reply_to: int | None = None
) -> None:
    """Sends an operator's message to the client of a contact that they hold; the first message takes the contact.

    Args:
        reply_to: the stored message that it answers.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactElsewhere, ClientUnreachable,
    ContactHasNoChat.
    """
    operator = access_operator(s, actor)
    _send(s, contact_id, content, _Writer(operator.id, actor), now=now, reply_to=reply_to)


def _send(
    s: Session, contact_id: int, content: MessageContent, writer: _Writer, *, now: datetime, reply_to: int | None = None
) -> None:
    """`send_to_client` for an operator who is already authorised."""
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    checks.check_holder(s, contact, writer.operator_id)
    if contact.chat_id is None:
        raise ContactHasNoChat(contact=contact_id)
    checks.check_bot(s, contact, content.bot_id)  # a bot can copy only messages of its own chats
    _append(s, contact, content, writer, now=now, reply_to=reply_to)


def _append(
    s: Session,
    contact: Row[Any],
    content: MessageContent,
    writer: _Writer,
    *,
    now: datetime,
    reply_to: int | None = None,
) -> int:
    """Stores an operator's message, and queues it for the client if they are in Telegram. Returns the message's id.

    The contact is locked, and held by the operator.
    """
    chat = {"bot_id": contact.bot_id, "chat_id": contact.chat_id}
    if contact.chat_id is not None and s.execute(_IS_BLOCKED, chat).scalar_one():
        raise ClientUnreachable(contact=contact.id)
    if contact.status == "new":
        lifecycle.mark_taken(s, contact, operator_id=writer.operator_id, actor=writer.actor, now=now, by_answer=True)
    original = messages.store(
        s, content, contact_id=contact.id, author="operator", now=now, operator_id=writer.operator_id, reply_to=reply_to
    )
    if contact.replied_at is None:
        _record_first_reply(s, contact, writer, now)
    if contact.chat_id is not None:
        copy = outbox.OutboxEntry(outbox.TO_CLIENT, **chat, contact_id=contact.id, message_ref=original.id)
        outbox.add(s, [copy], now=now)
    return original.id


def _record_first_reply(s: Session, contact: Row[Any], writer: _Writer, now: datetime) -> None:
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
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    holder = holder if operator_id is None else operator_id
    checks.check_holder(s, contact, holder)
    checks.check_version(contact, version)
    message_id = _append(s, contact, MessageContent("text", text=text), _Writer(holder, actor), now=now)
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
_IS_BLOCKED = select(_chat.c.is_blocked).where(
    _chat.c.bot_id == bindparam("bot_id"), _chat.c.chat_id == bindparam("chat_id")
)


# --- messages that wait for the operator to choose their contact -----------------------------------------------------


def _album(s: Session, content: MessageContent, album: str) -> Row[Any] | None:
    """The row of an album's earlier items: they wait, or were sent to `contact_id`."""
    query = (
        select(_pending.c.id, _pending.c.messages, _pending.c.contact_id)
        .where(_pending.c.bot_id == content.bot_id, _pending.c.chat_id == content.chat_id, _pending.c.album == album)
        .order_by(_pending.c.id.desc())
        .limit(1)
    )
    return execute(s, query).one_or_none()


def _ask(
    s: Session,
    content: MessageContent,
    begun: Row[Any] | None,
    *,
    album: str | None,
    options: list[Option],
    now: datetime,
) -> NeedsTarget:
    """Keeps a message until its contact is chosen; the items of an album are kept, and asked about, together."""
    kept = {"kind": content.kind, "text": content.text, "entities": content.entities, "message_id": content.message_id}
    if begun is not None:
        s.execute(update(_pending).where(_pending.c.id == begun.id).values(messages=[*begun.messages, kept]))
        return NeedsTarget(begun.id, [])
    return NeedsTarget(_keep(s, content, now, album=album, contact_id=None, kept=[kept]), options)


def _keep(
    s: Session,
    content: MessageContent,
    now: datetime,
    *,
    album: str | None,
    contact_id: int | None,
    kept: list[dict[str, Any]],
) -> int:
    values = {
        "bot_id": content.bot_id,
        "chat_id": content.chat_id,
        "album": album,
        "contact_id": contact_id,
        "messages": kept,
        "created_at": now,
    }
    pending_id: int = s.execute(insert(_pending).returning(_pending.c.id), values).scalar_one()
    return pending_id


def send_pending(
    s: Session, *, pending_id: int, contact_id: int, bot_id: int, chat_id: int, actor: Actor, now: datetime
) -> int:
    """The operator chose the contact that their waiting messages are for. Returns how many were sent.

    Args:
        bot_id, chat_id: of the pressed button; only what they wrote in that chat is theirs to send.

    Raises ChoiceExpired where they were sent already, and what `send_to_client` raises; then they go on waiting.
    """
    writer = _Writer(access_operator(s, actor).id, actor)
    mine = (
        _pending.c.id == pending_id,
        _pending.c.bot_id == bot_id,
        _pending.c.chat_id == chat_id,
        _pending.c.contact_id.is_(None),
    )
    waiting = s.execute(select(_pending.c.messages).where(*mine).with_for_update()).scalar_one_or_none()
    if waiting is None:
        raise ChoiceExpired()
    # The row stays for some days: a late item of an album goes where the others went.
    chosen = update(_pending).where(*mine).values(contact_id=contact_id, messages=[])
    change_one(s, chosen, otherwise=ChoiceExpired())
    for kept in waiting:
        content = MessageContent(**kept, bot_id=bot_id, chat_id=chat_id)
        _send(s, contact_id, content, writer, now=now)
    return len(waiting)


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7), at_most: int = BATCH) -> int:
    """Deletes questions that nobody has answered for so long, and where albums went. Returns how many rows."""
    return delete_batch(s, _pending, _pending.c.created_at < now - keep, at_most=at_most)
