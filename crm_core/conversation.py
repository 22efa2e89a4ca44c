"""The two sides of a contact talking: a client's words find their contact, an operator's words find their client."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from crm_core import assignment, contacts, events, leads, messages, outbox
from crm_core.access import Actor, access_contact, access_operator
from crm_core.assignment import Chance
from crm_core.errors import (
    ChoiceExpired,
    ClientUnreachable,
    CommandNotSent,
    ContactHasNoChat,
    IsStaff,
    NotCopyable,
    NothingOpen,
    SourceOff,
)
from crm_core.events import Happened
from crm_core.leads import LeadFacts
from crm_core.messages import Words
from crm_core.storage.rows import changed, run
from crm_core.storage.tables import Chat, Contact, Lead, Message, PendingReply, Posted, Source, Staff

_chat, _lead, _contact, _message = Chat.__table__, Lead.__table__, Contact.__table__, Message.__table__

# --- clients ---------------------------------------------------------------------------------------------------------

_writer = aliased(Staff)
_KNOWN = (
    select(
        _chat.c.lead_id,
        _chat.c.is_blocked,
        _lead.c.full_name,
        _lead.c.username,
        _lead.c.language,
        exists().where(_writer.telegram_id == _chat.c.chat_id).correlate(_chat).label("is_staff"),
        Source.id.label("source_id"),
        _contact.c.id.label("contact_id"),
        _contact.c.operator_id,
        Staff.telegram_id.label("operator_chat"),
    )
    .select_from(_chat)
    .join(_lead, _lead.c.id == _chat.c.lead_id)
    .join(
        Source,
        or_(
            Source.id == _chat.c.source_id,
            and_(_chat.c.source_id.is_(None), Source.bot_id == _chat.c.bot_id, Source.slug.is_(None)),
        ),
    )
    .outerjoin(
        _contact,
        and_(
            _contact.c.lead_id == _chat.c.lead_id,
            _contact.c.source_id == Source.id,
            _contact.c.status != "closed",
            _contact.c.chat_id.is_not(None),
        ),
    )
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_chat.c.bot_id == bindparam("bot_id"), _chat.c.chat_id == bindparam("chat_id"))
)
_MAIN_SOURCE = select(Source.id).where(Source.bot_id == bindparam("bot_id"), Source.slug.is_(None))
_NEW_CHAT = insert(_chat)


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a client's words went. `is_new` says that they opened the contact."""

    contact_id: int
    lead_id: int
    is_new: bool


def meet(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime) -> Row[Any]:
    """The client of a chat as he is known, made known if he is not; what Telegram shows of him is taken over.

    Raises IsStaff for an account that is on the staff by now: staff who write to a bot are no clients.
    """
    values = {"bot_id": bot_id, "chat_id": chat_id}
    known = run(s, _KNOWN, values).one_or_none()
    if known is None:
        lead_id = leads.find_or_create(s, person, now=now)
        run(s, _NEW_CHAT, {**values, "lead_id": lead_id, "is_blocked": False})
        known = run(s, _KNOWN, values).one()
    if known.is_staff:
        raise IsStaff()
    if (known.full_name, known.username, known.language) != (person.full_name, person.username, person.language):
        leads.rename(
            s, lead_id=known.lead_id, full_name=person.full_name, username=person.username, language=person.language
        )
    if known.is_blocked:
        set_blocked(s, bot_id=bot_id, chat_id=chat_id, is_blocked=False)
    return known


