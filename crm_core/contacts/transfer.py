"""A contact changes hands: an admin assigns it by hand, or it goes back to the queue."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Row, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_assigning, access_contact
from crm_core.contacts.checks import operator_name
from crm_core.errors import (
    CardOutdated,
    ContactAlreadyTheirs,
    ContactClosed,
    ContactHeld,
    NeedsConfirmation,
    OperatorAtCeiling,
    OperatorUnreachable,
    OwnRequest,
)
from crm_core.messaging import card_edits, giving_up, messages
from crm_core.routing import assignment, giving_out, offers, priority, relief, requirements, sleep
from crm_core.routing.assignment import ASSIGNED_VALUES, Reservation, Rng
from crm_core.routing.candidates import NamedCandidate, one_candidate
from crm_core.routing.choose import Exclusion, exclusion_by_hand, is_at_ceiling
from crm_core.routing.giving_out import handed_on
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.returns import ReturnReason
from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Contact

_contact = Contact.__table__


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
    """Assigns a contact to an operator by hand, from the queue or from another operator.

    Args:
        confirmed: whether the admin has agreed that the operator is full or absent.
        version: of the contact, as the button carries it; None where the command was typed.

    Returns the operator's name. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, OperatorNotFound,
    ContactAlreadyTheirs, OwnRequest, OperatorUnreachable, OperatorAtCeiling, NeedsConfirmation.
    """
    access_assigning(s, actor)
    return give_to(
        s,
        contact_id=contact_id,
        operator_id=operator_id,
        actor=actor,
        now=now,
        rng=rng,
        confirmed=confirmed,
        version=version,
    )


def give_to(
    s: Session,
    *,
    contact_id: int,
    operator_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    confirmed: bool,
    version: int | None = None,
    check: Callable[[Row[Any]], object] | None = None,
) -> str:
    """`assign_by_hand` for an actor who is already authorised.

    Args:
        check: what else must be so of the contact, as it is once it is locked.
    """
    contact, source_ids = _lock_open(s, contact_id, operator_id)
    if check is not None:
        check(contact)
    source = requirements.seen_by(s, contact, now=now)
    chosen = _check_assignable(s, contact, source, operator_id=operator_id, version=version)
    _let_go(s, contact, actor=actor, now=now)
    reservation = _reserve(s, contact, source, chosen, confirmed=confirmed)
    _move(s, contact, reservation, now=now)
    assignment.announce_assignment(
        s,
        contact_id=contact_id,
        source=source,
        place=reservation,
        actor=actor.label,
        now=now,
        said=messages.said(s, contact_id),
        also=handed_on(contact, to=operator_id),
    )
    if source.counts_less:
        relief.settle(s, contact_id)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return chosen.name


def _lock_open(s: Session, contact_id: int, operator_id: int) -> tuple[Row[Any], set[int]]:
    """Locks an open contact, before it both operators, and before these every source where a place may be wanted.

    Returns the contact and those sources. Raises ContactNotFound, ContactClosed, and CardOutdated where the contact
    was moved while this transaction waited for the locks, since others would have to be locked then.
    """
    before = access_contact(s, contact_id)
    concerned = {operator_id} if before.operator_id is None else {operator_id, before.operator_id}
    source_ids = hold_operators(s, concerned, also=[before.source_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    if contact.status == "closed":
        raise ContactClosed(contact=contact_id)
    if contact.operator_id != before.operator_id:
        raise CardOutdated(contact=contact_id)
    return contact, source_ids


def _check_assignable(
    s: Session, contact: Row[Any], source: SourceFacts, *, operator_id: int, version: int | None
) -> NamedCandidate:
    """The operator who was chosen for a contact, if its card can reach them.

    Raises ContactHeld where somebody else was faster than the press, OperatorNotFound, ContactAlreadyTheirs,
    OwnRequest, OperatorUnreachable, OperatorAtCeiling.
    """
    if version is not None and contact.version != version:
        raise ContactHeld(contact=contact.id, operator=operator_name(s, contact.operator_id))
    chosen = one_candidate(s, source, operator_id=operator_id)
    if contact.operator_id == operator_id:
        raise ContactAlreadyTheirs(contact=contact.id, operator=chosen.name)
    if chosen.candidate.is_own:
        raise OwnRequest(operator=chosen.name)
    if not chosen.candidate.is_reachable:
        raise OperatorUnreachable(operator=chosen.name)
    if is_at_ceiling(chosen.candidate):
        raise OperatorAtCeiling(operator=chosen.name, ceiling=chosen.candidate.ceiling)
    return chosen


def _reserve(
    s: Session, contact: Row[Any], source: SourceFacts, chosen: NamedCandidate, *, confirmed: bool
) -> Reservation:
    """Reserves a place with the chosen operator. Raises NeedsConfirmation if they are full or absent."""
    candidate = chosen.candidate
    why = exclusion_by_hand(candidate)
    reservation = None
    if why is None or confirmed:
        reservation = assignment.reserve_by_hand(
            s,
            source,
            chosen=candidate,
            beyond_limit=confirmed,
            is_charged=source.sticky_mode == "charged",
            former=contact.operator_id if contact.wakes_at is None else None,
            relief=contact.relief,
        )
    if reservation is None:  # excluded; or full only since we looked, so that nothing excluded them then
        raise NeedsConfirmation(
            contact=contact.id,
            operator=chosen.name,
            operator_id=candidate.operator_id,
            why=(why or Exclusion.FULL).value,
            version=contact.version,
        )
    return reservation


# Whoever was only offered it is nobody whom the client knows.
_PREVIOUS = case(
    (_contact.c.offered_at.is_(None), func.coalesce(_contact.c.operator_id, _contact.c.previous_operator_id)),
    else_=_contact.c.previous_operator_id,
)
_BY_HAND = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(
        {
            **ASSIGNED_VALUES,
            "status": "new",
            "previous_operator_id": _PREVIOUS,
            "waits_since": bindparam("waited_since", type_=_contact.c.waits_since.type),
        }
    )
)


def _let_go(s: Session, contact: Row[Any], *, actor: Actor, now: datetime) -> None:
    """A contact leaves the operator whom it is with, before the choice of the next one is made and recorded."""
    if contact.operator_id is not None:
        offers.undo_draw(s, contact)
        assignment.release(s, contact.operator_id, is_sleeping=contact.wakes_at is not None, relief=contact.relief)
    if contact.wakes_at is not None:
        sleep.record_end(s, contact, why=sleep.Ended.BY_HAND, actor=actor, now=now)


def _move(s: Session, contact: Row[Any], to: Reservation, *, now: datetime) -> None:
    """Moves a contact into a reserved place: what was on its way to the earlier operator is dropped."""
    values = {
        "contact_id": contact.id,
        "seen": contact.version,
        "to_operator": to.operator_id,
        "at": now,
        "offered": None,
        "offer_ends": None,
        "waited_since": _waited_since(contact, now),
    }
    change_one(s, _BY_HAND, values, otherwise=CardOutdated(contact=contact.id))
    giving_up.drop_contact(s, contact_id=contact.id, outcome="reassigned", now=now)
    card_edits.refresh_all(s, contact_id=contact.id, now=now)


def _waited_since(contact: Row[Any], now: datetime) -> datetime | None:
    """Since when a contact would have waited to be assigned now, had nobody held it: what it required stays dropped.

    One that slept on without an operator wakes by this, as for a new wait (`requirements.seen_by`).
    """
    since: datetime | None = contact.waits_since
    if contact.operator_id is None and contact.wakes_at is not None:
        return now
    if contact.operator_id is None or contact.offered_at is not None:
        return since
    waited: timedelta = contact.current_assigned_at - (since or contact.created_at)
    return now - waited


_BEFORE = select(
    _contact.c.id,
    _contact.c.source_id,
    _contact.c.operator_id,
    _contact.c.offered_at,
    _contact.c.wakes_at,
    _contact.c.relief,
).where(
    _contact.c.id == bindparam("contact_id"),
    _contact.c.status != "closed",
    _contact.c.operator_id == bindparam("of_operator"),
)
# What was only offered keeps its place in the queue.
_GOES_FIRST = case((_contact.c.offered_at.is_not(None), _contact.c.goes_first), else_=bindparam("first", type_=Boolean))
_RETURN = (
    update(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.status != "closed",
        _contact.c.operator_id == bindparam("of_operator"),
    )
    .values(
        operator_id=None,
        status="new",
        version=_contact.c.version + 1,
        queued_at=bindparam("at", type_=_contact.c.queued_at.type),
        order_at=priority.order_at(_GOES_FIRST),
        goes_first=_GOES_FIRST,
        wakes_at=None,
        relief=0,
        current_assigned_at=None,
        previous_operator_id=_PREVIOUS,
        offers=case((_contact.c.offered_at.is_(None), 0), else_=_contact.c.offers + bindparam("in_vain")),
        escalated_at=case((_contact.c.offered_at.is_not(None), _contact.c.escalated_at)),
        # What was only offered goes on waiting; from who had it for good, a new wait begins.
        waits_since=case(
            (_contact.c.offered_at.is_not(None), _contact.c.waits_since),
            else_=bindparam("at", type_=_contact.c.waits_since.type),
        ),
        **offers.NOT_OFFERED,
    )
    .returning(_contact.c.id, _contact.c.source_id)
)


def return_contact(
    s: Session,
    *,
    contact_id: int,
    operator_id: int,
    reason: ReturnReason,
    actor: Actor,
    now: datetime,
    data: dict[str, Any] | None = None,
    is_in_vain: bool = False,
    of_offer: bool = False,
    goes_first: bool = False,
) -> bool:
    """Takes an open contact from its operator and frees the place; it waits again, where its age and head start put it.

    An offer that comes to nothing so costs and earns nobody any credit. The caller holds the locks of the operator's
    sources, and calls `giving_out.assign_waiting` after the last one.

    Args:
        reason: why it was returned; `data` of the event says more.
        is_in_vain: whether it is an offer that was declined or missed, which counts for the rounds of its source.
        of_offer: whether only an offer is meant, which may have been taken in this moment.
        goes_first: whether it goes to the head of the queue.

    Returns False if this operator did not hold it.
    """
    lock_contact(s, contact_id)  # who takes an offer in this moment is faster, or finds that it is gone
    before = execute(s, _BEFORE, {"contact_id": contact_id, "of_operator": operator_id}).one_or_none()
    if before is None or (of_offer and before.offered_at is None):
        return False
    offers.undo_draw(s, before)
    values = {"contact_id": contact_id, "of_operator": operator_id, "at": now, "in_vain": int(is_in_vain)}
    values["first"] = goes_first
    returned = execute(s, _RETURN, values).one_or_none()
    if returned is None:
        return False
    assignment.release(s, operator_id, is_sleeping=before.wakes_at is not None, relief=before.relief)
    requirements.queue_again(s, contact_id=contact_id, source_id=returned.source_id, actor=actor, now=now)
    giving_up.drop_contact(s, contact_id=contact_id, outcome="returned", now=now)
    queued = events.of_contact(
        events.CONTACT_QUEUED, returned, actor=actor.label, now=now, operator_id=operator_id, reason=reason, data=data
    )
    events.record(s, [queued])
    card_edits.refresh_all(s, contact_id=contact_id, now=now)
    return True
