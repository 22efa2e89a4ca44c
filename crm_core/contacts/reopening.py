"""A closed contact is opened again by the operator who had it when it was closed. It stays the contact that it was."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_key, access_operator
from crm_core.access.scopes import WRITE
from crm_core.contacts.checks import check_former, check_version, operator_name
from crm_core.errors import (
    CardOutdated,
    ClientHasOpen,
    ContactAlreadyYours,
    ContactHeld,
    OperatorAtCeiling,
    OperatorUnreachable,
)
from crm_core.messaging import card_edits, giving_up, messages, outbox
from crm_core.routing import assignment, queue, relief
from crm_core.routing.candidates import one_candidate
from crm_core.routing.choose import is_at_ceiling
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.source_facts import is_own_source, source_facts
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Chat, Contact, OutboxRow, Posted, Source

_contact, _chat, _posted, _outbox = Contact.__table__, Chat.__table__, Posted.__table__, OutboxRow.__table__


def reopen(s: Session, *, contact_id: int, version: int | None, actor: Actor, now: datetime) -> Row[Any]:
    """Opens a closed contact again: it is in progress, with the operator who had it when it was closed.

    That operator decides it, or an API key for them, so it may exceed their limit, as an assignment by hand may. It is
    no new contact: nothing is drawn, and what statistics say of its opening, assignment and first answer stays. The
    client is told nothing; what they write next joins it again.

    Args:
        version: of the contact, as the button carries it; None skips the check.

    Returns the contact as it was. Raises NotAllowed, ContactNotFound, ContactHeld, ContactAlreadyYours, CardOutdated,
    ClientHasOpen, OperatorNotFound, OperatorUnreachable, OperatorAtCeiling.
    """
    operator_id = _access_former(s, actor, contact_id)
    hold_operators(s, [operator_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_former(s, contact, operator_id)
    if contact.status != "closed":
        raise ContactAlreadyYours(contact=contact_id)
    check_version(contact, version)
    check_no_other_open(s, contact)
    if contact.first_source_id is not None:  # where the client's next words would be for another one
        check_no_other_open(s, contact, source_id=contact.first_source_id)
    place = _take_place(s, contact, operator_id)
    change_one(
        s,
        _REOPEN,
        {"contact_id": contact_id, "seen": contact.version, "at": now},
        otherwise=CardOutdated(contact=contact_id),
    )
    relief.settle(s, contact_id)
    _point_chat(s, contact)
    _record(s, contact, place, actor=actor, now=now)
    _show(s, contact, place, now=now)
    return contact


_REOPEN = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(
        status="in_progress",
        version=_contact.c.version + 1,
        closed_at=None,
        late_from=None,
        taken_at=func.coalesce(_contact.c.taken_at, bindparam("at", type_=_contact.c.taken_at.type)),
        current_assigned_at=bindparam("at", type_=_contact.c.taken_at.type),
    )
)


def _access_former(s: Session, actor: Actor, contact_id: int) -> int:
    """The operator as whom the actor opens a contact again: their own; for an API key, the one who had it."""
    if actor.key_id is None:
        return int(access_operator(s, actor).id)
    access_key(s, actor, needs=WRITE)
    operator_id = access_contact(s, contact_id).operator_id
    if operator_id is None:
        raise ContactHeld(contact=contact_id, operator=None)
    return int(operator_id)


_OPEN_THERE = select(_contact.c.id, _contact.c.operator_id).where(
    _contact.c.lead_id == bindparam("lead_id"),
    _contact.c.source_id == bindparam("source_id"),
    _contact.c.bot_id == bindparam("bot_id"),
    text("contacts.status <> 'closed' AND contacts.chat_id IS NOT NULL"),
)


def open_there(s: Session, contact: Row[Any], *, source_id: int | None = None) -> Row[Any] | None:
    """The open contact (`id`, `operator_id`) of a client in Telegram at the source of one of theirs, or at another."""
    there = {"lead_id": contact.lead_id, "source_id": source_id or contact.source_id, "bot_id": contact.bot_id}
    return execute(s, _OPEN_THERE, there).one_or_none()


def check_no_other_open(s: Session, contact: Row[Any], *, source_id: int | None = None) -> None:
    """Checks that the client has no open contact beside this one, which is closed or at another source.

    Args:
        source_id: where it is to be; by default where it is.

    Raises ClientHasOpen, with that one and the name of who holds it.
    """
    if contact.chat_id is None:
        return
    other = open_there(s, contact, source_id=source_id)
    if other is not None:
        name = operator_name(s, other.operator_id)
        raise ClientHasOpen(
            contact=contact.id, open=other.id, operator=name, is_yours=other.operator_id == contact.operator_id
        )


def _take_place(s: Session, contact: Row[Any], operator_id: int) -> assignment.Reservation:
    """A place of the operator for the contact, over their limit too.

    Raises OperatorNotFound, OperatorUnreachable, OperatorAtCeiling.
    """
    source = queue.as_seen_by(source_facts(s, contact.source_id), chat_id=contact.chat_id, bot_id=contact.bot_id)
    chosen = one_candidate(s, source, operator_id=operator_id)
    if is_at_ceiling(chosen.candidate):
        raise OperatorAtCeiling(operator=chosen.name, ceiling=chosen.candidate.ceiling)
    place = assignment.reserve_again(s, chosen=chosen.candidate)
    if place is None or not chosen.candidate.is_reachable:
        raise OperatorUnreachable(operator=chosen.name)
    return place


_POINT = (
    update(_chat)
    .where(
        _chat.c.bot_id == bindparam("of_bot"),
        _chat.c.chat_id == bindparam("of_chat"),
        ~exists().where(
            _contact.c.lead_id == bindparam("of_lead"),
            _contact.c.id != bindparam("but"),
            text("contacts.status <> 'closed' AND contacts.chat_id IS NOT NULL"),
            or_(
                _contact.c.source_id == _chat.c.source_id,
                _chat.c.source_id.is_(None)
                & exists().where(
                    Source.id == _contact.c.source_id, Source.bot_id == _chat.c.bot_id, Source.slug.is_(None)
                ),
            ),
        ),
    )
    .values(
        source_id=select(Source.id)
        .where(Source.id == bindparam("at_source"), ~is_own_source(_chat.c.bot_id))
        .scalar_subquery()
    )
)


def _point_chat(s: Session, contact: Row[Any]) -> None:
    """The client's next words are for this contact, unless another one is open where they go at present."""
    if contact.chat_id is not None:
        values = {"of_bot": contact.bot_id, "of_chat": contact.chat_id, "of_lead": contact.lead_id}
        execute(s, _POINT, {**values, "but": contact.id, "at_source": contact.source_id})


