"""An operator puts a contact of theirs to sleep until a moment; it wakes once, with them if they are there.

Its place is free at once. The client's word wakes it earlier. Whoever is away when it wakes, or has more than their
ceiling lets be theirs, loses it to the queue, in the latter case to its head.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import CLIENT, SYSTEM, Actor, access_contact, access_holder
from crm_core.contacts import cards, offering, transfer
from crm_core.contacts.checks import check_holder, check_own_step
from crm_core.errors import CardOutdated, ContactSleeps, NotSleeping, StillOffered
from crm_core.hours import moments
from crm_core.hours.moments import Choice
from crm_core.hours.stored import readable
from crm_core.messaging import card_edits, giving_up, outbox
from crm_core.routing import assignment, giving_out, priority, queue, relief, requirements, sleep
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import one_candidate
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.presence import is_operator_there
from crm_core.routing.returns import ReturnReason
from crm_core.routing.sleep import Ended
from crm_core.routing.source_facts import SourceFacts, source_facts
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Contact, Lead, Operator

_contact = Contact.__table__


# --- falling asleep --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asleep:
    """Until when a contact sleeps, and by whose clocks its operator lives."""

    until: datetime
    zone: str


def snooze(
    s: Session, *, contact_id: int, version: int | None, until: datetime, actor: Actor, now: datetime, rng: Rng
) -> None:
    """An operator puts a contact of theirs to sleep; its place goes to what waits. The client hears nothing of it.

    An API key does it for the operator who holds it.

    Args:
        version: of the contact, as the button carries it; None skips the check.
        until: to come, within a year.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated, StillOffered, ContactSleeps,
    BadMoment.
    """
    operator_id = access_holder(s, actor, contact_id)
    wakes_at = moments.check_moment(until, now=now)
    source_ids = hold_operators(s, [operator_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    check_own_step(s, contact, version, actor)
    _check_awake(contact)
    _set(s, contact, wakes_at=wakes_at, relief=0)
    assignment.fall_asleep(s, operator_id, relief=contact.relief)
    asleep = events.of_contact(
        events.CONTACT_SNOOZED,
        contact,
        actor=actor.label,
        now=now,
        operator_id=operator_id,
        data={"until": wakes_at.isoformat()},
    )
    events.record(s, [asleep])
    card_edits.refresh_all(s, contact_id=contact_id, now=now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def check_snoozable(s: Session, *, contact_id: int, actor: Actor) -> None:
    """Raises what `snooze` would raise now whatever the moment is."""
    operator_id = access_holder(s, actor, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    _check_awake(contact)


def _check_awake(contact: Row[Any]) -> None:
    """Raises StillOffered, ContactSleeps."""
    if contact.offered_at is not None:
        raise StillOffered(contact=contact.id)
    if contact.wakes_at is not None:
        raise ContactSleeps(contact=contact.id)


def snooze_as_typed(
    s: Session, *, contact_id: int, words: str, zone: ZoneInfo, actor: Actor, now: datetime, rng: Rng
) -> Asleep:
    """The same until a moment that the operator wrote.

    Args:
        zone: of the installation, for an operator whose hours have none. Raises what `snooze` raises.
    """
    theirs = _zone_of(s, access_holder(s, actor, contact_id), zone)
    until = moments.read_moment(words, now=now, zone=theirs)
    snooze(s, contact_id=contact_id, version=None, until=until, actor=actor, now=now, rng=rng)
    return Asleep(until, theirs.key)


def snooze_until_chosen(
    s: Session,
    *,
    contact_id: int,
    version: int,
    choice: Choice,
    zone: ZoneInfo,
    actor: Actor,
    now: datetime,
    rng: Rng,
) -> Asleep:
    """The same until a moment that a button offers."""
    theirs = _zone_of(s, access_holder(s, actor, contact_id), zone)
    until = moments.chosen(choice, now=now, zone=theirs)
    snooze(s, contact_id=contact_id, version=version, until=until, actor=actor, now=now, rng=rng)
    return Asleep(until, theirs.key)


def _zone_of(s: Session, operator_id: int, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone of an operator's working hours."""
    hours = readable(execute(s, select(Operator.hours).where(Operator.id == operator_id)).scalar_one_or_none())
    return otherwise if hours is None else ZoneInfo(hours.zone)


