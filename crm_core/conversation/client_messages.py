"""Messages of clients: each joins an open contact or opens one. Those of operators are in `operator_messages`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from crm_core.contacts import lifecycle, snoozing
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import late_messages
from crm_core.conversation.known_clients import KnownClient, find, identify, pin_source, with_own_request
from crm_core.errors import SourceOff, UnknownCommand
from crm_core.events import NewEvent
from crm_core.messaging import forum_rows, messages, outbox
from crm_core.messaging.alerts import is_past
from crm_core.messaging.messages import MessageContent
from crm_core.routing import queue, relief
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.execute import execute_count
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import (
    Chat,
    Contact,
    Source,
    Staff,
)

_chat, _contact = Chat.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The contact that a client's message joined; `is_new` if the message opened it."""

    contact_id: int
    lead_id: int
    is_new: bool


def receive(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    content: MessageContent,
    now: datetime,
    rng: Rng,
    is_command: bool = False,
    further: Sequence[MessageContent] = (),
) -> ReceivedMessage:
    """A client wrote: the message joins their open contact at the chat's source, or opens one.

    A Telegram reply to a message of another open contact of theirs joins that one. If the source of a link was switched
    off meanwhile, the message is for the bot's own source.

    Args:
        is_command: whether it is a command that nobody knows, and nothing else: that opens no contact.
        further: the other parts of the album that `content` is the first one of, if they came with it.

    Raises IsStaff, and where no contact is open UnknownCommand, or SourceOff if the source takes no new ones.
    """
    said = [content, *further]
    received, rest = _receive(
        s, said, bot_id=bot_id, chat_id=chat_id, person=person, now=now, rng=rng, is_command=is_command
    )
    while rest:
        _, rest = _receive(s, rest, bot_id=bot_id, chat_id=chat_id, person=person, now=now, rng=rng)
    return received


def _receive(
    s: Session,
    said: Sequence[MessageContent],
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    now: datetime,
    rng: Rng,
    is_command: bool = False,
) -> tuple[ReceivedMessage, Sequence[MessageContent]]:
    """`receive` for the first of several messages, and those after it that may be added with it.

    Returns the contact, and the messages that are left.
    """
    happened: list[NewEvent] = []  # a new client, whose message opens a contact, or is refused and leaves no trace
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, happened=happened)
    content = said[0]
    alike = list(takewhile(lambda one: one.reply_to == content.reply_to, said))
    joined, known = _join_open(s, known, bot_id, chat_id, alike, now, rng)
    if joined is not None:
        return ReceivedMessage(joined, known.lead_id, is_new=False), said[len(alike) :]
    if is_command:
        raise UnknownCommand()
    # Whoever came by a source link again means something new.
    closed = None
    if known.booked is None and not known.is_newcomer:
        closed = late_messages.closed_lately(s, lead_id=known.lead_id, bot_id=bot_id, chat_id=chat_id, now=now)
    if closed is not None:
        is_late = late_messages.join(s, closed, content, now=now)
        if is_late is None:
            return _receive(s, said, bot_id=bot_id, chat_id=chat_id, person=person, now=now, rng=rng)
        if is_late:
            return ReceivedMessage(closed.id, known.lead_id, is_new=False), said[1:]
    if not known.source.is_active:
        if known.booked is None:
            raise SourceOff(source=known.source.name)
        pin_source(s, bot_id, chat_id, None)
        return _receive(s, said, bot_id=bot_id, chat_id=chat_id, person=person, now=now, rng=rng)
    chat = lifecycle.ClientChat(bot_id, chat_id)
    queue.prefetch_line(s, known.source.id)
    lifecycle.announce_opening(s, known.source.id, content)
    opened = lifecycle.open_contact(
        s,
        source=known.source,
        lead_id=known.lead_id,
        content=content,
        chat=chat,
        now=now,
        rng=rng,
        happened=happened,
    )
    return ReceivedMessage(opened.id, known.lead_id, is_new=True), said[1:]


