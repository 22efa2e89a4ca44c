"""A contact is handed on, with a note: to another operator, or to the queue of another source.

Operators hand on what they hold themselves; admins, and API keys that may write, any open contact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_operator, access_transferring
from crm_core.contacts import notes, transfer
from crm_core.contacts.checks import check_holder, check_own_step
from crm_core.errors import ContactClosed, NotAllowed, StillOffered
from crm_core.routing import requirements, sources
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import everybody
from crm_core.routing.choose import exclusion_by_hand
from crm_core.storage.execute import execute
from crm_core.storage.tables import Lead


@dataclass(frozen=True, slots=True)
class Colleague:
    """An operator who can be given a contact by hand.

    Attributes:
        is_there: whether that needs no confirmation: they are neither away nor full.
    """

    operator_id: int
    name: str
    load: int
    limit: int
    is_there: bool


@dataclass(frozen=True, slots=True)
class Ways:
    """Whom a contact can be handed on to.

    Attributes:
        version: of the contact.
        colleagues: those who are there first, then by name.
        others: the other sources that take requests, by id.
    """

    lead: str | None
    version: int
    source: str
    colleagues: tuple[Colleague, ...]
    others: dict[int, str]


def ways(s: Session, *, contact_id: int, actor: Actor, now: datetime) -> Ways:
    """Whom the actor can hand a contact on to. Raises what `to_operator` raises before it looks at the operator."""
    may = check_may(s, actor, contact_id)
    contact = access_contact(s, contact_id)
    may(contact)
    source = requirements.seen_by(s, contact, now=now)
    found = [
        Colleague(one.candidate.operator_id, one.name, one.candidate.load, one.candidate.limit, is_there)
        for one in everybody(s, source)
        if one.candidate.operator_id != contact.operator_id
        if one.candidate.is_reachable and not one.candidate.is_own
        for is_there in (exclusion_by_hand(one.candidate) is None,)
    ]
    lead = execute(s, select(Lead.full_name).where(Lead.id == contact.lead_id)).scalar_one_or_none()
    return Ways(
        lead,
        contact.version,
        source.name,
        tuple(sorted(found, key=lambda one: not one.is_there)),
        {one.id: one.name for one in sources.listing(s) if one.is_active and one.id != contact.source_id},
    )


def to_operator(
    s: Session,
    *,
    contact_id: int,
    operator_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    note: str | None = None,
    confirmed: bool = False,
    version: int | None = None,
) -> str:
    """Hands a contact on to another operator, who is chosen by hand and pays for it likewise.

    Args:
        note: for them, at most 500 characters; None for none. It replaces an earlier one.
        confirmed: whether the actor has agreed that the operator is full or absent.
        version: of the contact, as the button carries it; None skips the check.

    Returns the operator's name. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated,
    StillOffered, OperatorNotFound, ContactAlreadyTheirs, OwnRequest, OperatorUnreachable, NeedsConfirmation, BadValue.
    """
    may = check_may(s, actor, contact_id, version)
    checked = notes.check(note)
    before: list[Row[Any]] = []

    def check(contact: Row[Any]) -> None:
        may(contact)
        before.append(contact)

    name = transfer.give_to(
        s,
        contact_id=contact_id,
        operator_id=operator_id,
        actor=actor,
        now=now,
        rng=rng,
        confirmed=confirmed,
        check=check,
    )
    (contact,) = before
    notes.store(s, contact_id=contact_id, note=checked, author=author(s, actor, contact))
    transferred = events.of_contact(
        events.CONTACT_TRANSFERRED,
        contact,
        actor=actor.label,
        now=now,
        operator_id=operator_id,
        data={"from_operator": None if contact.offered_at is not None else contact.operator_id},
    )
    events.record(s, [transferred])
    return name


def check_may(s: Session, actor: Actor, contact_id: int, version: int | None = None) -> Callable[[Row[Any]], None]:
    """A check of whether the actor may hand on a contact, as it is once it is locked. Raises NotAllowed."""
    by = access_transferring(s, actor)

    def check(contact: Row[Any]) -> None:
        if contact.status == "closed":
            raise ContactClosed(contact=contact_id)
        if by is not None:
            check_holder(s, contact, by)
            if contact.offered_at is not None:
                raise StillOffered(contact=contact_id)
        check_own_step(s, contact, version, actor)

    return check


def author(s: Session, actor: Actor, contact: Row[Any]) -> int | None:
    """Who writes a note on a contact: the operator of the actor's account; for an API key, whoever holds it."""
    if actor.key_id is not None:
        return None if contact.operator_id is None or contact.offered_at is not None else int(contact.operator_id)
    try:
        operator_id: int = access_operator(s, actor).id
    except NotAllowed:
        return None
    return operator_id