def _set(s: Session, contact: Row[Any], **values: Any) -> None:
    """Changes when a contact wakes. Raises CardOutdated where it was changed since it was read."""
    same = (_contact.c.id == contact.id, _contact.c.version == contact.version)
    change = update(_contact).where(*same).values(version=_contact.c.version + 1, **values)
    change_one(s, change, otherwise=CardOutdated(contact=contact.id))


# --- waking ----------------------------------------------------------------------------------------------------------


def wake(s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime) -> None:
    """Its operator wakes a contact before its time; it stays theirs, wherever they are.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated, NotSleeping.
    """
    operator_id = access_holder(s, actor, contact_id)
    hold_operators(s, [operator_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    if contact.wakes_at is None:
        raise NotSleeping(contact=contact_id)
    check_own_step(s, contact, version, actor)
    sleep.record_end(s, contact, why=Ended.OPERATOR, actor=actor, now=now)
    _stay(s, contact, now=now)


_SLEEPERS = (
    select(_contact.c.id, _contact.c.operator_id, _contact.c.source_id)
    .where(_contact.c.id.in_(bindparam("ids", expanding=True)), _contact.c.wakes_at.is_not(None))
    .order_by(_contact.c.id)
)


def wake_due(s: Session, *, contact_ids: Sequence[int], now: datetime, rng: Rng) -> int:
    """Wakes contacts that have slept long enough (`sleep.due`), and gives out what went to the queue of them.

    All of them wake before anything is given out: places go first to whom they have woken with. Returns how many woke.
    """
    found = execute(s, _SLEEPERS, {"ids": list(contact_ids)}).all()
    source_ids = hold_sleeping(s, found)
    woken, returned = 0, []
    for row in found:
        lock_contact(s, row.id)
        contact = access_contact(s, row.id)
        moved = contact.source_id not in source_ids
        if contact.wakes_at is None or contact.wakes_at > now or moved:
            continue  # somebody was faster, or it is looked at again
        woken += 1
        if not _wake(s, contact, why=Ended.TIME, actor=SYSTEM, now=now):
            returned.append(contact.id)
    if returned:
        offering.give_out(s, source_ids=source_ids, contact_ids=returned, actor=SYSTEM, now=now, rng=rng)
    return woken


def hold_sleeping(s: Session, sleepers: Collection[Any]) -> set[int]:
    """Locks what waking these contacts may change, before any of their rows. Returns the sources to look at.

    Args:
        sleepers: rows with `operator_id` and `source_id`.
    """
    operator_ids = {one.operator_id for one in sleepers if one.operator_id is not None}
    return hold_operators(s, operator_ids, gives_back=True, also={one.source_id for one in sleepers})


def wake_by_client(s: Session, *, contact_id: int, source_ids: Collection[int], now: datetime, rng: Rng) -> bool:
    """The client of a sleeping contact has written.

    Args:
        source_ids: as `hold_sleeping` returned them; the row is locked.

    Returns whether it stays with its operator, who is to get the client's words; to whoever else has it now they went
    with all the others.
    """
    contact = access_contact(s, contact_id)
    if _wake(s, contact, why=Ended.CLIENT, actor=CLIENT, now=now):
        return True
    offering.give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=SYSTEM, now=now, rng=rng)
    return False


def _wake(s: Session, contact: Row[Any], *, why: Ended, actor: Actor, now: datetime) -> bool:
    """Wakes a contact by the rule. Returns whether it stays with its operator; else it waits."""
    sleep.record_end(s, contact, why=why, actor=actor, now=now)
    if contact.operator_id is None:
        _wait(s, contact, actor=actor, now=now)
        return False
    operator_id: int = contact.operator_id
    source = queue.as_seen_by(source_facts(s, contact.source_id), chat_id=contact.chat_id, bot_id=contact.bot_id)
    holder = one_candidate(s, source, operator_id=operator_id).candidate
    is_above = holder.ceiling is not None and holder.held > holder.ceiling
    if not is_above and holder.is_reachable and is_operator_there(s, operator_id, now=now):
        _stay(s, contact, now=now)
        _tell(s, contact, source, chat_id=holder.chat_id, why=why, now=now)
        return True
    transfer.return_contact(
        s,
        contact_id=contact.id,
        operator_id=operator_id,
        reason=ReturnReason.WOKE_ABOVE if is_above else ReturnReason.WOKE_AWAY,
        actor=actor,
        now=now,
        goes_first=is_above,
    )
    execute(s, update(_contact).where(_contact.c.id == contact.id).values(woke_at=now))
    return False


def _stay(s: Session, contact: Row[Any], *, now: datetime) -> None:
    """It is awake, with its operator."""
    _set(s, contact, wakes_at=None, woke_at=now)
    assignment.wake_up(s, contact.operator_id)
    relief.settle(s, contact.id)
    card_edits.refresh_all(s, contact_id=contact.id, now=now)


def _wait(s: Session, contact: Row[Any], *, actor: Actor, now: datetime) -> None:
    """It is awake, and its operator has left meanwhile: a new wait begins."""
    values = {"wakes_at": None, "woke_at": now, "queued_at": now, "waits_since": now, "goes_first": False}
    _set(s, contact, **values, order_at=priority.ORDER_AT)
    requirements.queue_again(s, contact_id=contact.id, source_id=contact.source_id, actor=actor, now=now)


_NAME = select(Lead.full_name).where(Lead.id == bindparam("lead_id"))


def _tell(
    s: Session, contact: Row[Any], source: SourceFacts, *, chat_id: int | None, why: Ended, now: datetime
) -> None:
    """A line and a new card at the end of the operator's chat: the earlier card may be days above."""
    if chat_id is None or source.card_bot_id is None:
        return
    name = execute(s, _NAME, {"lead_id": contact.lead_id}).scalar_one()
    payload = {"code": "contact_woke", "contact": contact.id, "name": name, "by": why.value}
    line = outbox.OutboxEntry(outbox.STAFF_NOTICE, source.card_bot_id, chat_id, contact.id, payload=payload)
    outbox.add(s, [line], now=now)
    cards.show_again(s, contact_id=contact.id, bot_id=source.card_bot_id, chat_id=chat_id, now=now)


# --- its operator leaves ---------------------------------------------------------------------------------------------


_OF_OPERATOR = (
    select(_contact.c.id)
    .where(queue.OPEN, _contact.c.operator_id == bindparam("operator_id"), _contact.c.wakes_at.is_not(None))
    .order_by(_contact.c.id)
)


def sleep_on(s: Session, *, operator_id: int, actor: Actor, now: datetime) -> int:
    """What sleeps of an operator who is removed sleeps on without one. Returns how much that is.

    The caller has called `hold_operators` with `gives_back`.
    """
    found = execute(s, _OF_OPERATOR, {"operator_id": operator_id}).scalars().all()
    for contact_id in found:
        lock_contact(s, contact_id)
        contact = access_contact(s, contact_id)
        before = func.coalesce(_contact.c.operator_id, _contact.c.previous_operator_id)
        values = {"operator_id": None, "status": "new", "current_assigned_at": None, "previous_operator_id": before}
        _set(s, contact, **values, offers=0, escalated_at=None)
        assignment.release(s, operator_id, is_sleeping=True)
        giving_up.drop_contact(s, contact_id=contact_id, outcome="returned", now=now)
        left = events.of_contact(
            events.CONTACT_QUEUED,
            contact,
            actor=actor.label,
            now=now,
            operator_id=operator_id,
            reason=ReturnReason.OPERATOR_REMOVED,
        )
        events.record(s, [left])
        card_edits.refresh_all(s, contact_id=contact_id, now=now)
    return len(found)
