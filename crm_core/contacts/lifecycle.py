"""Contacts: from the first word to the end. Everything here either happens whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_assigning, access_contact, access_holder, access_operator
from crm_core.contacts import leads
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import (
    CardOutdated,
    ContactAlreadyTheirs,
    ContactAlreadyYours,
    ContactClosed,
    ContactElsewhere,
    ContactHeld,
    NeedsConfirmation,
    OperatorUnreachable,
    SourceOff,
)
from crm_core.events import NewEvent
from crm_core.messaging import alerts, messages, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing import assignment, queue
from crm_core.routing import choose as distribution
from crm_core.routing.assignment import Reservation, Rng, SourceFacts
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_contact, lock_sources
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Bot, Chat, Contact, Operator, OutboxRow, Posted, Staff, Weight

_contact = Contact.__table__
_INSERT = prepared_insert(_contact)


@dataclass(frozen=True, slots=True)
class ClientChat:
    """Where a client of Telegram is answered."""

    bot_id: int
    chat_id: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A new contact. `operator_id` is None while nobody is eligible; it then waits in the queue."""

    id: int
    lead_id: int
    source_id: int
    operator_id: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Requested(Registered):
    """A new contact of another system, with its lead as he is known now."""

    lead: leads.LeadRecord


def register(
    s: Session, *, source_id: int, lead: LeadFacts, now: datetime, rng: Rng, words: MessageContent | None = None
) -> Requested:
    """A request of another system: a new contact at each call, given out at once.

    Raises SourceNotFound, SourceOff.
    """
    source = queue.as_seen_by(assignment.source_facts(s, source_id), chat_id=None)
    if not source.is_active:
        raise SourceOff(source=source.name)
    known = leads.find_or_create(s, lead, now=now)
    made = open_contact(s, source=source, lead_id=known.id, words=words, chat=None, now=now, rng=rng)
    return Requested(made.id, made.lead_id, made.source_id, made.operator_id, made.status, known)


def open_contact(
    s: Session,
    *,
    source: SourceFacts,
    lead_id: int,
    words: MessageContent | None,
    chat: ClientChat | None,
    now: datetime,
    rng: Rng,
) -> Registered:
    """Makes a contact and gives it to an operator, or queues it: the one way in which contacts begin."""
    place = assignment.reserve_operator(s, source, rng=rng)
    if not isinstance(place, Reservation):
        # Somebody may free a place this moment. Under the source's lock either we see it, or he sees what we queue.
        lock_sources(s, [source.id])
        place = assignment.reserve_operator(s, source, rng=rng)
    contact_id = execute(s, _INSERT, _new_row(source, lead_id, words, chat, place, now)).scalar_one()
    said = [] if words is None else [messages.store(s, words, contact_id=contact_id, author="client", now=now)]
    created = NewEvent(
        events.CONTACT_CREATED, now, events.CLIENT, contact_id=contact_id, lead_id=lead_id, source_id=source.id
    )
    greeting = [] if chat is None else [_notice(chat, contact_id, "registered")]
    if isinstance(place, Reservation):
        assignment.announce_assignment(
            s,
            contact_id=contact_id,
            source=source,
            place=place,
            actor=events.SYSTEM,
            now=now,
            said=said,
            also=greeting,
            happened=[created],
        )
        return Registered(contact_id, lead_id, source.id, place.operator_id, "new")
    waits = NewEvent(
        events.CONTACT_QUEUED, now, events.SYSTEM, contact_id=contact_id, source_id=source.id, reason=place.reason
    )
    events.record(s, [created, waits])
    outbox.add(s, greeting, now=now)
    alerts.notify_admins(
        s,
        cause=f"waits:{source.id}",
        code="contact_waits",
        now=now,
        bot_id=source.speaker_id,
        contact=contact_id,
        source=source.name,
        why=place.reason,
    )
    return Registered(contact_id, lead_id, source.id, None, "new")


