"""Messages of clients: each joins an open contact or opens one. Those of operators are in `operator_messages`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.access.serving import FORMER_FOR, left_at, of_own_request, serves
from crm_core.contacts import cards, leads, lifecycle, snoozing
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.phones import Phone
from crm_core.conversation import late_messages, prompts, questions, recipients
from crm_core.errors import IsStaff, NoLongerOperator, SourceOff, UnknownCommand
from crm_core.events import NewEvent
from crm_core.messaging import card_edits, forum_rows, messages, outbox
from crm_core.messaging.alerts import is_past
from crm_core.messaging.messages import MessageContent
from crm_core.routing import queue, relief
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import SETTINGS, SourceFacts, facts_from
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_contact
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import (
    Chat,
    Contact,
    FormerStaff,
    Lead,
    Message,
    Operator,
    OutboxRow,
    Posted,
    Source,
    Staff,
)

_chat, _lead, _contact = Chat.__table__, Lead.__table__, Contact.__table__

_KNOWN = Prepared(
    select(
        _chat.c.lead_id,
        _chat.c.is_blocked,
        _lead.c.full_name,
        _lead.c.username,
        _lead.c.language,
        serves(_chat.c.chat_id, _chat.c.bot_id).label("is_staff"),
        left_at(_chat.c.chat_id, _chat.c.bot_id).label("left_at"),
        _chat.c.source_id.label("booked"),
        *SETTINGS,
        _contact.c.id.label("contact_id"),
        _contact.c.version,
        Staff.telegram_id.label("operator_chat"),
        _contact.c.wakes_at,
        _contact.c.operator_id,
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
            _contact.c.bot_id == _chat.c.bot_id,
            _contact.c.status != "closed",
            _contact.c.chat_id.is_not(None),
        ),
    )
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_chat.c.bot_id == bindparam("bot_id"), _chat.c.chat_id == bindparam("chat_id"))
)
_NEW_CHAT = Prepared(insert(_chat))
_NEWCOMER = Prepared(
    select(
        *SETTINGS,
        serves(bindparam("chat_id"), bindparam("bot_id")).label("is_staff"),
        left_at(bindparam("chat_id"), bindparam("bot_id")).label("left_at"),
        select(_lead.c.id).where(_lead.c.external_id == bindparam("external_id")).scalar_subquery().label("lead_id"),
    ).where(Source.bot_id == bindparam("bot_id"), Source.slug.is_(None))
)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client in their chat with a bot: what is stored, the source that messages are for, the contact open there."""

    lead_id: int
    is_blocked: bool
    full_name: str | None
    username: str | None
    language: str | None
    is_staff: bool
    booked: int | None
    source: SourceFacts
    contact_id: int | None = None
    version: int = 0
    operator_chat: int | None = None
    left_at: datetime | None = None
    is_newcomer: bool = False
    wakes_at: datetime | None = None
    operator_id: int | None = None

    @property
    def waiting_load(self) -> int:
        """What that contact counts while it waits for its client, in hundredths."""
        return self.source.waiting_load

    @property
    def forum_bot_id(self) -> int | None:
        """The bot of the forum of that source."""
        return self.source.forum_bot_id

    @property
    def forum_chat_id(self) -> int | None:
        """The forum of that source."""
        return self.source.forum_chat_id

    @property
    def source_id(self) -> int:
        """The source of the contact that is open."""
        return self.source.id


def _known(s: Session, *, bot_id: int, chat_id: int) -> KnownClient | None:
    row: Any = execute(s, _KNOWN, {"bot_id": bot_id, "chat_id": chat_id}).one_or_none()
    if row is None:
        return None
    source = facts_from(row, bot_id=bot_id, card_bot_id=bot_id)
    return KnownClient(
        row.lead_id,
        row.is_blocked,
        row.full_name,
        row.username,
        row.language,
        row.is_staff,
        row.booked,
        source,
        row.contact_id,
        row.version,
        row.operator_chat,
        row.left_at,
        wakes_at=row.wakes_at,
        operator_id=row.operator_id,
    )


