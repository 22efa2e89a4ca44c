"""Offers whose time is over, and operators who miss too many of them.

When an offer ends stands in its contact's row, so nothing depends on when a process runs: one that starts late passes
on what is overdue. An offer without an end stays with its operator until somebody comes who was not asked yet.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, access_contact
from crm_core.contacts import kept_offers, offer_rounds, offering, transfer
from crm_core.messaging import alerts
from crm_core.routing import duty, requirements
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import SOFT, Asked, Candidate, exclusion
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Operator
from crm_core.team import operators

_contact, _operator = Contact.__table__, Operator.__table__
_NOW = bindparam("now", type_=_contact.c.offer_ends_at.type)
_DUE = (
    select(_contact.c.id)
    .where(_contact.c.offered_at.is_not(None), _contact.c.offer_ends_at <= _NOW)
    .order_by(_contact.c.offer_ends_at, _contact.c.id)
    .limit(100)
)
_ENDLESS = (
    select(_contact.c.id)
    .where(_contact.c.offered_at.is_not(None), _contact.c.offer_ends_at.is_(None))
    .order_by(_contact.c.id)
)


def due(s: Session, *, now: datetime) -> list[int]:
    """The contacts whose offer is to be passed on: missed, or without an end while somebody else is free for them."""
    missed = list(execute(s, _DUE, {"now": now}).scalars())
    return missed + [one for one in execute(s, _ENDLESS).scalars().all() if _is_held_up(s, one, now)]


def _is_held_up(s: Session, contact_id: int, now: datetime) -> bool:
    """Whether an offer without an end keeps a contact from somebody who was not asked yet."""
    return any(one.asked is None for one in _others(s, contact_id, now))


def _others(s: Session, contact_id: int, now: datetime) -> list[Candidate]:
    """Who else could get an offered contact now, those who were asked before included."""
    contact = access_contact(s, contact_id)
    pool = candidates(s, requirements.seen_by(s, contact, now=now))
    return [one for one in pool if one.operator_id != contact.operator_id and exclusion(one) in (None, *SOFT)]


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
    if contact.offer_ends_at is None:
        if not _is_held_up(s, contact_id, now):
            return False
        transfer.return_contact(
            s,
            contact_id=contact_id,
            operator_id=operator_id,
            reason=ReturnReason.OFFER_WITHDRAWN,
            actor=SYSTEM,
            now=now,
        )
    elif contact.offer_ends_at <= now:
        could_others = bool(_others(s, contact_id, now))
        if could_others or not kept_offers.keep(s, contact, source_ids=source_ids, now=now):
            offering.pass_on(s, contact, outcome=Asked.MISSED, actor=SYSTEM, now=now)
        if could_others:
            _count(s, operator_id, limit=offer_rounds.rules_of(s, contact.source_id).miss_limit, now=now)
    else:
        return False
    offering.give_out(s, source_ids=source_ids, contact_ids=[contact_id], actor=SYSTEM, now=now, rng=rng)
    return True


_MISSED = select(_operator.c.missed_offers, _operator.c.is_online).where(_operator.c.id == bindparam("operator_id"))


def _count(s: Session, operator_id: int, *, limit: int, now: datetime) -> None:
    """Counts a missed offer; with the last one that the source allows, the operator is set offline."""
    row = execute(s, _MISSED, {"operator_id": operator_id}).one()
    missed = row.missed_offers + 1
    if not limit or missed < limit or not row.is_online:
        operators.set_columns(s, operator_id, missed_offers=missed)
        return
    with duty.watching(s, now=now):
        operators.set_columns(s, operator_id, missed_offers=0, is_online=False)
    operators.record_change(s, operator_id, "missed_too_often", SYSTEM, now, data={"missed": missed})
    offering.withdraw(s, operator_id=operator_id, actor=SYSTEM, now=now)
    alerts.notify_operator(s, operator_id, code="missed_too_often", now=now, missed=missed)
