"""What operators say: it reaches the client it is meant for, or they are asked; never a guess, never a loss."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_holder, access_operator
from crm_core.contacts import lifecycle as contacts
from crm_core.errors import (
    ChoiceExpired,
    ClientUnreachable,
    CommandNotSent,
    ContactHasNoChat,
    NotCopyable,
    NothingOpen,
)
from crm_core.events import NewEvent
from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import MessageContent, Target
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Chat, Contact, Lead, PendingReply, Staff, StaffChat

_chat, _lead, _contact = Chat.__table__, Lead.__table__, Contact.__table__
_pending = PendingReply.__table__


@dataclass(frozen=True, slots=True)
class Option:
    """A contact that an operator's words may be for."""

    contact_id: int
    lead_name: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """An operator's words are on their way to the client of this contact."""

    contact_id: int


@dataclass(frozen=True, slots=True)
class NeedsTarget:
    """Nobody can tell whom the words are for: they wait under this id until the operator says.

    `options` is empty for a further item of an album that was asked about already.
    """

    pending_id: int
    options: list[Option]


def route(
    s: Session, *, actor: Actor, words: MessageContent, now: datetime, album: str | None = None
) -> Sent | NeedsTarget:
    """An operator wrote to a bot: a reply goes where it points, other words to his one contact in progress.

    With several in progress, or none that is taken, he is asked; so he is when he replies to something of which nobody
    knows to what contact it belongs. Nothing is guessed and nothing is lost. The items of an album go where its first
    item went.

    Raises NotAllowed, NothingOpen, ContactClosed, ContactHeld, ClientUnreachable, ContactHasNoChat, NotCopyable,
    CommandNotSent, NotRecordedYet.
    """
    operator = access_operator(s, actor)
    if not words.can_copy:
        raise NotCopyable(kind=words.kind)
    if words.text is not None and words.text.startswith("/"):
        raise CommandNotSent()
    if words.bot_id is None or words.chat_id is None:
        raise ValueError("an operator's words come from a chat")
    target = None
    if words.reply_to is not None:
        target = messages.reply_target(s, bot_id=words.bot_id, chat_id=words.chat_id, message_id=words.reply_to)
    begun = None if album is None else _album(s, words, album)
    if target is None and begun is not None and begun.contact_id is not None:
        target = Target(begun.contact_id, None)
    if target is None:
        options = _open_contacts(s, operator_id=operator.id, bot_id=words.bot_id)
        if not options:
            raise NothingOpen()
        taken = [option for option, status in options if status == "in_progress" and words.reply_to is None]
        if begun is not None or len(taken) != 1:
            return _ask(s, words, begun, album=album, options=taken or [option for option, _ in options], now=now)
        target = Target(taken[0].contact_id, None)
    send_to_client(s, contact_id=target.contact_id, words=words, actor=actor, now=now, reply_to=target.message_ref)
    if album is not None and begun is None:
        _keep(s, words, now, album=album, contact_id=target.contact_id, kept=[])
    return Sent(target.contact_id)


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


def _open_contacts(s: Session, *, operator_id: int, bot_id: int) -> list[tuple[Option, str]]:
    rows = s.execute(_HELD_IN, {"operator_id": operator_id, "bot_id": bot_id})
    return [(Option(row.id, row.full_name, row.message), row.status) for row in rows]


def send_to_client(
    s: Session, *, contact_id: int, words: MessageContent, actor: Actor, now: datetime, reply_to: int | None = None
) -> None:
    """Sends an operator's words to the client of a contact that he holds; the first words take it.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactElsewhere, ClientUnreachable,
    ContactHasNoChat.
    """
    operator = access_operator(s, actor)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    contacts.check_holder(s, contact, operator.id)
    if contact.chat_id is None:
        raise ContactHasNoChat(contact=contact_id)
    contacts.check_bot(s, contact, words.bot_id)  # a bot can copy only what stands in its own chats
    _append(s, contact, words, operator_id=operator.id, actor=actor, now=now, reply_to=reply_to)