def _record(s: Session, contact: Row[Any], place: assignment.Reservation, *, actor: Actor, now: datetime) -> None:
    kinds = [events.CONTACT_REOPENED]
    if contact.taken_at is None:  # it was closed without having been taken: it is taken now, for the first time
        kinds.append(events.CONTACT_TAKEN)
    happened = [
        events.of_contact(kind, contact, actor=actor.label, now=now, operator_id=place.operator_id) for kind in kinds
    ]
    if place.load == place.limit:
        happened.append(events.NewEvent(events.LIMIT_REACHED, now, events.SYSTEM, operator_id=place.operator_id))
    events.record(s, happened)


def _show(s: Session, contact: Row[Any], place: assignment.Reservation, *, now: datetime) -> None:
    """Brings the cards up to date; an operator who has none in this chat gets one, with all that was said."""
    card_edits.refresh_all(s, contact_id=contact.id, now=now)
    if place.chat_id is None or contact.bot_id is None:
        return
    giving_up.hold_waiting(s, contact_id=contact.id)
    chat = {"bot_id": contact.bot_id, "chat_id": place.chat_id, "contact_id": contact.id}
    if execute(s, _HAS_CARD, chat).first() is None:
        # What waits there is among all that was said: late messages with their card, the line that counts the earlier.
        giving_up.drop_contact(s, contact_id=contact.id, outcome="reopened", now=now)
        said = messages.said(s, contact.id)
        card = outbox.OutboxEntry(outbox.CARD, contact.bot_id, place.chat_id, contact.id)
        copies = messages.copies(said, contact_id=contact.id, bot_id=contact.bot_id, chat_id=place.chat_id)
        outbox.add(s, [card, *copies], now=now)


_HAS_CARD = (
    select(_posted.c.message_id)
    .where(
        _posted.c.contact_id == bindparam("contact_id"),
        _posted.c.bot_id == bindparam("bot_id"),
        _posted.c.chat_id == bindparam("chat_id"),
        _posted.c.is_card.is_(True),
    )
    .union_all(
        select(_outbox.c.id).where(
            _outbox.c.contact_id == bindparam("contact_id"),
            _outbox.c.bot_id == bindparam("bot_id"),
            _outbox.c.chat_id == bindparam("chat_id"),
            _outbox.c.kind == outbox.CARD,
            _outbox.c.state == "sending",
        )
    )
)
