"""A missed offer that stays with its operator, since nobody else can get the contact."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, access_contact
from crm_core.contacts import offer_rounds
from crm_core.messaging import card_edits, outbox
from crm_core.routing import assignment, given, ledger, offers, queue, requirements, returning
from crm_core.routing.assignment import Reservation
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import Asked, Candidate, could_get_it, eligible, on_leave
from crm_core.routing.credits import may_pay, missed
from crm_core.routing.decisions import record
from crm_core.routing.returns import ReturnReason
from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact

_contact = Contact.__table__


def keep(s: Session, contact: Row[Any], *, source_ids: Collection[int], now: datetime) -> bool:
    """A missed offer stays with its operator, who is reminded, where nobody else can get the contact.

    So its card stays where it is. Returns False, and changes nothing, if it is to be passed on instead: somebody else
    can get it, this operator cannot any more, whoever is on duty may, or an older contact waits for the place.

    Args:
        source_ids: as `hold_offered` returned them.
    """
    rules = offer_rounds.rules_of(s, contact.source_id)
    source = requirements.seen_by(s, contact, now=now)
    if not source.offer_seconds or (offer_rounds.is_enough(contact, rules) and rules.duty_operator_id is not None):
        return False
    operator_id: int = contact.operator_id
    if _is_wanted(s, contact, source_ids=source_ids):
        return False
    asked = {**source.asked, operator_id: Asked.MISSED}
    pool = [
        _without_this(s, one, contact, source_id=source.id) if one.operator_id == operator_id else one
        for one in candidates(s, replace(source, asked=asked))
    ]
    able, excluded = eligible(pool)
    if [one.operator_id for one in able] != [operator_id]:
        return False
    offers.undo_draw(s, contact)
    if able[0].rate is not None or able[0].had_waited:
        had_waited = able[0].had_waited
        given.give_again(s, contact_id=contact.id, operator_id=operator_id, now=now, had_waited=had_waited)
    offers.note_asked(s, contact_id=contact.id, operator_id=operator_id, outcome=Asked.MISSED)
    if offer_rounds.is_enough(contact, rules):
        offer_rounds.escalate(s, contact, now=now)
    is_escalated = access_contact(s, contact.id).escalated_at is not None
    is_sticky = returning.former_operator(s, source, contact.lead_id, now) == operator_id
    chosen: dict[str, Any] = {"preferred": operator_id} if is_sticky else {"roll": 0.0}
    credits = _enter(s, source, able[0], pool, is_sticky=is_sticky)
    decision = record(pool, strategy=source.strategy, credits=credits, **chosen)
    reason = "sticky" if is_sticky else source.strategy
    place = Reservation(operator_id, able[0].chat_id, able[0].load + 1, able[0].limit, reason, (*excluded,))
    offer = offers.make(
        hours=offers.hours_of(s, operator_id),
        seconds=source.offer_seconds,
        now=now,
        before=Asked.MISSED,
        is_escalated=is_escalated,
    )
    assert offer is not None, "the source makes offers"
    execute(s, _KEPT, {"contact_id": contact.id, "at": now, "ends": offer.ends_at})
    in_vain = events.of_contact(
        events.CONTACT_QUEUED,
        contact,
        actor=SYSTEM.label,
        now=now,
        operator_id=operator_id,
        reason=ReturnReason.MISSED,
    )
    assigned = assignment.assigned(contact.id, source, replace(place, decision=decision), actor=SYSTEM.label, now=now)
    events.record(s, [in_vain, assigned, offer.event(contact.id, source.id, operator_id)])
    card_edits.refresh_all(s, contact_id=contact.id, now=now)
    if place.chat_id is not None and source.card_bot_id is not None:
        payload = {"code": "still_offered", "contact": contact.id}
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, source.card_bot_id, place.chat_id, contact.id, payload=payload)
        outbox.add(s, [notice], now=now)
    return True


def _enter(
    s: Session, source: SourceFacts, able: Candidate, pool: Sequence[Candidate], *, is_sticky: bool
) -> dict[int, int] | None:
    """Enters the offer in the ledger as if it were made anew: by a draw, or to whom the client had before.

    Who alone is eligible earns the whole contact, and pays it: the ledger stays as it is, but for what those on leave
    miss. Returns the credits that the decision counts with, None where it stands apart from them.

    Args:
        able: who alone is eligible of the pool.
    """
    if not source.is_exact or (is_sticky and source.sticky_mode == "apart"):
        return None
    credits, weights = ledger.of_source(s, source.id), {able.operator_id: able.weight}
    if source.credits_leave and (not is_sticky or may_pay(credits, weights, able.operator_id)):
        ledger.miss(s, source_id=source.id, missed=missed(weights, on_leave(pool, weights)))
    return credits


def _without_this(s: Session, one: Candidate, contact: Row[Any], *, source_id: int) -> Candidate:
    """An operator, as a contact of this source sees them, as if a contact of theirs were not."""
    is_here = one.limit_here is not None and source_id == contact.source_id
    without = replace(one, load=one.load - 1, load_here=one.load_here - is_here)
    if one.rate is None and one.ramp is None:
        return without
    counted = given.newest(s, contact_id=contact.id, operator_id=one.operator_id)
    if counted is None:
        return without
    in_hour, in_minute = one.rate is not None, one.ramp is not None and counted.had_waited
    return replace(without, last_hour=one.last_hour - in_hour, last_minute=one.last_minute - in_minute)


def _is_wanted(s: Session, contact: Row[Any], *, source_ids: Collection[int]) -> bool:
    """Whether an older contact waits that the operator of an offer could have in its place."""
    return any(
        could_get_it(_without_this(s, one, contact, source_id=seen.id))
        for seen in queue.older_kinds(s, source_ids=source_ids, than=contact.id)
        for one in candidates(s, seen)
        if one.operator_id == contact.operator_id
    )


_KEPT = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"))
    .values(
        offers=_contact.c.offers + 1,
        offered_at=bindparam("at", type_=_contact.c.offered_at.type),
        offer_ends_at=bindparam("ends", type_=_contact.c.offer_ends_at.type),
    )
)
