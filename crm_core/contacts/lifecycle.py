"""A contact from its first message to its end: register, open, take, close. Each action happens whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_holder
from crm_core.contacts import leads
from crm_core.contacts.checks import check_holder, check_own_step, check_version
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import CardOutdated, ContactAlreadyYours, SourceOff
from crm_core.events import NewEvent
from crm_core.messaging import card_edits, forum_rows, giving_up, messages, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing import (
    assignment,
    giving_out,
    keywords,
    offers,
    priority,
    queue,
    relieving,
    requirements,
    skills,
    wait_alerts,
)
from crm_core.routing.assignment import Reservation, Rng
from crm_core.routing.candidates import prefetch_candidates
from crm_core.routing.choose import OTHERS_FIRST, Choice, Exclusion, SourceExclusion
from crm_core.routing.giving_out import MoreToAssign
from crm_core.routing.keywords import NO_MATCH
from crm_core.routing.offers import Offer
from crm_core.routing.opening import told_of_absence
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import OPEN
from crm_core.routing.returning import former_operator
from crm_core.routing.skills import Required
from crm_core.routing.source_facts import SourceFacts, is_open, is_own_source, source_facts
from crm_core.storage.database import on_commit
from crm_core.storage.execute import change_one, execute, prefetch_ids
from crm_core.storage.locks import lock_contact, lock_sources
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Chat, Contact, Source, Staff

_contact = Contact.__table__
_INSERT = prepared_insert(_contact)


@dataclass(frozen=True, slots=True)
class ClientChat:
    """Where a client in Telegram is answered."""

    bot_id: int
    chat_id: int


@dataclass(frozen=True, slots=True)
class LateWords:
    """Messages of a client that came after their contact was closed.

    Attributes:
        said: at least one, in order.
        operator_id: who had that contact, and is preferred for a new one.
    """

    said: Sequence[messages.Original]
    operator_id: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A new contact. `operator_id` is None if nobody was eligible; it then waits in the queue."""

    id: int
    lead_id: int
    source_id: int
    operator_id: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Registered(Opened):
    """A new contact from another system, with its lead as it is known now."""

    lead: leads.LeadRecord


def register(
    s: Session,
    *,
    source_id: int,
    lead: LeadFacts,
    now: datetime,
    rng: Rng,
    content: MessageContent | None = None,
    required: Required | None = None,
    head_start: int = 0,
) -> Registered:
    """A request of another system: a new contact at each call, assigned at once if anybody is eligible.

    Args:
        required: skills of the operator, beside those that the source requires.
        head_start: minutes that it has before others in the queue, beside those of its lead and its source.

    Raises SourceNotFound, SourceOff, BadSkills, BadValue.
    """
    priority.check_minutes(head_start)
    own = skills.write(skills.check(required)) if required else None
    leads.prefetch_lead(s, lead)
    announce_opening(s, source_id, content)
    source = _requiring(source_facts(s, source_id, is_for_system=True), own)
    if not source.is_active:
        raise SourceOff(source=source.name)
    happened: list[NewEvent] = []
    known = leads.find_or_create(s, lead, now=now, happened=happened)
    made = open_contact(
        s,
        source=source,
        lead_id=known.id,
        content=content,
        chat=None,
        now=now,
        rng=rng,
        happened=happened,
        own=own,
        head_start=head_start,
    )
    return Registered(made.id, made.lead_id, made.source_id, made.operator_id, made.status, known)


def announce_opening(s: Session, source_id: int, content: MessageContent | None) -> None:
    """Announces `open_contact`, so that what it reads first needs no round trip of its own."""
    prefetch_candidates(s, source_id)
    prefetch_ids(s, _INSERT, *([] if content is None else [messages.INSERT]))


