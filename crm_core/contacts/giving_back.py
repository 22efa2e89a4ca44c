"""An operator gives a contact back: it waits again, in its old place by age, and goes to somebody else."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_holder
from crm_core.contacts import notes, offering, transfer
from crm_core.contacts.checks import check_holder, check_own_step
from crm_core.errors import ContactSleeps, StillOffered
from crm_core.routing import offers
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import Asked
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.returns import ReturnReason
from crm_core.storage.locks import lock_contact


class GivenBack(StrEnum):
    """What became of a contact that was given back."""

    ELSEWHERE = "elsewhere"
    """Somebody else has it now."""
    WAITS = "waits"
    """It waits for somebody else, who is there but has no room."""
    YOURS = "yours"
    """Nobody else is there for it, so it came back."""


def give_back(
    s: Session, *, contact_id: int, version: int | None, note: str | None, actor: Actor, now: datetime, rng: Rng
) -> GivenBack:
    """An operator returns a contact of theirs to the queue.

    It comes to them again only where nobody else is there for it. An API key does it for the operator who holds it.

    Args:
        version: of the contact, as the button carries it; None skips the check.
        note: for whoever gets it next, at most 500 characters; None for none. It replaces an earlier one.

    Returns what became of it. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld,
    CardOutdated, StillOffered, ContactSleeps, BadValue.
    """
    operator_id = access_holder(s, actor, contact_id)
    checked = notes.check(note)
    source_id = access_contact(s, contact_id).source_id
    source_ids = hold_operators(s, [operator_id], gives_back=True, also=[source_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    check_own_step(s, contact, version, actor)
    if contact.offered_at is not None:
        raise StillOffered(contact=contact_id)
    if contact.wakes_at is not None:
        raise ContactSleeps(contact=contact_id)
    notes.store(s, contact_id=contact_id, note=checked, author=operator_id)
    offers.note_asked(s, contact_id=contact_id, operator_id=operator_id, outcome=Asked.RETURNED)
    transfer.return_contact(
        s, contact_id=contact_id, operator_id=operator_id, reason=ReturnReason.RETURNED, actor=actor, now=now
    )
    offering.give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=actor, now=now, rng=rng)
    has_it = access_contact(s, contact_id).operator_id
    if has_it is None:
        return GivenBack.WAITS
    return GivenBack.YOURS if has_it == operator_id else GivenBack.ELSEWHERE
