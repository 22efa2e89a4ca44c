"""Reads what cards and notices say of contacts, as it is now."""

from dataclasses import replace

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from crm_core import events
from crm_core.delivery.claimed_rows import CardData
from crm_core.routing import waiting_list
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import Contact, Event, Lead, Message, Operator, Source, Staff

EARLIER = aliased(Contact)
FIRST = aliased(Message)
HOLDER_STAFF = aliased(Staff)

_earlier_count = (
    select(func.count()).select_from(EARLIER).where(EARLIER.lead_id == Contact.lead_id, EARLIER.id < Contact.id)
).scalar_subquery()
_last_earlier = (
    select(func.max(EARLIER.id)).where(EARLIER.lead_id == Contact.lead_id, EARLIER.id < Contact.id)
).scalar_subquery()
_first_message = (  # of the client: an operator may have written first, if the contact came without a message
    select(Message.id)
    .where(Message.contact_id == Contact.id, Message.author == "client")
    .order_by(Message.id)
    .limit(1)
    .scalar_subquery()
)
_author = aliased(Operator)
_note_by = select(_author.name).where(_author.id == Contact.note_operator_id).scalar_subquery()
_HOLDER, _PREVIOUS, _LAST_OPERATOR = aliased(Operator), aliased(Operator), aliased(Operator)
_LAST = aliased(Contact)
_before = and_(_PREVIOUS.id == Contact.previous_operator_id, _PREVIOUS.id != Contact.operator_id)

_CONTACTS = PreparedForIds(
    lambda ids: (
        select(
            Contact.id,
            Contact.version,
            Contact.status,
            Source.name.label("source"),
            Contact.bot_id,
            Contact.created_at,
            Contact.taken_at,
            Contact.closed_at,
            _HOLDER.name.label("operator"),
            HOLDER_STAFF.telegram_id.label("operator_chat"),
            Lead.full_name.label("lead_name"),
            Lead.username.label("lead_username"),
            Lead.language.label("lead_language"),
            Lead.phone,
            Lead.email,
            Lead.email_hint,
            FIRST.kind.label("first_kind"),
            FIRST.text.label("first_text"),
            FIRST.entities.label("first_entities"),
            _earlier_count.label("earlier"),
            _LAST_OPERATOR.name.label("last_operator"),
            Contact.chat_id.is_not(None).label("has_chat"),
            Contact.current_assigned_at,
            Contact.late_from.is_not(None).label("has_late"),
            _PREVIOUS.name.label("previous_operator"),
            FIRST.forwarded_from.label("first_forwarded_from"),
            FIRST.about.label("first_about"),
            Contact.offered_at,
            Contact.offer_ends_at,
            Contact.note,
            _note_by.label("note_by"),
            (Lead.head_start > 0).label("is_vip"),
            Contact.wakes_at,
            (_HOLDER.current_leads == 1).label("is_alone"),
            Contact.source_id,
            Source.protect_content,
            _LAST.id.label("last_id"),
            _LAST.closed_at.label("last_closed_at"),
            Source.skills.label("source_skills"),
            Contact.skills.label("own_skills"),
            HOLDER_STAFF.language.label("operator_language"),
            func.coalesce(HOLDER_STAFF.has_topics, False).label("operator_has_topics"),
        )
        .join(Source, Source.id == Contact.source_id)
        .join(Lead, Lead.id == Contact.lead_id)
        .outerjoin(_HOLDER, _HOLDER.id == Contact.operator_id)
        .outerjoin(_PREVIOUS, _before)
        .outerjoin(HOLDER_STAFF, HOLDER_STAFF.operator_id == Contact.operator_id)
        .outerjoin(FIRST, FIRST.id == _first_message)
        .outerjoin(_LAST, _LAST.id == _last_earlier)
        .outerjoin(_LAST_OPERATOR, _LAST_OPERATOR.id == _LAST.operator_id)
        .where(Contact.id.in_(ids))
    )
)


def of_contacts(s: Session, ids: set[int]) -> dict[int | None, CardData]:
    """What cards say of contacts, by their ids."""
    if not ids:
        return {}
    found: dict[int | None, CardData] = {}
    for row in execute(s, _CONTACTS, {"ids": sorted(ids)}):
        columns = row._asdict()
        source_id = columns.pop("source_id")
        contact = CardData(**columns)
        if contact.operator is None and contact.status == "new":  # the client is told their position in the queue
            position = waiting_list.position_of(s, contact_id=contact.id, source_id=source_id)
            contact = replace(contact, queue_position=position)
        if contact.status == "in_progress" and _is_of_another(contact):
            contact = replace(contact, taken_at=execute(s, _TAKEN, {"contact_id": contact.id}).scalar_one())
        found[contact.id] = contact
    return found


def _is_of_another(contact: CardData) -> bool:
    """Whether the first take, which the contact keeps, was not the present operator's."""
    taken, assigned = contact.taken_at, contact.current_assigned_at
    return taken is not None and assigned is not None and taken < assigned


_TAKEN = select(func.max(Event.at)).where(
    Event.contact_id == bindparam("contact_id"), Event.kind.in_((events.CONTACT_TAKEN, events.CONTACT_REOPENED))
)