def _make_known(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime, happened: list[NewEvent] | None
) -> KnownClient:
    row: Any = execute(s, _NEWCOMER, {"bot_id": bot_id, "chat_id": chat_id, "external_id": person.external_id}).one()
    lead_id = row.lead_id if row.lead_id is not None else leads.create(s, person, now=now, happened=happened)
    execute(s, _NEW_CHAT, {"bot_id": bot_id, "chat_id": chat_id, "lead_id": lead_id, "is_blocked": False})
    if row.lead_id is None:
        source = facts_from(row, bot_id=bot_id, card_bot_id=bot_id)
        return KnownClient(
            lead_id,
            False,
            person.full_name,
            person.username,
            person.language,
            row.is_staff,
            None,
            source,
            left_at=row.left_at,
            is_newcomer=True,
        )
    known = _known(s, bot_id=bot_id, chat_id=chat_id)
    assert known is not None, "the chat was stored a line above"
    return known


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The contact that a client's message joined; `is_new` if the message opened it."""

    contact_id: int
    lead_id: int
    is_new: bool


def identify(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    now: datetime,
    is_beginning: bool = False,
    happened: list[NewEvent] | None = None,
) -> KnownClient:
    """The client of a chat, stored if they are new; name, username and language are updated to what Telegram shows.

    Args:
        is_beginning: whether they pressed Start, by which a former operator becomes a client like anybody else.
        happened: see `leads.create`.

    Raises IsStaff for an account on the bot's staff, unless a request of theirs is still open here: then they go on
    being its client, and `contact_id` is that request. Raises NoLongerOperator for somebody who was removed from the
    operators of this bot some days ago.
    """
    known = _known(s, bot_id=bot_id, chat_id=chat_id)
    if known is None:
        known = _make_known(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, happened=happened)
    if known.is_staff:
        known = _with_own_request(s, known, bot_id, chat_id)
    elif known.left_at is not None and known.contact_id is None:
        if known.left_at > now - FORMER_FOR and not is_beginning:
            raise NoLongerOperator()
        former = delete(FormerStaff)
        s.execute(former.where(FormerStaff.telegram_id == chat_id, FormerStaff.bot_id == bot_id))
    shown = {"full_name": person.full_name, "username": person.username, "language": person.language}
    changed = {name: value for name, value in shown.items() if value != getattr(known, name)}
    if changed:
        leads.update_profile(s, lead_id=known.lead_id, changed=changed)
    if known.is_blocked:
        set_blocked(s, bot_id=bot_id, chat_id=chat_id, is_blocked=False)
    return known


_OWN_REQUEST = (
    select(
        _contact.c.id,
        _contact.c.version,
        _contact.c.wakes_at,
        _contact.c.operator_id,
        Staff.telegram_id.label("operator_chat"),
    )
    .select_from(Chat)
    .join(Contact, of_own_request())
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(Chat.bot_id == bindparam("bot_id"), Chat.chat_id == bindparam("chat_id"))
    .order_by(_contact.c.id.desc())
    .limit(1)
)


def _with_own_request(s: Session, known: KnownClient, bot_id: int, chat_id: int) -> KnownClient:
    """Somebody on the staff as the client of their own request. Raises IsStaff if none of theirs is open here."""
    own = s.execute(_OWN_REQUEST, {"bot_id": bot_id, "chat_id": chat_id}).one_or_none()
    if own is None:
        raise IsStaff()
    return replace(
        known,
        contact_id=own.id,
        version=own.version,
        operator_chat=own.operator_chat,
        wakes_at=own.wakes_at,
        operator_id=own.operator_id,
    )


def is_for_own_request(s: Session, *, content: MessageContent) -> bool:
    """Whether what somebody on the staff writes is for the open request whose client they are in this chat.

    So is a reply to a message of that request, and whatever replies to nothing, names no number and belongs to no album
    that went to a client. Raises NotRecordedYet.
    """
    if content.reply_to is None:
        begun = None if content.album is None else questions.album_of(s, content, content.album)
        return begun is None and recipients.numbered(content) is None
    place = {"bot_id": content.bot_id or 0, "chat_id": content.chat_id or 0, "message_id": content.reply_to}
    target = messages.reply_target(s, **place)
    if target is None:
        return False
    client = s.execute(select(_contact.c.chat_id).where(_contact.c.id == target.contact_id)).scalar_one_or_none()
    return bool(client == content.chat_id)


@dataclass(frozen=True, slots=True)
class Started:
    """A client pressed Start.

    Attributes:
        source: the name of the source of a link that their next contact belongs to, None for the bot's own.
        takes_requests: whether a message of theirs would be taken now.
    """

    source: str | None
    takes_requests: bool