def open_contact(
    s: Session,
    *,
    source: SourceFacts,
    lead_id: int,
    content: MessageContent | None,
    chat: ClientChat | None,
    now: datetime,
    rng: Rng,
    late: LateWords | None = None,
    happened: Sequence[NewEvent] = (),
    own: str | None = None,
    head_start: int = 0,
) -> Opened:
    """Makes a contact and assigns it to an operator, or queues it. Every contact begins here.

    Args:
        happened: what has happened before in the same action, to be recorded with the rest.
        late: messages that came after an earlier contact was closed, which now open this one.
        content: the client's first message, None where another system registered a request without one.
        chat: where the client is answered, None for a client who is not in Telegram.
        own: skills that it requires beside those of its source, as they are stored.
        head_start: its own minutes, beside those of its lead and its source.
    """
    first = late.said[0].text if late else content.text if content else None
    matched = keywords.match(source.keywords, first) if source.keywords else NO_MATCH
    if matched.rules:
        own = skills.write({**skills.read(matched.skills), **skills.read(own)}) if own else matched.skills
        source = _requiring(source, own)
        head_start += matched.minutes
    preferred = late.operator_id if late else None
    if late is None and not any(one.kind == events.LEAD_CREATED for one in happened):  # a new client had nobody yet
        preferred = former_operator(s, source, lead_id, now)
    is_charged = late is not None or source.sticky_mode == "charged"
    place = _reserve(s, source, rng, preferred=preferred, is_charged=is_charged)
    offer = _offer(source, place, now)
    row = _new_row(source, lead_id, first, chat, place, offer, now, own)
    row["head_start"], row["order_at"] = head_start, None
    if not isinstance(place, Reservation):
        row["order_at"] = priority.order_of_new(s, lead_id=lead_id, source_id=source.id, own=head_start, now=now)
        if source.needs:
            row |= requirements.of_new(s, source, own=own, now=now)
    contact_id = execute(s, _INSERT, row).scalar_one()
    said = [] if content is None else [messages.store(s, content, contact_id=contact_id, author="client", now=now)]
    if late is not None:
        messages.move(s, late.said, contact_id=contact_id)
        said = [*late.said, *said]
    operator_id = place.operator_id if isinstance(place, Reservation) else None
    opened = Opened(contact_id, lead_id, source.id, operator_id, "new")
    created = events.of_contact(events.CONTACT_CREATED, opened, actor=events.CLIENT, now=now, lead_id=lead_id)
    if matched.rules:
        created.data = dict(matched.recorded)
    absence = {} if isinstance(place, Reservation) else told_of_absence(s, place, source, now)
    greeting = [] if chat is None else [_notice(chat, contact_id, "registered", **absence)]
    if isinstance(place, Reservation):
        assignment.announce_assignment(
            s,
            contact_id=contact_id,
            source=source,
            place=place,
            actor=events.SYSTEM,
            now=now,
            said=said,
            offer=offer,
            also=greeting,
            happened=[*happened, created],
        )
    else:
        waits = events.of_contact(
            events.CONTACT_QUEUED, opened, actor=events.SYSTEM, now=now, reason=place.reason, decision=place.decision
        )
        events.record(s, [*happened, created, waits])
        forum = forum_rows.entry(contact_id, bot_id=source.forum_bot_id, chat_id=source.forum_chat_id)
        outbox.add(s, [*greeting, *forum], now=now)
        # Where others are first, somebody is free; if nobody is in the end, `queue` notifies admins. And that all are
        # outside of their working hours, or the source is, is as admins have planned it; at the next shift, or when the
        # source opens, they hear of who still waits.
        is_planned = place.reason in (Exclusion.OFF_SHIFT, SourceExclusion.SOURCE_CLOSED) and "opens" in absence
        if place.reason != OTHERS_FIRST and not is_planned:
            wait_alerts.notify_contact_waits(s, source, contact_id=contact_id, why=place.reason, now=now)
    return opened


def _requiring(source: SourceFacts, own: str | None) -> SourceFacts:
    """A source as a contact sees it that requires skills of its own."""
    also = skills.tags(own)
    return source if also <= source.needs else replace(source, needs=source.needs | also)


def _offer(source: SourceFacts, place: Reservation | Choice, now: datetime) -> Offer | None:
    if not isinstance(place, Reservation):
        return None
    return offers.make(hours=place.hours, seconds=source.offer_seconds, now=now)


def _reserve(
    s: Session, source: SourceFacts, rng: Rng, *, preferred: int | None, is_charged: bool
) -> Reservation | Choice:
    """A place of the preferred operator if they are eligible, else of whoever is chosen."""
    if not source.is_active:
        lock_sources(s, [source.id])  # its head start is as it is when the contact is queued
        return Choice(None, SourceExclusion.SOURCE_OFF.value, ())
    if not source.is_open:
        lock_sources(s, [source.id])  # either we see that it opens, or it sees the contact that we queue
        if not is_open(s, source.id):
            return Choice(None, SourceExclusion.SOURCE_CLOSED.value, ())
        source = replace(source, is_open=True, has_line=True)
    has_line = source.has_line and queue.first_in_line(s, source.id) is not None
    if source.is_exact or has_line:
        lock_sources(s, [source.id])  # of its ledger, of its queue
    if not has_line:
        if source.is_exact:
            prefetch_candidates(s, source.id)  # to be read again under the lock, with the ledger
        place = _try(s, source, rng, preferred=preferred, is_charged=is_charged)
        if isinstance(place, Reservation):
            return place
        # Another transaction may free a place right now. Under the source's lock either we see that place, or it sees
        # the contact that we queue.
        lock_sources(s, [source.id])
    if queue.is_behind_others(s, source):
        on_commit(s, MoreToAssign(frozenset([source.id])))
        return Choice(None, OTHERS_FIRST, ())
    return _try(s, source, rng, preferred=preferred, is_charged=is_charged)


