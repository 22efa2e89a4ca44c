"""After how many offers in vain others are told of a contact, and who: whoever is on duty at its source, or admins."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, access_contact
from crm_core.messaging import alerts, messages
from crm_core.routing import assignment, giving_out, offers, relief, requirements
from crm_core.routing.assignment import ASSIGNED_VALUES
from crm_core.routing.candidates import one_candidate
from crm_core.routing.choose import NOTHING, exclusion
from crm_core.routing.source_facts import source_facts
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Source

_contact = Contact.__table__


@dataclass(frozen=True, slots=True)
class OfferRules:
    """What a source says of offers that come to nothing (`crm_core.routing.offer_settings`)."""

    rounds: int
    miss_limit: int
    duty_operator_id: int | None


_RULES = select(Source.offer_rounds, Source.miss_limit, Source.duty_operator_id).where(
    Source.id == bindparam("source_id")
)


def rules_of(s: Session, source_id: int) -> OfferRules:
    """What a source says of offers that come to nothing."""
    return OfferRules(*execute(s, _RULES, {"source_id": source_id}).one())


def is_enough(contact: Row[Any], rules: OfferRules) -> bool:
    """Whether others are to be told, with the offer that comes to nothing now."""
    return contact.escalated_at is None and contact.offers + 1 >= rules.rounds


_ESCALATED = update(_contact).where(_contact.c.id == bindparam("contact_id"))


def escalate(s: Session, contact: Row[Any], *, now: datetime) -> None:
    """Admins are told that nobody takes it, and nobody who declined it is asked again.

    Args:
        contact: as it was before its last offer came to nothing.
    """
    execute(s, _ESCALATED.values(escalated_at=now), {"contact_id": contact.id})
    offers.refuse_declined(s, contact_id=contact.id)
    source = source_facts(s, contact.source_id)
    alerts.notify_admins(
        s,
        cause=f"nobody_takes:{contact.id}",
        code="nobody_takes",
        now=now,
        bot_id=source.card_bot_id,
        contact=contact.id,
        source=source.name,
        offers=contact.offers + 1,
    )


_GIVE = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.operator_id.is_(None))
    .values(ASSIGNED_VALUES)
)


def give_to_duty(s: Session, contact: Row[Any], operator_id: int, *, now: datetime) -> bool:
    """Gives it to the operator on duty, over their limit too: they are there for this. False if they cannot get it."""
    source = requirements.seen_by(s, access_contact(s, contact.id), now=now)
    chosen = one_candidate(s, source, operator_id=operator_id).candidate
    # Neither limits nor skills count: they are there for this. Whoever was asked already has said no, or nothing.
    there = replace(chosen, load=0, limit=1, limit_here=None, rate=None, ramp=None, lacking=NOTHING)
    if exclusion(there) is not None:
        return False
    place = assignment.reserve_by_hand(
        s, source, chosen=chosen, beyond_limit=True, is_charged=source.sticky_mode == "charged"
    )
    if place is None:
        return False
    values = {"contact_id": contact.id, "to_operator": operator_id, "at": now, "offered": None, "offer_ends": None}
    execute(s, _GIVE, values)
    if source.counts_less:
        relief.settle(s, contact.id)
    assignment.announce_assignment(
        s,
        contact_id=contact.id,
        source=source,
        place=place.on_duty(),
        actor=SYSTEM.label,
        now=now,
        said=messages.said(s, contact.id),
        also=giving_out.handed_on(contact, to=operator_id),
    )
    return True