def start_chat(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime, slug: str | None = None
) -> Started:
    """A client pressed Start, perhaps by a source link: then their next contact in this chat belongs to that source.

    Args:
        slug: what the link names. An old link may name a source that was removed or switched off; then the next contact
            belongs to the bot's own source.

    Raises IsStaff.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, is_beginning=True)
    takes = known.contact_id is not None or known.source.is_active or _takes_requests(s, bot_id)
    if slug is None:
        return Started(None, takes)
    # Links are printed, and read aloud, in capitals too; slugs are small letters.
    wanted = (Source.slug == slug.casefold(), Source.bot_id == bot_id, Source.is_active.is_(True))
    source = s.execute(select(Source.id, Source.name).where(*wanted)).one_or_none()
    if source is None:
        return Started(None, takes)
    _pin_source(s, bot_id, chat_id, source.id)
    return Started(str(source.name), takes_requests=True)


def _takes_requests(s: Session, bot_id: int) -> bool:
    """Whether a bot's own source takes requests."""
    is_active = select(Source.is_active).where(Source.bot_id == bot_id, Source.slug.is_(None))
    return bool(s.execute(is_active).scalar_one())


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client's open contact stands: who has it, or its place in the queue."""

    contact_id: int
    operator: str | None
    place: int


def standing(s: Session, *, bot_id: int, chat_id: int) -> Standing | None:
    """The open contact that the next message of a chat would join, None if it would open one."""
    known = _known(s, bot_id=bot_id, chat_id=chat_id)
    if known is None or known.contact_id is None:
        return None
    of_holder = (
        select(Operator.name)
        .join(_contact, _contact.c.operator_id == Operator.id)
        .where(_contact.c.id == known.contact_id)
    )
    operator = s.execute(of_holder).scalar_one_or_none()
    place = queue.position_of(s, contact_id=known.contact_id, source_id=known.source.id)
    return Standing(known.contact_id, operator, place)


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
) -> ReceivedMessage:
    """A client wrote: the message joins their open contact at the chat's source, or opens one.

    A Telegram reply to a message of another open contact of theirs joins that one. If the source of a link was switched
    off meanwhile, the message is for the bot's own source.

    Args:
        is_command: whether it is a command that nobody knows, and nothing else: that opens no contact.

    Raises IsStaff, and where no contact is open UnknownCommand, or SourceOff if the source takes no new ones.
    """
    happened: list[NewEvent] = []  # a new client, whose message opens a contact, or is refused and leaves no trace
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, happened=happened)
    joined, known = _join_open(s, known, bot_id, chat_id, content, now, rng)
    if joined is not None:
        return ReceivedMessage(joined, known.lead_id, is_new=False)
    if is_command:
        raise UnknownCommand()
    # Whoever came by a source link again means something new.
    closed = None
    if known.booked is None and not known.is_newcomer:
        closed = late_messages.closed_lately(s, lead_id=known.lead_id, bot_id=bot_id, chat_id=chat_id, now=now)
    if closed is not None:
        is_late = late_messages.join(s, closed, content, now=now)
        if is_late is None:
            return receive(s, bot_id=bot_id, chat_id=chat_id, person=person, content=content, now=now, rng=rng)
        if is_late:
            return ReceivedMessage(closed.id, known.lead_id, is_new=False)
    if not known.source.is_active:
        if known.booked is None:
            raise SourceOff(source=known.source.name)
        _pin_source(s, bot_id, chat_id, None)
        return receive(s, bot_id=bot_id, chat_id=chat_id, person=person, content=content, now=now, rng=rng)
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
    return ReceivedMessage(opened.id, known.lead_id, is_new=True)