def begin(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime, slug: str | None = None
) -> str | None:
    """A client pressed Start, perhaps by a source link: then his next contact in this chat is that source's.

    Args:
        slug: what the link names. A link of yesterday may lead to a source that is gone or switched off; the client is
            welcome all the same, at the bot's own source.

    Returns the name of the source that was booked, if one was.
    """
    meet(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    if slug is None:
        return None
    wanted = (Source.slug == slug, Source.bot_id == bot_id, Source.is_active.is_(True))
    source = s.execute(select(Source.id, Source.name).where(*wanted)).one_or_none()
    if source is None:
        return None
    s.execute(update(_chat).where(_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id).values(source_id=source.id))
    return str(source.name)


def client_says(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, words: Words, now: datetime, chance: Chance
) -> Heard:
    """A client wrote: his words join his open contact at the chat's source, or open one.

    A Telegram reply to something of another open contact of his goes there instead.

    Raises SourceOff where nothing is open and the source takes nothing new.
    """
    known = meet(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    answered = None
    if words.reply_to is not None:
        answered = messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=words.reply_to)
    reply_to = answered.message_ref if answered else None
    if answered and answered.contact_id != known.contact_id:
        other = _open_contact_of(s, answered.contact_id, lead_id=known.lead_id)
        if other is not None:
            _join(s, other.id, other.operator_chat, bot_id, words, reply_to=reply_to, now=now)
            return Heard(other.id, known.lead_id, is_new=False)
        reply_to = None
    if known.contact_id is not None:
        _join(s, known.contact_id, known.operator_chat, bot_id, words, reply_to=reply_to, now=now)
        return Heard(known.contact_id, known.lead_id, is_new=False)
    source = assignment.source_facts(s, known.source_id)
    if not source.is_active:
        raise SourceOff(source=source.name)
    chat = contacts.ClientChat(bot_id, chat_id)
    opened = contacts.open_contact(
        s, source=source, lead_id=known.lead_id, words=words, chat=chat, now=now, chance=chance
    )
    return Heard(opened.id, known.lead_id, is_new=True)


def _open_contact_of(s: Session, contact_id: int, *, lead_id: int) -> Row[Any] | None:
    return s.execute(
        select(_contact.c.id, Staff.telegram_id.label("operator_chat"))
        .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
        .where(_contact.c.id == contact_id, _contact.c.lead_id == lead_id, _contact.c.status != "closed")
    ).one_or_none()


def _join(
    s: Session,
    contact_id: int,
    operator_chat: int | None,
    bot_id: int,
    words: Words,
    *,
    reply_to: int | None,
    now: datetime,
) -> None:
    original = messages.store(s, words, contact_id=contact_id, author="client", now=now, reply_to=reply_to)
    if operator_chat is not None:
        outbox.add(s, [outbox.Send(outbox.TO_OPERATOR, bot_id, operator_chat, contact_id, original.id)], now=now)


def share_phone(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, phone: str, now: datetime) -> None:
    """A client shared his own phone: it completes the lead, and his open cards."""
    known = meet(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    leads.set_phone(s, lead_id=known.lead_id, phone=phone, now=now)
    _refresh_cards_of(s, known.lead_id, now)


def share_email(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, email: str, now: datetime) -> None:
    """A client named his e-mail: it completes the lead, and his open cards. Raises BadEmail."""
    known = meet(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    leads.set_email(s, lead_id=known.lead_id, email=email, now=now)
    _refresh_cards_of(s, known.lead_id, now)


def _refresh_cards_of(s: Session, lead_id: int, now: datetime) -> None:
    mine = select(_contact.c.id).where(_contact.c.lead_id == lead_id, _contact.c.status != "closed")
    for contact_id in s.execute(mine).scalars().all():
        contacts.refresh_cards(s, contact_id=contact_id, now=now)


SLOWED_AGAIN = timedelta(minutes=10)  # one flood is told of once


def tell_slowed(s: Session, *, bot_id: int, chat_id: int, language: str | None, now: datetime) -> bool:
    """Tells a client, once in ten minutes, that he writes faster than his words are passed on; whether he was told."""
    told = changed(
        s,
        update(_chat)
        .where(
            _chat.c.bot_id == bot_id,
            _chat.c.chat_id == chat_id,
            or_(_chat.c.slowed_at.is_(None), _chat.c.slowed_at <= now - SLOWED_AGAIN),
        )
        .values(slowed_at=now),
    )
    if told:
        payload = {"code": "slowed", "language": language}
        outbox.add(s, [outbox.Send(outbox.CLIENT_NOTICE, bot_id, chat_id, payload=payload)], now=now)
    return bool(told)


def words_edited(s: Session, *, bot_id: int, chat_id: int, words: Words, now: datetime) -> int | None:
    """Somebody changed a message of his: the stored words, and whatever shows them to the other side, change too.

    Returns the contact's id, None for a message that belongs to no contact.
    """
    row = s.execute(
        update(_message)
        .where(
            _message.c.bot_id == bot_id,
            _message.c.chat_id == chat_id,
            _message.c.message_id == words.message_id,
        )
        .values(text=words.text, entities=words.entities)
        .returning(_message.c.id, _message.c.contact_id)
    ).one_or_none()
    if row is None:
        return None
    first = s.execute(select(func.min(_message.c.id)).where(_message.c.contact_id == row.contact_id)).scalar_one()
    if first == row.id:
        s.execute(update(_contact).where(_contact.c.id == row.contact_id).values(message=words.text))
        contacts.refresh_cards(s, contact_id=row.contact_id, now=now)
    for copy in s.execute(select(Posted.bot_id, Posted.chat_id, Posted.message_id).where(Posted.message_ref == row.id)):
        edit = outbox.Send(
            outbox.COPY_EDIT,
            copy.bot_id,
            copy.chat_id,
            row.contact_id,
            row.id,
            payload={"message_id": copy.message_id},
            once=f"copy:{copy.bot_id}:{copy.chat_id}:{copy.message_id}",
        )
        outbox.add(s, [edit], now=now)
    return int(row.contact_id)


def set_blocked(s: Session, *, bot_id: int, chat_id: int, is_blocked: bool) -> None:
    """Remembers whether a client's chat can be written to."""
    s.execute(update(_chat).where(_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id).values(is_blocked=is_blocked))


# --- operators -------------------------------------------------------------------------------------------------------


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
class Asked:
    """Nobody can tell whom the words are for: they wait under this id until the operator says.

    `options` is empty for a further item of an album that was asked about already.
    """

    pending_id: int
    options: list[Option]


def operator_says(s: Session, *, actor: Actor, words: Words, now: datetime, album: str | None = None) -> Sent | Asked:
    """An operator wrote to a bot: a reply goes where it points, other words to his one contact in progress.

    With several in progress, or none that is taken, he is asked; nothing is guessed and nothing is lost.

    Raises NotAllowed, NothingOpen, ContactClosed, ContactHeld, ClientUnreachable, ContactHasNoChat, NotCopyable,
    CommandNotSent.
    """
    operator = access_operator(s, actor)
    if not words.can_copy:
        raise NotCopyable(kind=words.kind)
    if words.text is not None and words.text.startswith("/"):
        raise CommandNotSent()
    if words.bot_id is None or words.chat_id is None:
        raise ValueError("an operator's words come from a chat")
    if words.reply_to is not None:
        target = messages.reply_target(s, bot_id=words.bot_id, chat_id=words.chat_id, message_id=words.reply_to)
        if target is not None:
            pass_on(s, contact_id=target.contact_id, words=words, actor=actor, now=now, reply_to=target.message_ref)
            return Sent(target.contact_id)
    options = _open_contacts(s, operator_id=operator.id, bot_id=words.bot_id)
    taken = [option for option, status in options if status == "in_progress"]
    if len(taken) == 1:
        pass_on(s, contact_id=taken[0].contact_id, words=words, actor=actor, now=now)
        return Sent(taken[0].contact_id)
    if not options:
        raise NothingOpen()
    return _ask(s, words, album=album, options=taken or [option for option, _ in options], now=now)


def _open_contacts(s: Session, *, operator_id: int, bot_id: int) -> list[tuple[Option, str]]:
    rows = s.execute(
        select(_contact.c.id, _lead.c.full_name, _contact.c.message, _contact.c.status)
        .join(_lead, _lead.c.id == _contact.c.lead_id)
        .where(
            _contact.c.operator_id == operator_id,
            _contact.c.status != "closed",
            _contact.c.bot_id == bot_id,
            _contact.c.chat_id.is_not(None),
        )
        .order_by(_contact.c.id)
    )
    return [(Option(row.id, row.full_name, row.message), row.status) for row in rows]


def pass_on(
    s: Session, *, contact_id: int, words: Words, actor: Actor, now: datetime, reply_to: int | None = None
) -> None:
    """Sends an operator's words to the client of a contact that he holds; the first words take it.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ClientUnreachable, ContactHasNoChat.
    """
    operator = access_operator(s, actor)
    contact = access_contact(s, contact_id)
    contacts.check_holder(s, contact, operator.id)
    if contact.chat_id is None:
        raise ContactHasNoChat(contact=contact_id)
    if s.execute(
        select(_chat.c.is_blocked).where(_chat.c.bot_id == contact.bot_id, _chat.c.chat_id == contact.chat_id)
    ).scalar_one():
        raise ClientUnreachable(contact=contact_id)
    if contact.status == "new":
        contacts.take(s, contact_id=contact_id, version=None, actor=actor, now=now)
    original = messages.store(
        s, words, contact_id=contact_id, author="operator", now=now, operator_id=operator.id, reply_to=reply_to
    )
    if contact.replied_at is None:
        s.execute(update(_contact).where(_contact.c.id == contact_id).values(replied_at=now))
        replied = Happened(
            events.REPLIED,
            now,
            actor.label,
            contact_id=contact_id,
            source_id=contact.source_id,
            operator_id=operator.id,
        )
        events.record(s, [replied])
    outbox.add(s, [outbox.Send(outbox.TO_CLIENT, contact.bot_id, contact.chat_id, contact_id, original.id)], now=now)


_pending = PendingReply.__table__


def _ask(s: Session, words: Words, *, album: str | None, options: list[Option], now: datetime) -> Asked:
    """Keeps words until their contact is known; the items of an album are kept, and asked about, together."""
    kept = _keep(words)
    if album is not None:
        waiting = s.execute(
            select(_pending.c.id, _pending.c.messages).where(
                _pending.c.bot_id == words.bot_id, _pending.c.chat_id == words.chat_id, _pending.c.album == album
            )
        ).one_or_none()
        if waiting is not None:
            s.execute(update(_pending).where(_pending.c.id == waiting.id).values(messages=[*waiting.messages, kept]))
            return Asked(waiting.id, [])
    values = {"bot_id": words.bot_id, "chat_id": words.chat_id, "album": album, "messages": [kept], "created_at": now}
    pending_id = s.execute(insert(_pending).returning(_pending.c.id), values).scalar_one()
    return Asked(pending_id, options)


def _keep(words: Words) -> dict[str, Any]:
    return {"kind": words.kind, "text": words.text, "entities": words.entities, "message_id": words.message_id}


def send_pending(s: Session, *, pending_id: int, contact_id: int, chat_id: int, actor: Actor, now: datetime) -> int:
    """The operator said for which contact his waiting words are. Returns how many messages went.

    Raises ChoiceExpired where they have gone already, and what `pass_on` raises.
    """
    access_operator(s, actor)
    row = s.execute(
        _pending.delete()
        .where(_pending.c.id == pending_id, _pending.c.chat_id == chat_id)
        .returning(_pending.c.bot_id, _pending.c.chat_id, _pending.c.messages)
    ).one_or_none()
    if row is None:
        raise ChoiceExpired()
    for kept in row.messages:
        pass_on(
            s, contact_id=contact_id, words=Words(**kept, bot_id=row.bot_id, chat_id=row.chat_id), actor=actor, now=now
        )
    return len(row.messages)