def _join_open(
    s: Session,
    known: KnownClient,
    bot_id: int,
    chat_id: int,
    said: Sequence[MessageContent],
    now: datetime,
    rng: Rng,
) -> tuple[int | None, KnownClient]:
    """Adds messages, which all reply to the same if to anything, to the open contact that they are for.

    Returns the contact's id, None if none is open, and the client as they are now: a contact that was closed meanwhile
    has ended its source link, too.
    """
    answered, woken_at = None, set[int]()
    if said[0].reply_to is not None:
        answered = messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=said[0].reply_to)
    while True:
        target: KnownClient | Row[Any] = known
        if answered is not None and answered.contact_id != known.contact_id:
            target = _open_contact_of(s, answered.contact_id, lead_id=known.lead_id) or known
        if target.contact_id is None:
            return None, known
        if target.wakes_at is not None:
            woken_at = snoozing.hold_sleeping(s, [target])
        elif target.waiting_load < relief.WHOLE and target.operator_id is not None:
            hold_operators(s, [target.operator_id])
        if lock_contact(s, target.contact_id, version=target.version):
            break
        # It was closed or assigned to somebody else after we read it and before we locked it.
        known = find(s, bot_id=bot_id, chat_id=chat_id) or known
        if known.is_staff:
            known = with_own_request(s, known, bot_id, chat_id)
    is_about_it = answered is not None and answered.contact_id == target.contact_id
    originals = messages.store_all(
        s,
        said,
        contact_id=target.contact_id,
        author="client",
        now=now,
        reply_to=answered.message_ref if answered is not None and is_about_it else None,
    )
    stays = True
    if target.waiting_load < relief.WHOLE:
        relief.settle(s, target.contact_id)
    if target.wakes_at is not None:
        stays = snoozing.wake_by_client(s, contact_id=target.contact_id, source_ids=woken_at, now=now, rng=rng)
    if target.operator_chat is not None and stays:
        to = (bot_id, target.operator_chat, target.contact_id)
        outbox.add(s, [messages.copy(outbox.TO_OPERATOR, one, *to) for one in originals], now=now)
    forum_rows.add(s, target.contact_id, bot_id=target.forum_bot_id, chat_id=target.forum_chat_id, now=now)
    return int(target.contact_id), known


_OPEN_OF = (
    select(
        _contact.c.id.label("contact_id"),
        _contact.c.version,
        _contact.c.wakes_at,
        _contact.c.operator_id,
        _contact.c.source_id,
        Source.waiting_load,
        Source.forum_bot_id,
        Source.forum_chat_id,
        Staff.telegram_id.label("operator_chat"),
    )
    .join(Source, Source.id == _contact.c.source_id)
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.status != "closed",
    )
)


def _open_contact_of(s: Session, contact_id: int, *, lead_id: int) -> Row[Any] | None:
    return s.execute(_OPEN_OF, {"contact_id": contact_id, "lead_id": lead_id}).one_or_none()


SLOWED_AGAIN = timedelta(minutes=10)  # one notice for one flood


def notify_slowed(s: Session, *, bot_id: int, chat_id: int, language: str | None, now: datetime) -> bool:
    """Notifies a client, at most once in ten minutes, that they write faster than messages are passed on.

    Returns whether a notice was queued.
    """
    is_due = execute_count(
        s,
        update(_chat)
        .where(
            _chat.c.bot_id == bot_id,
            _chat.c.chat_id == chat_id,
            or_(_chat.c.slowed_at.is_(None), is_past(_chat.c.slowed_at, SLOWED_AGAIN, now=now)),
        )
        .values(slowed_at=now),
    )
    if is_due:
        payload = {"code": "slowed", "language": language}
        outbox.add(s, [outbox.OutboxEntry(outbox.CLIENT_NOTICE, bot_id, chat_id, payload=payload)], now=now)
    return bool(is_due)