def _append(
    s: Session,
    contact: Row[Any],
    words: MessageContent,
    *,
    operator_id: int,
    actor: Actor,
    now: datetime,
    reply_to: int | None,
) -> int:
    """Keeps an operator's words and sends them to the client, if he is in Telegram. Returns the message's id."""
    chat = {"bot_id": contact.bot_id, "chat_id": contact.chat_id}
    if contact.chat_id is not None and s.execute(_IS_BLOCKED, chat).scalar_one():
        raise ClientUnreachable(contact=contact.id)
    if contact.status == "new":
        contacts.take(s, contact_id=contact.id, version=None, actor=actor, now=now)
    original = messages.store(
        s, words, contact_id=contact.id, author="operator", now=now, operator_id=operator_id, reply_to=reply_to
    )
    if contact.replied_at is None:
        s.execute(update(_contact).where(_contact.c.id == contact.id).values(replied_at=now))
        replied = NewEvent(
            events.REPLIED,
            now,
            actor.label,
            contact_id=contact.id,
            source_id=contact.source_id,
            operator_id=operator_id,
        )
        events.record(s, [replied])
    if contact.chat_id is not None:
        outbox.add(
            s, [outbox.OutboxEntry(outbox.TO_CLIENT, **chat, contact_id=contact.id, message_ref=original.id)], now=now
        )
    return original.id


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
    """Words that another system writes in the name of whoever holds a contact; he sees them in his chat too.

    A client in Telegram gets them there, in order with everything else. Any other reads them where he came from.

    Args:
        text: at most what one message of Telegram holds, and not blank.
        operator_id: in whose name, so that words meant for one are never said by another; None: whoever holds it.
        version: of the contact as the writer knows it; None where that does not matter.

    Returns the message's id.
    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated, ClientUnreachable.
    """
    holder = access_holder(s, actor, contact_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    holder = holder if operator_id is None else operator_id
    contacts.check_holder(s, contact, holder)
    contacts.check_version(contact, version)
    words = MessageContent("text", text=text)
    message_id = _append(s, contact, words, operator_id=holder, actor=actor, now=now, reply_to=None)
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


# --- words that wait for him to say whom they are for ----------------------------------------------------------------


def _album(s: Session, words: MessageContent, album: str) -> Row[Any] | None:
    """What became of the earlier items of an album: they wait, or have gone to `contact_id`."""
    query = (
        select(_pending.c.id, _pending.c.messages, _pending.c.contact_id)
        .where(_pending.c.bot_id == words.bot_id, _pending.c.chat_id == words.chat_id, _pending.c.album == album)
        .order_by(_pending.c.id.desc())
        .limit(1)
    )
    return execute(s, query).one_or_none()


def _ask(
    s: Session,
    words: MessageContent,
    begun: Row[Any] | None,
    *,
    album: str | None,
    options: list[Option],
    now: datetime,
) -> NeedsTarget:
    """Keeps words until their contact is known; the items of an album are kept, and asked about, together."""
    kept = {"kind": words.kind, "text": words.text, "entities": words.entities, "message_id": words.message_id}
    if begun is not None:
        s.execute(update(_pending).where(_pending.c.id == begun.id).values(messages=[*begun.messages, kept]))
        return NeedsTarget(begun.id, [])
    return NeedsTarget(_keep(s, words, now, album=album, contact_id=None, kept=[kept]), options)


def _keep(
    s: Session,
    words: MessageContent,
    now: datetime,
    *,
    album: str | None,
    contact_id: int | None,
    kept: list[dict[str, Any]],
) -> int:
    values = {
        "bot_id": words.bot_id,
        "chat_id": words.chat_id,
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
    """The operator said for which contact his waiting words are. Returns how many messages went.

    Args:
        bot_id, chat_id: where he pressed; only what he wrote there is his.

    Raises ChoiceExpired where they have gone already, and what `pass_on` raises; then they go on waiting.
    """
    access_operator(s, actor)
    mine = (
        _pending.c.id == pending_id,
        _pending.c.bot_id == bot_id,
        _pending.c.chat_id == chat_id,
        _pending.c.contact_id.is_(None),
    )
    waiting = s.execute(select(_pending.c.messages).where(*mine).with_for_update()).scalar_one_or_none()
    # The row stays for a while: a late item of an album goes where the others went.
    if (
        waiting is None
        or execute_count(s, update(_pending).where(*mine).values(contact_id=contact_id, messages=[])) != 1
    ):
        raise ChoiceExpired()
    for kept in waiting:
        words = MessageContent(**kept, bot_id=bot_id, chat_id=chat_id)
        send_to_client(s, contact_id=contact_id, words=words, actor=actor, now=now)
    return len(waiting)


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7)) -> int:
    """Forgets questions that nobody has answered for so long, and where albums went. Returns how many."""
    return execute_count(s, delete(_pending).where(_pending.c.created_at < now - keep))