def _join_open(
    s: Session, known: KnownClient, bot_id: int, chat_id: int, content: MessageContent, now: datetime, rng: Rng
) -> tuple[int | None, KnownClient]:
    """Adds a message to the open contact that it is for.

    Returns the contact's id, None if none is open, and the client as they are now: a contact that was closed meanwhile
    has ended its source link, too.
    """
    answered, woken_at = None, set[int]()
    if content.reply_to is not None:
        answered = messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=content.reply_to)
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
        known = _known(s, bot_id=bot_id, chat_id=chat_id) or known
        if known.is_staff:
            known = _with_own_request(s, known, bot_id, chat_id)
    is_about_it = answered is not None and answered.contact_id == target.contact_id
    original = messages.store(
        s,
        content,
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
        copy = messages.copy(outbox.TO_OPERATOR, original, bot_id, target.operator_chat, target.contact_id)
        outbox.add(s, [copy], now=now)
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


def _pin_source(s: Session, bot_id: int, chat_id: int, source_id: int | None) -> None:
    s.execute(update(_chat).where(_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id).values(source_id=source_id))


def share_phone(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    phone: Phone,
    content: MessageContent,
    now: datetime,
    rng: Rng,
) -> None:
    """A client shared their own phone: it is stored with the lead and shown on open cards.

    Where no contact is open, it opens one: whoever leaves nothing but a phone waits to be called.

    Args:
        content: the message by which they shared it.

    Raises what `receive` raises; then nothing is stored.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    leads.set_phone(s, lead_id=known.lead_id, phone=phone, now=now)
    if known.contact_id is None and not _has_open(s, known.lead_id, bot_id):
        receive(s, bot_id=bot_id, chat_id=chat_id, person=person, content=content, now=now, rng=rng)
    _refresh_cards_of(s, known.lead_id, now)
    _tell_holders(s, known.lead_id, code="phone_shared", value=phone.text, client=person.full_name, now=now)


def _has_open(s: Session, lead_id: int, bot_id: int) -> bool:
    """Whether a contact of a client is open at any source of a bot."""
    theirs = (_contact.c.lead_id == lead_id, _contact.c.bot_id == bot_id, _contact.c.status != "closed")
    return s.execute(select(_contact.c.id).where(*theirs).limit(1)).first() is not None


EMAIL_QUESTION = "email"


def ask_email(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, actor: Actor, now: datetime) -> None:
    """Asks a client for their e-mail: if their next message is an address, it answers. The caller sends the text."""
    identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    prompts.ask(
        s,
        bot_id=bot_id,
        chat_id=chat_id,
        question=EMAIL_QUESTION,
        data={},
        role=prompts.Role.CLIENT,
        actor=actor,
        now=now,
    )


def share_email(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, email: str, now: datetime) -> bool:
    """A client named their e-mail: it is stored with the lead and shown on open cards.

    Returns False if they had named the same one before. Raises BadEmail.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    is_new = leads.set_email(s, lead_id=known.lead_id, email=email, now=now)
    if is_new:
        _refresh_cards_of(s, known.lead_id, now)
        _tell_holders(s, known.lead_id, code="email_shared", value=email, client=person.full_name, now=now)
    return is_new


def _refresh_cards_of(s: Session, lead_id: int, now: datetime) -> None:
    mine = select(_contact.c.id).where(_contact.c.lead_id == lead_id, _contact.c.status != "closed")
    for contact_id in s.execute(mine).scalars().all():
        card_edits.refresh_all(s, contact_id=contact_id, now=now)


_IN_PROGRESS = (
    select(
        _contact.c.id,
        _contact.c.bot_id,
        Staff.telegram_id,
        func.max(Posted.message_id).label("card"),
        Source.protect_content,
    )
    .join(Source, Source.id == _contact.c.source_id)
    .join(Staff, Staff.operator_id == _contact.c.operator_id)
    .outerjoin(
        Posted,
        and_(
            Posted.contact_id == _contact.c.id,
            Posted.bot_id == _contact.c.bot_id,
            Posted.chat_id == Staff.telegram_id,
            Posted.is_card.is_(True),
        ),
    )
    .where(
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.status == "in_progress",
        _contact.c.bot_id.is_not(None),
    )
    .group_by(_contact.c.id, _contact.c.bot_id, Staff.telegram_id, Source.protect_content)
)


def _tell_holders(s: Session, lead_id: int, *, code: str, value: str, client: str | None, now: datetime) -> None:
    """A line at the card for whoever works on a contact: the card itself may be far above. Before the take, none."""
    for row in s.execute(_IN_PROGRESS, {"lead_id": lead_id}).all():
        payload = {"code": code, "contact": row.id, "client": client, "value": value, "reply_to": row.card}
        payload[outbox.PROTECTED] = row.protect_content
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, row.bot_id, row.telegram_id, row.id, payload=payload)
        outbox.add(s, [notice], now=now)


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


