"""Phone and e-mail that clients leave: stored with the lead, shown on cards, told to whoever works for them."""

from datetime import datetime

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.contacts import leads
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.phones import Phone
from crm_core.conversation import prompts
from crm_core.conversation.client_messages import receive
from crm_core.conversation.known_clients import identify
from crm_core.messaging import card_edits, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing.assignment import Rng
from crm_core.storage.tables import (
    Contact,
    Posted,
    Source,
    Staff,
)

_contact = Contact.__table__


def share_phone(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    phone: Phone,
    content: MessageContent,
    now: datetime,
    rng: Rng,
) -> None:
    """A client shared their own phone: it is stored with the lead and shown on open cards.

    Where no contact is open, it opens one: whoever leaves nothing but a phone waits to be called.

    Args:
        content: the message by which they shared it.

    Raises what `receive` raises; then nothing is stored.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    leads.set_phone(s, lead_id=known.lead_id, phone=phone, now=now)
    if known.contact_id is None and not _has_open(s, known.lead_id, bot_id):
        receive(s, bot_id=bot_id, chat_id=chat_id, person=person, content=content, now=now, rng=rng)
    _refresh_cards_of(s, known.lead_id, now)
    _tell_holders(s, known.lead_id, code="phone_shared", value=phone.text, client=person.full_name, now=now)


def _has_open(s: Session, lead_id: int, bot_id: int) -> bool:
    """Whether a contact of a client is open at any source of a bot."""
    theirs = (_contact.c.lead_id == lead_id, _contact.c.bot_id == bot_id, _contact.c.status != "closed")
    return s.execute(select(_contact.c.id).where(*theirs).limit(1)).first() is not None


EMAIL_QUESTION = "email"


def ask_email(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, actor: Actor, now: datetime) -> None:
    """Asks a client for their e-mail: if their next message is an address, it answers. The caller sends the text."""
    identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    prompts.ask(
        s,
        bot_id=bot_id,
        chat_id=chat_id,
        question=EMAIL_QUESTION,
        data={},
        role=prompts.Role.CLIENT,
        actor=actor,
        now=now,
    )


def share_email(s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, email: str, now: datetime) -> bool:
    """A client named their e-mail: it is stored with the lead and shown on open cards.

    Returns False if they had named the same one before. Raises BadEmail.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now)
    is_new = leads.set_email(s, lead_id=known.lead_id, email=email, now=now)
    if is_new:
        _refresh_cards_of(s, known.lead_id, now)
        _tell_holders(s, known.lead_id, code="email_shared", value=email, client=person.full_name, now=now)
    return is_new


def _refresh_cards_of(s: Session, lead_id: int, now: datetime) -> None:
    mine = select(_contact.c.id).where(_contact.c.lead_id == lead_id, _contact.c.status != "closed")
    for contact_id in s.execute(mine).scalars().all():
        card_edits.refresh_all(s, contact_id=contact_id, now=now)


_IN_PROGRESS = (
    select(
        _contact.c.id,
        _contact.c.bot_id,
        Staff.telegram_id,
        func.max(Posted.message_id).label("card"),
        Source.protect_content,
    )
    .join(Source, Source.id == _contact.c.source_id)
    .join(Staff, Staff.operator_id == _contact.c.operator_id)
    .outerjoin(
        Posted,
        and_(
            Posted.contact_id == _contact.c.id,
            Posted.bot_id == _contact.c.bot_id,
            Posted.chat_id == Staff.telegram_id,
            Posted.is_card.is_(True),
        ),
    )
    .where(
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.status == "in_progress",
        _contact.c.bot_id.is_not(None),
    )
    .group_by(_contact.c.id, _contact.c.bot_id, Staff.telegram_id, Source.protect_content)
)


def _tell_holders(s: Session, lead_id: int, *, code: str, value: str, client: str | None, now: datetime) -> None:
    """A line at the card for whoever works on a contact: the card itself may be far above. Before the take, none."""
    for row in s.execute(_IN_PROGRESS, {"lead_id": lead_id}).all():
        payload = {"code": code, "contact": row.id, "client": client, "value": value, "reply_to": row.card}
        payload[outbox.PROTECTED] = row.protect_content
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, row.bot_id, row.telegram_id, row.id, payload=payload)
        outbox.add(s, [notice], now=now)
