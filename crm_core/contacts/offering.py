"""What becomes of an offer that its operator does not take: they decline it, or somebody else gets it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_holder
from crm_core.contacts import cards, offer_rounds, transfer
from crm_core.contacts.checks import check_holder, check_version
from crm_core.contacts.decline_reasons import DeclineReason, find_reason
from crm_core.errors import NotOffered
from crm_core.hours.calendar import Calendar
from crm_core.routing import giving_out, offers, wait_alerts
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import Asked
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import OPEN
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Contact

_contact = Contact.__table__


def decline(
    s: Session, *, contact_id: int, version: int | None, reason: str, actor: Actor, now: datetime, rng: Rng
) -> DeclineReason:
    """An operator declines an offer; the next one gets it by the same rule. The client hears nothing of it.

    Args:
        version: of the contact, as the button carries it; None skips the check.
        reason: its code (`crm_core.contacts.decline_reasons`).

    Returns the reason. Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated, NotOffered,
    ReasonNotFound.
    """
    operator_id = access_holder(s, actor, contact_id)
    why = find_reason(s, reason, contact=contact_id)
    contact, source_ids = hold_offered(s, contact_id, operator_id)
    check_holder(s, contact, operator_id)
    if contact.offered_at is None:
        raise NotOffered(contact=contact_id)
    check_version(contact, version)
    offers.answered(s, contact_id=contact_id, operator_id=operator_id)
    outcome = Asked.DECLINED if why.may_ask_again else Asked.REFUSED
    pass_on(s, contact, outcome=outcome, actor=actor, now=now, data={"because": why.code})
    give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=actor, now=now, rng=rng)
    return why


def hold_offered(s: Session, contact_id: int, operator_id: int) -> tuple[Row[Any], set[int]]:
    """Locks what passing an offer on may change. Returns the contact as it is then, and the sources to look at."""
    before = access_contact(s, contact_id)
    concerned = {operator_id}
    if (
        before.offered_at is not None
        and (duty := offer_rounds.rules_of(s, before.source_id).duty_operator_id) is not None
    ):
        concerned.add(duty)
    source_ids = hold_operators(s, concerned, gives_back=True, also=[before.source_id])
    lock_contact(s, contact_id)
    return access_contact(s, contact_id), source_ids


def pass_on(
    s: Session, contact: Row[Any], *, outcome: Asked, actor: Actor, now: datetime, data: dict[str, Any] | None = None
) -> None:
    """Takes an offer from its operator: it waits for the next one; after enough rounds, for who is on duty.

    The caller has called `hold_offered`, and calls `giving_out.assign_waiting` afterwards.

    Args:
        outcome: MISSED, or DECLINED or REFUSED.
    """
    reason = ReturnReason.MISSED if outcome is Asked.MISSED else ReturnReason.DECLINED
    if not transfer.return_contact(
        s,
        contact_id=contact.id,
        operator_id=contact.operator_id,
        reason=reason,
        actor=actor,
        now=now,
        data=data,
        is_in_vain=True,
    ):
        return
    offers.note_asked(s, contact_id=contact.id, operator_id=contact.operator_id, outcome=outcome)
    rules = offer_rounds.rules_of(s, contact.source_id)
    if not offer_rounds.is_enough(contact, rules):
        return
    duty = rules.duty_operator_id
    if duty is None or not offer_rounds.give_to_duty(s, contact, duty, now=now):
        offer_rounds.escalate(s, contact, now=now)


def give_out(
    s: Session, *, source_ids: Iterable[int], contact_ids: Sequence[int], actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Gives out what waits, after offers came to nothing. Admins hear of those of them that find nobody at all.

    Args:
        contact_ids: what was offered.
    """
    assigned = giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    if contact_ids:
        wait_alerts.notify_waiting(s, contact_ids=contact_ids, now=now)
    return assigned


def withdraw(s: Session, *, operator_id: int, actor: Actor, now: datetime) -> list[int]:
    """What is offered to an operator who cannot take it any more waits for others.

    The caller has called `hold_operators` with `gives_back`, and calls `give_out` afterwards. Returns the ids of these
    contacts.
    """
    found = execute(s, _OFFERED_TO, {"operator_id": operator_id}).scalars().all()
    what: dict[str, Any] = {"operator_id": operator_id, "reason": ReturnReason.OFFER_WITHDRAWN, "of_offer": True}
    return [one for one in found if transfer.return_contact(s, contact_id=one, actor=actor, now=now, **what)]


_OFFERED_TO = (
    select(_contact.c.id)
    .where(OPEN, _contact.c.operator_id == bindparam("operator_id"), _contact.c.offered_at.is_not(None))
    .order_by(_contact.c.id)
)


def adjust(s: Session, *, operator_id: int, before: Calendar | None, after: Calendar | None, now: datetime) -> None:
    """Moves the ends of an operator's offers when their working hours change: the working time that was left remains.

    Args:
        before, after: their hours; None for always.
    """
    for row in execute(s, _ENDING, {"operator_id": operator_id}).all():
        left = row.offer_ends_at - now if before is None else before.worked(now, row.offer_ends_at)
        ends_at = now + left if after is None else after.after(now, left)
        execute(s, _MOVE_END, {"contact_id": row.id, "ends": ends_at})


_ENDING = select(_contact.c.id, _contact.c.offer_ends_at).where(
    OPEN,
    _contact.c.operator_id == bindparam("operator_id"),
    _contact.c.offered_at.is_not(None),
    _contact.c.offer_ends_at.is_not(None),
)
_MOVE_END = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"))
    .values(offer_ends_at=bindparam("ends", type_=_contact.c.offer_ends_at.type))
)


def ask_why(
    s: Session,
    *,
    contact_id: int,
    version: int,
    bot_id: int,
    chat_id: int,
    message_id: int | None,
    actor: Actor,
    now: datetime,
) -> None:
    """[Decline] on a card: it asks for the reason. Raises what `decline` raises.

    Args:
        bot_id, chat_id, message_id: the card whose button was pressed.
    """
    operator_id = access_holder(s, actor, contact_id)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator_id)
    if contact.offered_at is None:
        raise NotOffered(contact=contact_id)
    check_version(contact, version)
    if message_id is not None:
        cards.ask_why_declined(s, contact_id=contact_id, place=(bot_id, chat_id, message_id), now=now)
