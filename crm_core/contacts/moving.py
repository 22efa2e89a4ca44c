"""A contact is moved to the queue of another source, with its age, and given out by that source's rules.

It stays the same request of the same client: they write to the bot that they wrote to, and that bot talks to the
operator. Whoever had it before counts for nothing at the new source, and a new wait begins.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact
from crm_core.contacts import handing_on, notes, offering, reopening, transfer
from crm_core.contacts.checks import operator_name
from crm_core.errors import AlreadyAtSource, CardOutdated, ClientHasOpenThere
from crm_core.messaging import card_edits, forum_rows
from crm_core.routing import priority, requirements, sleep
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.returns import ReturnReason
from crm_core.routing.source_facts import SourceFacts, is_own_source, source_facts
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import AskedOperator, Chat, Contact, Source

_contact, _chat, _asked = Contact.__table__, Chat.__table__, AskedOperator.__table__


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a contact that was moved: who has it now, None if it waits; and the name of its source."""

    operator: str | None
    source: str


def to_source(
    s: Session,
    *,
    contact_id: int,
    source_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    note: str | None = None,
    version: int | None = None,
) -> Moved:
    """Moves a contact to another source.

    Args:
        note: for whoever gets it there, at most 500 characters; None for none. It replaces an earlier one.
        version: of the contact, as the button carries it; None skips the check.

    Returns what became of it. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated,
    StillOffered, SourceNotFound, AlreadyAtSource, ClientHasOpenThere, BadValue.
    """
    may = handing_on.check_may(s, actor, contact_id, version)
    checked = notes.check(note)
    contact, source, source_ids = _lock(s, contact_id, source_id)
    may(contact)
    if contact.source_id == source_id:
        raise AlreadyAtSource(contact=contact_id, source=source.name)
    other = None if contact.chat_id is None else reopening.open_there(s, contact, source_id=source_id)
    if other is not None:
        raise ClientHasOpenThere(contact=contact_id, open=other.id, source=source.name)
    notes.store(s, contact_id=contact_id, note=checked, author=handing_on.author(s, actor, contact))
    _take_away(s, contact, source_id, actor=actor, now=now)
    _move(s, contact, source, actor=actor, now=now)
    offering.give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=actor, now=now, rng=rng)
    return Moved(operator_name(s, access_contact(s, contact_id).operator_id), source.name)


def _lock(s: Session, contact_id: int, source_id: int) -> tuple[Row[Any], SourceFacts, set[int]]:
    """Locks a contact, before it its operator, and before this every source where something may be given out.

    Returns the contact, the source that it is to be moved to, and those sources. Raises ContactNotFound,
    SourceNotFound, and CardOutdated where the contact was moved while this transaction waited for the locks.
    """
    before = access_contact(s, contact_id)
    concerned = [] if before.operator_id is None else [before.operator_id]
    source_ids = hold_operators(s, concerned, gives_back=True, also=[before.source_id, source_id])
    source = source_facts(s, source_id)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    if (contact.operator_id, contact.source_id) != (before.operator_id, before.source_id):
        raise CardOutdated(contact=contact_id)
    return contact, source, source_ids


def _take_away(s: Session, contact: Row[Any], source_id: int, *, actor: Actor, now: datetime) -> None:
    """The contact leaves its operator, or whoever it is offered to."""
    if contact.wakes_at is not None:
        sleep.record_end(s, contact, why=sleep.Ended.BY_HAND, actor=actor, now=now)
    if contact.operator_id is not None:
        reason = ReturnReason.MOVED if contact.offered_at is None else ReturnReason.OFFER_WITHDRAWN
        who = {"contact_id": contact.id, "operator_id": contact.operator_id, "actor": actor}
        transfer.return_contact(s, reason=reason, now=now, data={"to_source": source_id}, **who)


_MOVE = (
    update(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.source_id == bindparam("from_source"),
        _contact.c.operator_id.is_(None),
        _contact.c.status == "new",
    )
    .values(
        source_id=bindparam("to_source"),
        first_source_id=func.coalesce(_contact.c.first_source_id, _contact.c.source_id),
        bot_id=case((_contact.c.chat_id.is_(None), bindparam("speaker")), else_=_contact.c.bot_id),
        version=_contact.c.version + 1,
        queued_at=bindparam("at", type_=_contact.c.queued_at.type),
        waits_since=bindparam("at", type_=_contact.c.waits_since.type),
        offers=0,
        escalated_at=None,
        wakes_at=None,
        is_asked=False,
        needs=None,
        drops_at=None,
    )
)
_FORGET_ASKED = delete(_asked).where(_asked.c.contact_id == bindparam("contact_id"))
_PLACE = update(_contact).where(_contact.c.id == bindparam("contact_id")).values(order_at=priority.ORDER_AT)


def _move(s: Session, contact: Row[Any], source: SourceFacts, *, actor: Actor, now: datetime) -> None:
    """Puts a contact without an operator into the queue of another source, and sends its client's words after it."""
    values = {"contact_id": contact.id, "from_source": contact.source_id, "to_source": source.id}
    change_one(
        s, _MOVE, {**values, "speaker": source.card_bot_id, "at": now}, otherwise=CardOutdated(contact=contact.id)
    )
    execute(s, _FORGET_ASKED, {"contact_id": contact.id})
    execute(s, _PLACE, {"contact_id": contact.id})
    requirements.queue_again(s, contact_id=contact.id, source_id=source.id, actor=actor, now=now)
    if contact.chat_id is not None:
        chat = {"of_bot": contact.bot_id, "of_chat": contact.chat_id}
        execute(s, _FOLLOW, {**chat, "from_source": contact.source_id, "to_source": source.id})
    events.record_one(
        s,
        events.CONTACT_MOVED,
        actor=actor.label,
        now=now,
        contact_id=contact.id,
        source_id=source.id,
        data={"from_source": contact.source_id},
    )
    card_edits.refresh_all(s, contact_id=contact.id, now=now)
    forum_rows.add_known(s, contact.id, now=now)


_FOLLOW = (
    update(_chat)
    .where(
        _chat.c.bot_id == bindparam("of_bot"),
        _chat.c.chat_id == bindparam("of_chat"),
        or_(
            _chat.c.source_id == bindparam("from_source"),
            and_(
                _chat.c.source_id.is_(None),
                exists().where(Source.id == bindparam("from_source"), is_own_source(_chat.c.bot_id)),
            ),
        ),
    )
    .values(
        source_id=select(Source.id)
        .where(Source.id == bindparam("to_source"), ~is_own_source(_chat.c.bot_id))
        .scalar_subquery()
    )
)
"""What the client writes next is for the contact where it is now, if it would have been for it where it was."""