def _try(s: Session, source: SourceFacts, rng: Rng, *, preferred: int | None, is_charged: bool) -> Reservation | Choice:
    same = None
    if preferred is not None:
        same = assignment.reserve_preferred(s, source, operator_id=preferred, is_charged=is_charged)
    return same or assignment.reserve_operator(s, source, rng=rng)


def _new_row(
    source: SourceFacts,
    lead_id: int,
    first_text: str | None,
    chat: ClientChat | None,
    place: Reservation | Choice,
    offer: Offer | None,
    now: datetime,
    own: str | None,
) -> dict[str, Any]:
    assigned = isinstance(place, Reservation)
    return {
        "lead_id": lead_id,
        "source_id": source.id,
        "operator_id": place.operator_id if isinstance(place, Reservation) else None,
        "status": "new",
        "version": 1,
        "message": first_text,
        "bot_id": source.card_bot_id,
        "chat_id": chat.chat_id if chat else None,
        "created_at": now,
        "assigned_at": now if assigned else None,
        "current_assigned_at": now if assigned else None,
        "queued_at": None if assigned else now,
        "offered_at": None if offer is None else offer.at,
        "offer_ends_at": None if offer is None else offer.ends_at,
        "skills": own,
        "needs": None,
        "drops_at": None,
    }


def _notice(chat: ClientChat, contact_id: int, code: str, **more: Any) -> outbox.OutboxEntry:
    payload = {"code": code, **more}
    return outbox.OutboxEntry(outbox.CLIENT_NOTICE, chat.bot_id, chat.chat_id, contact_id, payload=payload)


def _notify_client(s: Session, contact: Row[Any], code: str, *, now: datetime) -> None:
    """Queues a notice of the bot for the client of a contact, if they are in Telegram."""
    if contact.chat_id is not None:
        outbox.add(s, [_notice(ClientChat(contact.bot_id, contact.chat_id), contact.id, code)], now=now)


_STATE = Prepared(
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(
        status=bindparam("to_status"),
        version=_contact.c.version + 1,
        taken_at=func.coalesce(_contact.c.taken_at, bindparam("taken", type_=_contact.c.taken_at.type)),
        # What was offered is theirs from now on: as long as they have been away before counts for nothing.
        current_assigned_at=case(
            (
                _contact.c.offered_at.is_not(None),
                func.coalesce(bindparam("taken", type_=_contact.c.taken_at.type), _contact.c.current_assigned_at),
            ),
            else_=_contact.c.current_assigned_at,
        ),
        closed_at=bindparam("closed", type_=_contact.c.closed_at.type),
        wakes_at=bindparam("wakes", type_=_contact.c.wakes_at.type),
        relief=_contact.c.relief * bindparam("keeps"),
        **offers.NOT_OFFERED,
    )
)


def _set_state(
    s: Session, contact: Row[Any], status: str, *, taken: datetime | None = None, closed: datetime | None = None
) -> None:
    """Raises CardOutdated where another transaction changed the contact since it was read."""
    values = {"contact_id": contact.id, "seen": contact.version, "to_status": status, "taken": taken, "closed": closed}
    values["keeps"] = int(closed is None)
    values["wakes"] = contact.wakes_at if closed is None else None  # who takes it lets it sleep on
    change_one(s, _STATE, values, otherwise=CardOutdated(contact=contact.id))