def _new_row(
    source: SourceFacts,
    lead_id: int,
    words: MessageContent | None,
    chat: ClientChat | None,
    place: Reservation | distribution.Choice,
    now: datetime,
) -> dict[str, Any]:
    assigned = isinstance(place, Reservation)
    return {
        "lead_id": lead_id,
        "source_id": source.id,
        "operator_id": place.operator_id if isinstance(place, Reservation) else None,
        "status": "new",
        "version": 1,
        "message": words.text if words else None,
        "bot_id": source.speaker_id,
        "chat_id": chat.chat_id if chat else None,
        "created_at": now,
        "assigned_at": now if assigned else None,
        "queued_at": None if assigned else now,
    }


def _notice(chat: ClientChat, contact_id: int, code: str) -> outbox.OutboxEntry:
    return outbox.OutboxEntry(outbox.CLIENT_NOTICE, chat.bot_id, chat.chat_id, contact_id, payload={"code": code})


def notify_client(s: Session, contact: Row[Any], code: str, *, now: datetime) -> None:
    """Queues words of ours to the client of a contact, where he came from Telegram."""
    if contact.chat_id is not None:
        outbox.add(s, [_notice(ClientChat(contact.bot_id, contact.chat_id), contact.id, code)], now=now)


_STATE = Prepared(
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(
        status=bindparam("to_status"),
        version=_contact.c.version + 1,
        taken_at=func.coalesce(_contact.c.taken_at, bindparam("taken", type_=_contact.c.taken_at.type)),
        closed_at=bindparam("closed", type_=_contact.c.closed_at.type),
    )
)


def _set_state(
    s: Session, contact: Row[Any], status: str, *, taken: datetime | None = None, closed: datetime | None = None
) -> None:
    values = {"contact_id": contact.id, "seen": contact.version, "to_status": status, "taken": taken, "closed": closed}
    if execute_count(s, _STATE, values) != 1:
        raise CardOutdated(contact=contact.id)  # somebody changed it between our look and our change


def check_holder(s: Session, contact: Row[Any], operator_id: int) -> None:
    """Raises ContactClosed, or ContactHeld with the name of whoever has it, unless this operator holds it open."""
    if contact.status == "closed":
        raise ContactClosed(contact=contact.id)
    if contact.operator_id != operator_id:
        raise ContactHeld(contact=contact.id, operator=operator_name(s, contact.operator_id))


def check_bot(s: Session, contact: Row[Any], bot_id: int | None) -> None:
    """Raises ContactElsewhere unless this bot is the one that speaks for the contact."""
    if contact.bot_id != bot_id:
        username = s.execute(select(Bot.username).where(Bot.id == contact.bot_id)).scalar_one_or_none()
        raise ContactElsewhere(contact=contact.id, bot=username)


def operator_name(s: Session, operator_id: int | None) -> str | None:
    """An operator's name, None for nobody."""
    if operator_id is None:
        return None
    return s.execute(select(Operator.name).where(Operator.id == operator_id)).scalar_one_or_none()


