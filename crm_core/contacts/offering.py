"""What becomes of an offer that its operator does not take: they decline it, or somebody else gets it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_contact, access_holder
from crm_core.contacts import cards, transfer
from crm_core.contacts.checks import check_holder, check_version
from crm_core.contacts.decline_reasons import DeclineReason, find_reason
from crm_core.errors import NotOffered
from crm_core.hours.calendar import Calendar
from crm_core.messaging import alerts, messages, outbox
from crm_core.routing import assignment, ledger, offers, queue
from crm_core.routing.assignment import ASSIGNED_VALUES, Reservation, Rng
from crm_core.routing.candidates import candidates, one_candidate, source_facts
from crm_core.routing.choose import Asked, Exclusion, eligible, exclusion
from crm_core.routing.decisions import record
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import Assigned
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
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
    offers.answered(s, operator_id=operator_id)
    outcome = Asked.DECLINED if why.may_ask_again else Asked.REFUSED
    pass_on(s, contact, outcome=outcome, actor=actor, now=now, data={"because": why.code})
    give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=actor, now=now, rng=rng)
    return why


def hold_offered(s: Session, contact_id: int, operator_id: int) -> tuple[Row[Any], set[int]]:
    """Locks what passing an offer on may change. Returns the contact as it is then, and the sources to look at."""
    before = access_contact(s, contact_id)
    concerned = {operator_id}
    if before.offered_at is not None and (duty := rules_of(s, before.source_id).duty_operator_id) is not None:
        concerned.add(duty)
    source_ids = hold_operators(s, concerned, gives_back=True, also=[before.source_id])
    lock_contact(s, contact_id)
    return access_contact(s, contact_id), source_ids


def pass_on(
    s: Session, contact: Row[Any], *, outcome: Asked, actor: Actor, now: datetime, data: dict[str, Any] | None = None
) -> None:
    """Takes an offer from its operator: it waits for the next one; after enough rounds, for who is on duty.

    The caller has called `hold_offered`, and calls `queue.assign_waiting` afterwards.

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
    rules = rules_of(s, contact.source_id)
    if not _is_enough(contact, rules):
        return
    if rules.duty_operator_id is None or not _give_to_duty(s, contact, rules.duty_operator_id, now=now):
        _escalate(s, contact, now=now)


def _is_enough(contact: Row[Any], rules: OfferRules) -> bool:
    """Whether others are to be told, with the offer that comes to nothing now."""
    return contact.escalated_at is None and contact.offers + 1 >= rules.rounds


def keep(s: Session, contact: Row[Any], *, source_ids: Collection[int], now: datetime) -> bool:
    """A missed offer stays with its operator, who is reminded, where nobody else can get the contact.

    So its card stays where it is. Returns False, and changes nothing, if it is to be passed on instead: somebody else
    can get it, this operator cannot any more, whoever is on duty may, or an older contact waits for the place.

    Args:
        source_ids: as `hold_offered` returned them.
    """
    rules = rules_of(s, contact.source_id)
    source = queue.as_seen_by(source_facts(s, contact.source_id), chat_id=contact.chat_id)
    if not source.offer_seconds or (_is_enough(contact, rules) and rules.duty_operator_id is not None):
        return False
    if queue.older_waits(s, source_ids=source_ids, than=contact.id):
        return False
    operator_id: int = contact.operator_id
    asked = {**offers.asked_of(s, contact.id), operator_id: Asked.MISSED}
    pool = [
        replace(one, load=one.load - 1) if one.operator_id == operator_id else one
        for one in candidates(s, replace(source, asked=asked))
    ]
    able, excluded = eligible(pool)
    if [one.operator_id for one in able] != [operator_id]:
        return False
    offers.undo_draw(s, contact)
    offers.note_asked(s, contact_id=contact.id, operator_id=operator_id, outcome=Asked.MISSED)
    if _is_enough(contact, rules):
        _escalate(s, contact, now=now)
    is_escalated = access_contact(s, contact.id).escalated_at is not None
    # Who alone is eligible earns the whole contact, and pays it: the ledger stays as it is.
    credits = ledger.of_source(s, source.id) if source.is_exact else None
    decision = record(pool, strategy=source.strategy, roll=0.0, credits=credits)
    place = Reservation(operator_id, able[0].chat_id, able[0].load + 1, able[0].limit, source.strategy, (*excluded,))
    offer = offers.make(
        s,
        operator_id=operator_id,
        seconds=source.offer_seconds,
        now=now,
        before=Asked.MISSED,
        is_escalated=is_escalated,
    )
    assert offer is not None, "the source makes offers"
    execute(s, _KEPT, {"contact_id": contact.id, "at": now, "ends": offer.ends_at})
    missed = events.of_contact(
        events.CONTACT_QUEUED,
        contact,
        actor=SYSTEM.label,
        now=now,
        operator_id=operator_id,
        reason=ReturnReason.MISSED,
    )
    assigned = assignment.assigned(contact.id, source, replace(place, decision=decision), actor=SYSTEM.label, now=now)
    events.record(s, [missed, assigned, offer.event(contact.id, source.id, operator_id)])
    cards.refresh_all(s, contact_id=contact.id, now=now)
    if place.chat_id is not None and source.card_bot_id is not None:
        payload = {"code": "still_offered", "contact": contact.id}
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, source.card_bot_id, place.chat_id, contact.id, payload=payload)
        outbox.add(s, [notice], now=now)
    return True


