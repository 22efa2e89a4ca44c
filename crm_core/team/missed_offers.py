"""Offers whose time is over, and operators who miss too many of them.

When an offer ends stands in its contact's row, so nothing depends on when a process runs: one that starts late passes
on what is overdue. An offer without an end stays with its operator until somebody comes who was not asked yet.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, access_contact
from crm_core.contacts import kept_offers, offer_rounds, offering, transfer
from crm_core.messaging import alerts
from crm_core.routing import duty, priority, requirements
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import Asked, Candidate, could_get_it
from crm_core.routing.returns import ReturnReason
from crm_core.routing.source_facts import SourceFacts, source_facts
from crm_core.storage.execute import execute, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Operator
from crm_core.team import away, operators

_contact, _operator = Contact.__table__, Operator.__table__
_NOW = bindparam("now", type_=_contact.c.offer_ends_at.type)
AT_ONCE = 100
_DUE = Prepared(
    select(_contact.c.id)
    .where(_contact.c.offered_at.is_not(None), _contact.c.offer_ends_at <= _NOW)
    .order_by(_contact.c.offer_ends_at, _contact.c.id)
    .limit(AT_ONCE)
)
# Offers that may keep a contact from somebody who is there: without an end, or of operators who are off shift.
_LASTING = Prepared(
    select(_contact.c.id)
    .join(_operator, _operator.c.id == _contact.c.operator_id)
    .where(_contact.c.offered_at.is_not(None), or_(_contact.c.offer_ends_at.is_(None), _operator.c.on_shift.is_(False)))
    .order_by(priority.ORDER_AT, _contact.c.id)
    .limit(AT_ONCE)
)


def due(s: Session, *, now: datetime) -> list[int]:
    """The contacts whose offer is to be passed on: lasting while somebody else is free for them, or missed.

    What lasts comes first, as in the queue: what has just been missed is not to overtake it.
    """
    prefetch(s, _LASTING, {})
    missed = list(execute(s, _DUE, {"now": now}).scalars())
    lasting = [one for one in execute(s, _LASTING).scalars() if one not in missed]
    return [one for one in lasting if _is_held_up(s, access_contact(s, one), now)] + missed


def _is_held_up(s: Session, contact: Row[Any], now: datetime) -> bool:
    """Whether an offer without an end, or to somebody off shift, keeps a contact from who was not asked yet.

    Who gave it back was asked, too. They may get it again where nobody else is there, so from whoever is off shift it
    goes to them; but not from somebody who is there and is as right for it, or it would go to and fro for ever.
    """
    on_shift = _is_on_shift(s, contact.operator_id)
    if contact.offer_ends_at is not None and on_shift:
        return False
    seen = requirements.seen_by(s, contact, now=now)
    able = [one.operator_id for one in _able(s, contact, seen) if one.asked is None]
    return seen.why_nobody is None and any(not on_shift or one not in seen.asked for one in able)


_ON_SHIFT = select(_operator.c.on_shift).where(_operator.c.id == bindparam("operator_id"))


def _is_on_shift(s: Session, operator_id: int) -> bool:
    return bool(execute(s, _ON_SHIFT, {"operator_id": operator_id}).scalar_one())


def _others(s: Session, contact: Row[Any], now: datetime) -> list[Candidate]:
    """Who else could get an offered contact now, those who were asked before included."""
    return _able(s, contact, requirements.seen_by(s, contact, now=now))


def _able(s: Session, contact: Row[Any], seen: SourceFacts) -> list[Candidate]:
    pool = candidates(s, seen)
    return [one for one in pool if one.operator_id != contact.operator_id and could_get_it(one)]


_ROW = select(_contact.c.source_id, _contact.c.chat_id, _contact.c.operator_id).where(
    _contact.c.id == bindparam("contact_id")
)


def end(s: Session, *, contact_id: int, now: datetime, rng: Rng) -> bool:
    """Passes an offer on that is missed, or that keeps a contact from somebody else.

    Whoever has missed too many in a row, while somebody else could have had them, is set offline and told so. Returns
    whether there was still something to do.
    """
    seen = execute(s, _ROW, {"contact_id": contact_id}).one_or_none()
    if seen is None or seen.operator_id is None:
        return False
    contact, source_ids = offering.hold_offered(s, contact_id, seen.operator_id)
    if contact.operator_id != seen.operator_id or contact.offered_at is None:
        return False
    operator_id: int = contact.operator_id
    returned, is_over = [contact_id], contact.offer_ends_at is not None and contact.offer_ends_at <= now
    if is_over and source_facts(s, contact.source_id).why_nobody is not None:
        _withdraw(s, contact_id, operator_id, now)  # nobody can get it now, and nobody is to blame
    elif not is_over and _is_held_up(s, contact, now):
        _withdraw(s, contact_id, operator_id, now)
    elif is_over:
        could_others = bool(_others(s, contact, now))
        if could_others or not kept_offers.keep(s, contact, source_ids=source_ids, now=now):
            offering.pass_on(s, contact, outcome=Asked.MISSED, actor=SYSTEM, now=now)
        if could_others:
            limit = offer_rounds.rules_of(s, contact.source_id).miss_limit
            returned += _count(s, operator_id, limit=limit, now=now)
    else:
        return False
    offering.give_out(s, source_ids=source_ids, contact_ids=returned, actor=SYSTEM, now=now, rng=rng)
    return True


def _withdraw(s: Session, contact_id: int, operator_id: int, now: datetime) -> None:
    reason = ReturnReason.OFFER_WITHDRAWN
    transfer.return_contact(
        s, contact_id=contact_id, operator_id=operator_id, reason=reason, actor=SYSTEM, now=now, of_offer=True
    )


_MISSED = select(_operator.c.missed_offers, _operator.c.is_online).where(_operator.c.id == bindparam("operator_id"))


def _count(s: Session, operator_id: int, *, limit: int, now: datetime) -> list[int]:
    """Counts a missed offer; with the last one that the source allows, the operator is set offline.

    Returns the contacts that were offered to them besides, and wait again.
    """
    row = execute(s, _MISSED, {"operator_id": operator_id}).one()
    missed = row.missed_offers + 1
    if not limit or missed < limit or not row.is_online:
        operators.set_columns(s, operator_id, missed_offers=missed)
        return []
    with duty.watching(s, now=now):
        operators.set_columns(s, operator_id, missed_offers=0, is_online=False)
    away.note(s, operator_id, now=now)
    operators.record_change(s, operator_id, "missed_too_often", SYSTEM, now, data={"missed": missed})
    alerts.notify_operator(s, operator_id, code="missed_too_often", now=now, missed=missed)
    return offering.withdraw(s, operator_id=operator_id, actor=SYSTEM, now=now)
