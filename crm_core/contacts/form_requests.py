"""Requests of forms in public pages. Anybody can read a form's key, so nothing that a form says is taken for true.

A lead has at most one open contact at the source of a form: further calls join it. What a form says of a person who is
known already is shown with its words, marked, and never stored with the lead: otherwise whoever can name an address
could have an operator call another number.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.contacts import leads, lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact, lock_row
from crm_core.storage.tables import Contact, Lead, Staff, StaffChat

_contact, _lead = Contact.__table__, Lead.__table__

_OPEN_AT = (
    select(_contact.c.id, _contact.c.version)
    .where(
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.source_id == bindparam("source_id"),
        _contact.c.status != "closed",
    )
    .order_by(_contact.c.id)
    .limit(1)
)
_HOLDER = (
    select(_contact.c.bot_id, StaffChat.telegram_id.label("chat_id"))
    .select_from(_contact)
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .outerjoin(
        StaffChat,
        (StaffChat.telegram_id == Staff.telegram_id)
        & (StaffChat.bot_id == _contact.c.bot_id)
        & StaffChat.is_reachable.is_(True),
    )
    .where(_contact.c.id == bindparam("contact_id"))
)


def submit(
    s: Session, *, source_id: int, lead: LeadFacts, now: datetime, rng: Rng, content: MessageContent | None = None
) -> int:
    """A visitor sent a form: a contact opens at its source, or the one that is open there gets the message.

    Returns the contact's id. Raises SourceNotFound, SourceOff.
    """
    known = leads.find(s, lead)
    if known is None:
        # Another form of theirs may create the lead at this moment. Only one of both inserts it: the other one begins
        # anew and finds it known. Were it looked for once more instead, it would be taken for this form's own lead.
        leads.create(s, lead, now=now)
        return lifecycle.register(s, source_id=source_id, lead=lead, content=content, now=now, rng=rng).id
    lock_row(s, _lead, known.id)  # two forms at once must not both find nothing open
    said = _with_claims(content, known, lead)
    contact_id = _join(s, known.id, source_id, said, now)
    if contact_id is not None:
        return contact_id
    identity = LeadFacts(external_id=known.external_id, email=known.email)
    return lifecycle.register(s, source_id=source_id, lead=identity, content=said, now=now, rng=rng).id


def _with_claims(content: MessageContent | None, known: leads.LeadRecord, given: LeadFacts) -> MessageContent | None:
    """The message, with what the form says of the person where that is not what is known of them."""
    claims = [] if given.full_name in (None, known.full_name) else [given.full_name]
    if given.phone is not None and given.phone.key != known.phone_key:
        claims.append(given.phone.text)
    if not claims:
        return content
    marked = "⚠️ " + " · ".join(claims)
    text = (content.text if content else None) or ""
    room = messages.TEXT_LONGEST - messages.utf16_units(marked) - 2
    return MessageContent("text", text=f"{messages.fits_units(text, room)}\n\n{marked}".strip())


def _join(s: Session, lead_id: int, source_id: int, content: MessageContent | None, now: datetime) -> int | None:
    while True:
        found = s.execute(_OPEN_AT, {"lead_id": lead_id, "source_id": source_id}).one_or_none()
        if found is None:
            return None
        if lock_contact(s, found.id, version=found.version):
            break  # otherwise it was closed or given to somebody else meanwhile
    if content is None:
        return int(found.id)
    original = messages.store(s, content, contact_id=found.id, author="client", now=now)
    holder = execute(s, _HOLDER, {"contact_id": found.id}).one()
    if holder.chat_id is not None:
        copy = outbox.OutboxEntry(outbox.TO_OPERATOR, holder.bot_id, holder.chat_id, found.id, original.id)
        outbox.add(s, [copy], now=now)
    return int(found.id)
