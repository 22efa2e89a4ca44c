"""A client whose requests come before others in the queue, by so many minutes: `/vip #42`, or the API."""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin, access_contact, access_key
from crm_core.access.scopes import WRITE
from crm_core.errors import LeadNotFound
from crm_core.events import NewEvent
from crm_core.messaging import card_edits
from crm_core.routing import priority
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_row, lock_sources
from crm_core.storage.tables import Contact, Lead, Source

_lead, _contact = Lead.__table__, Contact.__table__
USUAL = 60
"""The head start of a client who is simply marked, in minutes."""

_HAS = select(_lead.c.head_start).where(_lead.c.id == bindparam("lead_id"))
_OPEN = (
    select(_contact.c.id)
    .where(_contact.c.lead_id == bindparam("lead_id"), _contact.c.status != "closed")
    .order_by(_contact.c.id)
)


def mark(s: Session, *, contact_id: int, minutes: int, actor: Actor, now: datetime) -> None:
    """Sets the head start of the client of a request, in all their requests, the waiting ones included.

    Args:
        minutes: 0 for none.

    Raises NotAllowed, ContactNotFound, BadValue.
    """
    access_admin(s, actor)
    lead_id: int = access_contact(s, contact_id).lead_id
    _set(s, lead_id, priority.check_minutes(minutes), actor, now)


def set_head_start(s: Session, *, lead_id: int, minutes: int, actor: Actor, now: datetime) -> None:
    """The same for a lead, through the API. Raises NotAllowed, LeadNotFound, BadValue."""
    access_key(s, actor, needs=WRITE)
    _set(s, lead_id, priority.check_minutes(minutes), actor, now)


def _set(s: Session, lead_id: int, minutes: int, actor: Actor, now: datetime) -> None:
    lock_row(s, _lead, lead_id)
    # The lead may be queued anywhere meanwhile: no contact of theirs is queued by the number that is changed here.
    lock_sources(s, s.execute(select(Source.id)).scalars())
    before = execute(s, _HAS, {"lead_id": lead_id}).scalar_one_or_none()
    if before is None:
        raise LeadNotFound(lead=lead_id)
    if before == minutes:
        return
    execute(s, update(_lead).where(_lead.c.id == lead_id).values(head_start=minutes))
    priority.lead_changed(s, lead_id)
    data = {"priority_minutes": minutes}
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, actor.label, lead_id=lead_id, reason="priority", data=data)])
    for contact_id in execute(s, _OPEN, {"lead_id": lead_id}).scalars().all():
        card_edits.refresh_all(s, contact_id=contact_id, now=now)