def take(s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime) -> Row[Any]:
    """The operator says that he is at it: `new` → `in_progress`, and the client learns who is with him.

    A key of the API says it for whoever holds the contact.

    Args:
        version: of the contact, as the button carries it; None where words took it rather than a button.

    Returns the contact as it was. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactAlreadyYours,
    CardOutdated.
    """
    operator_id = access_holder(s, actor, contact_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    if contact.status == "in_progress":
        raise ContactAlreadyYours(contact=contact_id)
    check_version(contact, version)
    _set_state(s, contact, "in_progress", taken=now)
    taken = NewEvent(
        events.CONTACT_TAKEN,
        now,
        actor.label,
        contact_id=contact_id,
        source_id=contact.source_id,
        operator_id=operator_id,
    )
    events.record(s, [taken])
    refresh_cards(s, contact_id=contact_id, now=now)
    notify_client(s, contact, "taken", now=now)
    return contact


def close(s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime, rng: Rng) -> Row[Any]:
    """Ends a contact; the place that it frees goes to the oldest waiting contact that the operator is eligible for.

    Only who holds it may, and a key of the API for him. Returns the contact as it was.
    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated.
    """
    operator_id = access_holder(s, actor, contact_id)
    source_ids = sources_of(s, operator_id)
    lock_sources(s, source_ids)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    check_version(contact, version)
    _set_state(s, contact, "closed", closed=now)
    assignment.release(s, operator_id)
    closed = NewEvent(
        events.CONTACT_CLOSED,
        now,
        actor.label,
        contact_id=contact_id,
        source_id=contact.source_id,
        operator_id=operator_id,
    )
    events.record(s, [closed])
    forget_pinned_source(s, contact)
    refresh_cards(s, contact_id=contact_id, now=now)
    notify_client(s, contact, "closed", now=now)
    queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return contact


def check_version(contact: Row[Any], version: int | None) -> None:
    """Raises CardOutdated where somebody knows a contact at another version; None: he does not say at which."""
    if version is not None and version != contact.version:
        raise CardOutdated(contact=contact.id)


_SOURCES_OF = Prepared(select(Weight.source_id).where(Weight.operator_id == bindparam("operator_id")))


def sources_of(s: Session, operator_id: int) -> Sequence[int]:
    """Sources that an operator has a weight at: where a place of his may be wanted."""
    return execute(s, _SOURCES_OF, {"operator_id": operator_id}).scalars().all()


_FORGET = Prepared(
    update(Chat.__table__)
    .where(
        Chat.bot_id == bindparam("of_bot"),
        Chat.chat_id == bindparam("of_chat"),
        Chat.source_id == bindparam("of_source"),
    )
    .values(source_id=None)
)


def forget_pinned_source(s: Session, contact: Row[Any]) -> None:
    """A source link books one contact: when that is closed, the client's words go to the bot's own source again."""
    if contact.chat_id is not None:
        execute(s, _FORGET, {"of_bot": contact.bot_id, "of_chat": contact.chat_id, "of_source": contact.source_id})


_CARDS = Prepared(
    select(Posted.bot_id, Posted.chat_id, Posted.message_id).where(
        Posted.contact_id == bindparam("contact_id"), Posted.is_card.is_(True)
    )
)


def refresh_cards(s: Session, *, contact_id: int, now: datetime) -> None:
    """Brings every card of a contact up to date, also those of operators who held it before."""
    for bot_id, chat_id, message_id in execute(s, _CARDS, {"contact_id": contact_id}):
        refresh_card(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


def refresh_card(s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """Queues an edit of one card; further ones are dropped while it waits, since it will show the newest state."""
    edit = outbox.OutboxEntry(
        outbox.CARD_EDIT,
        bot_id,
        chat_id,
        contact_id,
        payload={"message_id": message_id},
        dedup_key=f"card:{bot_id}:{chat_id}:{message_id}",
    )
    outbox.add(s, [edit], now=now)


def refresh_pressed_card(
    s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime
) -> None:
    """Brings a card up to date whose button was refused; a message that is no card of that contact is left alone."""
    known = s.execute(
        select(Posted.contact_id).where(
            Posted.bot_id == bot_id,
            Posted.chat_id == chat_id,
            Posted.message_id == message_id,
            Posted.contact_id == contact_id,
            Posted.is_card.is_(True),
        )
    ).scalar_one_or_none()
    if known is not None:
        refresh_card(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


def refresh_lost_cards(s: Session, *, bot_id: int, chat_id: int, now: datetime) -> None:
    """Brings up to date the cards of a chat whose edits could not be delivered while it was closed to the bot."""
    lost = select(OutboxRow.contact_id).where(
        OutboxRow.bot_id == bot_id,
        OutboxRow.chat_id == chat_id,
        OutboxRow.kind == outbox.CARD_EDIT,
        OutboxRow.state == "dead",
    )
    cards = select(Posted.contact_id, Posted.message_id).where(
        Posted.bot_id == bot_id, Posted.chat_id == chat_id, Posted.is_card.is_(True), Posted.contact_id.in_(lost)
    )
    for contact_id, message_id in s.execute(cards).all():
        refresh_card(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


def replace_card(s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """A card is gone, or too old to be changed: whoever works with it gets a new one, unless he has another."""
    posted = Posted.__table__
    here = (posted.c.contact_id == contact_id, posted.c.bot_id == bot_id, posted.c.chat_id == chat_id, posted.c.is_card)
    s.execute(update(posted).where(*here, posted.c.message_id == message_id).values(is_card=False))
    holds = s.execute(
        select(Staff.telegram_id)
        .join(Contact, Contact.operator_id == Staff.operator_id)
        .where(Contact.id == contact_id, Contact.status != "closed", Staff.telegram_id == chat_id)
    ).first()
    if holds is not None and s.execute(select(posted.c.message_id).where(*here)).first() is None:
        outbox.add(s, [outbox.OutboxEntry(outbox.CARD, bot_id, chat_id, contact_id)], now=now)


def show_card(s: Session, *, contact_id: int, bot_id: int, actor: Actor, now: datetime) -> None:
    """Puts the card of a contact once more at the end of its operator's chat.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactElsewhere.
    """
    operator = access_operator(s, actor)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator.id)
    check_bot(s, contact, bot_id)
    if actor.telegram_id is not None:
        outbox.add(s, [outbox.OutboxEntry(outbox.CARD, bot_id, actor.telegram_id, contact_id)], now=now)


_BY_HAND = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(
        operator_id=bindparam("to_operator"),
        status="new",
        version=_contact.c.version + 1,
        queued_at=None,
        assigned_at=func.coalesce(_contact.c.assigned_at, bindparam("at", type_=_contact.c.assigned_at.type)),
    )
)


def assign_by_hand(
    s: Session,
    *,
    contact_id: int,
    operator_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    confirmed: bool = False,
    version: int | None = None,
) -> str:
    """Gives a contact to an operator by hand, from the queue or from another operator.

    Args:
        confirmed: whether the admin has agreed that the operator is full or absent.
        version: of the contact, as the button carries it; None where it was typed.

    Returns the operator's name. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, OperatorNotFound,
    ContactAlreadyTheirs, OperatorUnreachable, NeedsConfirmation.
    """
    access_assigning(s, actor)
    contact = access_contact(s, contact_id)
    before = contact.operator_id
    # The places of the one who loses it may be wanted wherever he works, so those locks come first, as everywhere.
    source_ids = {contact.source_id, *(sources_of(s, before) if before else ())}
    lock_sources(s, source_ids)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    if contact.status == "closed":
        raise ContactClosed(contact=contact_id)
    if contact.operator_id != before:  # somebody moved it while we waited for the locks
        raise CardOutdated(contact=contact_id)
    if version is not None and contact.version != version:  # somebody was quicker than the press
        raise ContactHeld(contact=contact_id, operator=operator_name(s, contact.operator_id))
    source = queue.as_seen_by(assignment.source_facts(s, contact.source_id), chat_id=contact.chat_id)
    chosen = assignment.one_candidate(s, source, operator_id=operator_id)
    if contact.operator_id == operator_id:
        raise ContactAlreadyTheirs(contact=contact_id, operator=chosen.name)
    if not chosen.candidate.is_reachable:
        raise OperatorUnreachable(operator=chosen.name)
    why = distribution.exclusion(chosen.candidate)
    place = None
    if why is None or confirmed:
        place = assignment.reserve_by_hand(
            s, operator_id=operator_id, chat_id=chosen.candidate.chat_id, beyond_limit=confirmed
        )
    if place is None:  # full or absent, perhaps since this very moment
        reason = (why or distribution.Exclusion.FULL).value
        raise NeedsConfirmation(
            contact=contact_id, operator=chosen.name, operator_id=operator_id, why=reason, version=contact.version
        )
    if before is not None:
        assignment.release(s, before)
    values = {"contact_id": contact_id, "seen": contact.version, "to_operator": operator_id, "at": now}
    if execute_count(s, _BY_HAND, values) != 1:
        raise CardOutdated(contact=contact_id)
    outbox.drop_contact(s, contact_id=contact_id, outcome="reassigned", now=now)
    refresh_cards(s, contact_id=contact_id, now=now)
    assignment.announce_assignment(
        s,
        contact_id=contact_id,
        source=source,
        place=place,
        actor=actor.label,
        now=now,
        said=messages.said_by_client(s, contact_id),
    )
    queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return place.name