def take(
    s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime, rng: Rng | None = None
) -> Row[Any]:
    """An operator marks a contact as in progress, and the client is told who works on it.

    An API key does it for the operator who holds the contact.

    Args:
        version: of the contact, as the button carries it; None skips the check.
        rng: for what is given out, if a contact that waits for its client counts less (`relief`).

    Returns the contact as it was. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, ContactAlreadyYours,
    CardOutdated.
    """
    operator_id = access_holder(s, actor, contact_id)
    source_ids = relieving.hold(s, contact_id, operator_id=operator_id)
    # Before the contact is locked, like every change of an operator.
    offers.answered(s, contact_id=contact_id, operator_id=operator_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    if contact.status == "in_progress":
        raise ContactAlreadyYours(contact=contact_id)
    check_version(contact, version)
    mark_taken(s, contact, operator_id=operator_id, actor=actor, now=now)
    relieving.settle_and_give_out(s, contact_id, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return contact


def mark_taken(
    s: Session, contact: Row[Any], *, operator_id: int, actor: Actor, now: datetime, by_answer: bool = False
) -> None:
    """`take` for an operator who is authorised and holds this new contact, whose row the caller has locked and read.

    Args:
        by_answer: whether an answer takes it, which says to the client all that a notice would.
    """
    _set_state(s, contact, "in_progress", taken=now)
    _announce(s, contact, events.CONTACT_TAKEN, operator_id=operator_id, actor=actor, now=now)
    if not by_answer and (contact.offered_at is not None or not _is_announced(contact, operator_id)):
        _notify_client(s, contact, "taken", now=now)


def _is_announced(contact: Row[Any], operator_id: int) -> bool:
    """Whether the client was told at handing on that this operator answers (`giving_out.handed_on`)."""
    return contact.previous_operator_id not in (None, operator_id)


def close(s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime, rng: Rng) -> Row[Any]:
    """Ends a contact; the place that it frees goes to the oldest waiting contact that the operator is eligible for.

    Only the operator who holds it may do this, and an API key for them.

    Args:
        version: of the contact, as the caller knows it; None skips the check. For a button, what its presser has done
            since does not count.

    Returns the contact as it was. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated.
    """
    operator_id = access_holder(s, actor, contact_id)
    source_ids = hold_operators(s, [operator_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    check_own_step(s, contact, version, actor)
    offers.answered(s, contact_id=contact_id, operator_id=operator_id)
    _set_state(s, contact, "closed", closed=now)
    _drop_waiting(s, contact, operator_id=operator_id, now=now)
    assignment.release(s, operator_id, is_sleeping=contact.wakes_at is not None, relief=contact.relief)
    _unpin_source(s, contact)
    _announce(s, contact, events.CONTACT_CLOSED, operator_id=operator_id, actor=actor, now=now)
    _notify_client(s, contact, "closed", now=now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return contact


def _drop_waiting(s: Session, contact: Row[Any], *, operator_id: int, now: datetime) -> None:
    """The operator gets no more messages of a closed contact, but a line that says how many there were."""
    missed = giving_up.drop_contact(s, contact_id=contact.id, outcome="closed", now=now)
    tell_missed(s, contact, missed, operator_id=operator_id, now=now)


def tell_missed(s: Session, contact: Row[Any], missed: int, *, operator_id: int, now: datetime) -> None:
    """Queues the line that says how many messages of a client an operator did not get, unless they got all."""
    chat_id = _chat_of(s, operator_id) if missed and contact.bot_id is not None else None
    if chat_id is not None:
        payload = {"contact": contact.id, "count": missed}
        outbox.add(s, [outbox.OutboxEntry(outbox.MORE, contact.bot_id, chat_id, contact.id, payload=payload)], now=now)


def _chat_of(s: Session, operator_id: int) -> int | None:
    return execute(s, select(Staff.telegram_id).where(Staff.operator_id == operator_id)).scalar_one_or_none()


def _announce(s: Session, contact: Row[Any], kind: str, *, operator_id: int, actor: Actor, now: datetime) -> None:
    """Records a change of a contact's status, and refreshes its cards."""
    events.record(s, [events.of_contact(kind, contact, actor=actor.label, now=now, operator_id=operator_id)])
    card_edits.refresh_all(s, contact_id=contact.id, now=now)


_MOVED_FROM_HERE = (
    select(_contact.c.source_id)
    .join(Source, Source.id == _contact.c.source_id)
    .where(
        _contact.c.lead_id == bindparam("of_lead"),
        _contact.c.bot_id == bindparam("of_bot"),
        _contact.c.chat_id == bindparam("of_chat"),
        OPEN,
        _contact.c.first_source_id.is_not(None),
        ~is_own_source(bindparam("of_bot")),
    )
    .order_by(_contact.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_UNPIN = Prepared(
    update(Chat.__table__)
    .where(
        Chat.bot_id == bindparam("of_bot"),
        Chat.chat_id == bindparam("of_chat"),
        Chat.source_id == bindparam("of_source"),
    )
    .values(source_id=_MOVED_FROM_HERE)
)


def _unpin_source(s: Session, contact: Row[Any]) -> None:
    """The client's next message is for the bot's own source again, or for an open contact that was moved from there.

    A source link books one contact, and so does a move to another source.
    """
    if contact.chat_id is not None:
        chat = {"of_bot": contact.bot_id, "of_chat": contact.chat_id, "of_lead": contact.lead_id}
        execute(s, _UNPIN, {**chat, "of_source": contact.source_id})