def set_blocked(s: Session, *, bot_id: int, chat_id: int, is_blocked: bool) -> bool:
    """Stores whether a client has blocked the bot. Returns whether that is news."""
    here = (_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id, _chat.c.is_blocked != is_blocked)
    return execute_count(s, update(_chat).where(*here).values(is_blocked=is_blocked)) == 1


def hold_chats(s: Session, *, bot_id: int, chat_ids: Collection[int]) -> None:
    """Locks the chats of clients who may turn out to have blocked the bot, before any contact is locked."""
    here = select(_chat.c.chat_id).where(_chat.c.bot_id == bot_id, _chat.c.chat_id.in_(chat_ids))
    s.execute(here.order_by(_chat.c.chat_id).with_for_update()).all()


_HELD_THERE = select(_contact.c.id).where(
    _contact.c.bot_id == bindparam("bot_id"), _contact.c.chat_id == bindparam("chat_id"), queue.OPEN
)


def _written(*which: Any) -> Any:
    """Messages of operators to a client that some rows of the outbox are to deliver, and where their authors are."""
    shown = select(func.max(Posted.message_id)).where(
        Posted.message_ref == Message.id,
        Posted.bot_id + 0 == OutboxRow.bot_id,  # or SQLite reads everything that was posted in the chat
        Posted.chat_id == Staff.telegram_id,
    )
    return (
        select(
            Message.contact_id,
            func.coalesce(Message.chat_id, Staff.telegram_id).label("author_chat"),
            # One that was written through the API is shown to the operator in whose name it is.
            func.coalesce(Message.message_id, shown.scalar_subquery()).label("message_id"),
        )
        .select_from(OutboxRow)
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == Message.contact_id)
        .outerjoin(Staff, Staff.operator_id == Contact.operator_id)
        .where(OutboxRow.kind == outbox.TO_CLIENT, Message.withdrawn_at.is_(None), *which)
        .order_by(OutboxRow.id)
    )


_REFUSED = _written(OutboxRow.id == bindparam("row_id"))
_ON_THEIR_WAY = _written(
    OutboxRow.bot_id == bindparam("bot_id"), OutboxRow.chat_id == bindparam("chat_id"), outbox.UNSETTLED
)


def block(
    s: Session, *, bot_id: int, chat_id: int, now: datetime, refused: int | None = None, outcome: str = "blocked"
) -> None:
    """A client has blocked the bot: nothing more is tried, they wait no longer, and their operator is told once.

    Telegram says so in an update, and by refusing what is sent; whichever is handled first tells. Whoever wrote what
    does not arrive reads it as a reply to that; whoever has an open contact otherwise, without a sound.

    Args:
        refused: the outbox row that Telegram has refused.
        outcome: why, for the rows that are given up.
    """
    is_news = set_blocked(s, bot_id=bot_id, chat_id=chat_id, is_blocked=True)
    if is_news:
        here = {"bot_id": bot_id, "chat_id": chat_id}
        held = sorted(execute(s, _HELD_THERE, here).scalars())
        for contact_id in held:
            lock_contact(s, contact_id)  # an operator who is writing is seen here, or sees that the client is gone
        written = [] if refused is None else execute(s, _REFUSED, {"row_id": refused}).all()
        _tell_of_block(s, bot_id, held, [*written, *execute(s, _ON_THEIR_WAY, here).all()], now)
    outbox.drop_waiting(s, bot_id=bot_id, chat_id=chat_id, outcome=outcome, now=now)


def _tell_of_block(s: Session, bot_id: int, held: Sequence[int], written: Sequence[Row[Any]], now: datetime) -> None:
    """Notifies, once for each contact, whoever wrote what does not arrive (in reply to it), and whoever holds it."""
    notices: dict[tuple[int, int], dict[str, Any]] = {}
    for row in written:
        if row.author_chat is not None:
            notices.setdefault((row.author_chat, row.contact_id), {"reply_to": row.message_id})
    for contact_id in held:
        holder = cards.holder(s, contact_id=contact_id)
        if holder is not None:
            notices.setdefault((holder[1], contact_id), {"is_silent": True})
    for (to_chat, contact_id), payload in notices.items():
        told = {"code": "client_unreachable", "contact": contact_id, **payload}
        outbox.add(s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, bot_id, to_chat, contact_id, payload=told)], now=now)