_KEPT = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"))
    .values(
        offers=_contact.c.offers + 1,
        offered_at=bindparam("at", type_=_contact.c.offered_at.type),
        offer_ends_at=bindparam("ends", type_=_contact.c.offer_ends_at.type),
    )
)
_ESCALATED = update(_contact).where(_contact.c.id == bindparam("contact_id"))


def _escalate(s: Session, contact: Row[Any], *, now: datetime) -> None:
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


def _give_to_duty(s: Session, contact: Row[Any], operator_id: int, *, now: datetime) -> bool:
    """Gives it to the operator on duty, over their limit too: they are there for this. False if they cannot get it."""
    source = queue.as_seen_by(source_facts(s, contact.source_id), chat_id=contact.chat_id)
    source = offers.with_asked(s, source, contact.id)
    chosen = one_candidate(s, source, operator_id=operator_id).candidate
    if exclusion(replace(chosen, asked=None)) not in (None, Exclusion.FULL):
        return False
    place = assignment.reserve_by_hand(
        s, source, chosen=chosen, beyond_limit=True, is_charged=source.sticky_mode == "charged"
    )
    if place is None:
        return False
    values = {"contact_id": contact.id, "to_operator": operator_id, "at": now, "offered": None, "offer_ends": None}
    execute(s, _GIVE, values)
    assignment.announce_assignment(
        s,
        contact_id=contact.id,
        source=source,
        place=place.on_duty(),
        actor=SYSTEM.label,
        now=now,
        said=messages.said(s, contact.id),
        also=queue.handed_on(contact, to=operator_id),
    )
    return True


def give_out(
    s: Session, *, source_ids: Iterable[int], contact_ids: Sequence[int], actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Gives out what waits, after offers came to nothing. Admins hear of those of them that find nobody at all.

    Args:
        contact_ids: what was offered.
    """
    assigned = queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    if contact_ids:
        queue.notify_waiting(s, contact_ids=contact_ids, now=now)
    return assigned


def withdraw(s: Session, *, operator_id: int, actor: Actor, now: datetime) -> list[int]:
    """What is offered to an operator who cannot take it any more waits for others.

    The caller has called `hold_operators` with `gives_back`, and calls `give_out` afterwards. Returns the ids of these
    contacts.
    """
    found = list(execute(s, _OFFERED_TO, {"operator_id": operator_id}).scalars())
    for contact_id in found:
        transfer.return_contact(
            s,
            contact_id=contact_id,
            operator_id=operator_id,
            reason=ReturnReason.OFFER_WITHDRAWN,
            actor=actor,
            now=now,
        )
    return found


_OFFERED_TO = (
    select(_contact.c.id)
    .where(_contact.c.operator_id == bindparam("operator_id"), _contact.c.offered_at.is_not(None))
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
