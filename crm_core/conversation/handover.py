"""Nobody holds what they are not there for: contacts whose client waits for an answer while their operator is away.

After so long as their source says (`crm_core.routing.absence`), they go back to the queue with their age and are given
out by the same rule, or they stay and the client is told. What waits for its client stays in any case, and what sleeps
wakes by a rule of its own. When something is due follows from rows: since when the operator is away, and since when
they have the contact. So nothing depends on when a process runs; one that starts late does what is overdue.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, and_, bindparam, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, access_contact
from crm_core.contacts import transfer
from crm_core.messaging import outbox
from crm_core.messaging.answers import UNANSWERED, WAITS_SINCE
from crm_core.routing import giving_out, opening, queue, requirements, wait_alerts
from crm_core.routing.absence import Handover
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import Exclusion, SourceExclusion
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import OPEN
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Operator, Source

_contact, _operator, _source = Contact.__table__, Operator.__table__, Source.__table__
_MINUTE = 60_000  # of an `Instant`, in milliseconds
_NOW = bindparam("now", type_=_operator.c.away_since.type)


def _is_over(since: Any) -> Any:
    """Whether so long as the source says has passed since a moment."""
    return type_coerce(since, BigInteger) + _source.c.away_minutes * _MINUTE <= type_coerce(_NOW, since.type)


_AWAY = Prepared(
    select(_operator.c.id).where(
        _operator.c.away_since.is_not(None), _operator.c.away_since <= _NOW, _operator.c.current_leads > 0
    )
)
_DUE = (
    select(
        _contact.c.id,
        _contact.c.source_id,
        _contact.c.operator_id,
        _contact.c.offered_at,
        _contact.c.bot_id,
        _contact.c.chat_id,
        _contact.c.told_away_for,
        UNANSWERED.label("unanswered"),
        _source.c.handover,
    )
    .select_from(
        _contact.join(_operator, _operator.c.id == _contact.c.operator_id).join(
            _source, _source.c.id == _contact.c.source_id
        )
    )
    .where(
        OPEN,
        _operator.c.away_since.is_not(None),
        _source.c.handover != Handover.KEEP.value,
        _is_over(_operator.c.away_since),
        _is_over(_contact.c.current_assigned_at),
        or_(_contact.c.woke_at.is_(None), _is_over(_contact.c.woke_at)),
        _contact.c.wakes_at.is_(None),  # what sleeps wakes by the rule
        WAITS_SINCE.is_not(None),
        or_(
            _source.c.handover == Handover.HAND_OVER.value,
            and_(_contact.c.chat_id.is_not(None), _contact.c.told_away_for.is_distinct_from(UNANSWERED)),
        ),
    )
)
_OF_THESE = _DUE.where(_contact.c.operator_id.in_(bindparam("ids", expanding=True)))
_THIS = _DUE.where(_contact.c.id == bindparam("contact_id"))


def due(s: Session, *, now: datetime) -> list[tuple[int, int]]:
    """The contacts with which something is to be done now, the older first, and their operators.

    Nobody's contacts are read while everybody is there.
    """
    away = execute(s, _AWAY, {"now": now}).scalars().all()
    if not away:
        return []
    rows = execute(s, _OF_THESE, {"now": now, "ids": away})
    return sorted((row.id, row.operator_id) for row in rows)


def look(s: Session, *, found: Sequence[tuple[int, int]], now: datetime, rng: Rng) -> int:
    """Hands these contacts over, or tells their clients, where that is still due: an answer in this moment is faster.

    Args:
        found: by `due`; about `giving_out.AT_ONCE` of them, since others wait meanwhile.

    Returns with how many something was done.
    """
    operator_ids = {operator_id for _, operator_id in found}
    source_ids = hold_operators(s, operator_ids, gives_back=True)
    done = []
    for contact_id, operator_id in sorted(found):
        lock_contact(s, contact_id)
        row = execute(s, _THIS, {"now": now, "contact_id": contact_id}).one_or_none()
        if row is None or row.operator_id != operator_id:
            continue
        done.append(row)
        if row.handover == Handover.HAND_OVER:
            _give_up(s, row, now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    unplanned = [row.id for row in done if not _tell(s, row, now)]
    wait_alerts.notify_waiting(s, contact_ids=unplanned, now=now)
    return len(done)


def _give_up(s: Session, row: Row[Any], now: datetime) -> None:
    """A contact leaves its operator; what was only offered to them costs and earns nobody anything."""
    is_offered = row.offered_at is not None
    transfer.return_contact(
        s,
        contact_id=row.id,
        operator_id=row.operator_id,
        reason=ReturnReason.OFFER_WITHDRAWN if is_offered else ReturnReason.AWAY,
        actor=SYSTEM,
        now=now,
        data={"because": "away"} if is_offered else None,
        of_offer=is_offered,
    )


# --- what the client hears -------------------------------------------------------------------------------------------

_TOLD = update(_contact).where(_contact.c.id == bindparam("contact_id")).values(told_away_for=bindparam("unanswered"))


def _tell(s: Session, row: Row[Any], now: datetime) -> bool:
    """Tells the client, once until somebody answers, unless they read that somebody else will answer.

    Returns whether admins need not be told: nobody waits, or it is as they have planned it.
    """
    is_held = row.handover == Handover.HOLD
    contact = access_contact(s, row.id)
    if is_held:
        absence, is_planned = opening.told_of_operator(s, row.operator_id, now), True
    elif contact.operator_id is not None:
        absence, is_planned = {}, True
    else:
        seen = requirements.seen_by(s, contact, now=now)
        choice = queue.choice_now(s, seen)
        absence = opening.told_of_absence(s, choice, seen, now)
        is_planned = choice.reason in (Exclusion.OFF_SHIFT, SourceExclusion.SOURCE_CLOSED) and "opens" in absence
    if row.chat_id is None or row.told_away_for == row.unanswered:
        return is_planned
    execute(s, _TOLD, {"contact_id": row.id, "unanswered": row.unanswered})
    told = events.of_contact(
        events.CLIENT_TOLD, row, actor=SYSTEM.label, now=now, operator_id=row.operator_id, reason=row.handover
    )
    events.record(s, [told])
    if is_held or contact.operator_id is None or contact.offered_at is not None:
        if is_held and row.offered_at is not None:  # whoever it is only offered to is nobody whom the client knows
            is_held, absence = False, {"away": True, **absence}
        payload = {"code": "operator_away", "is_held": is_held, **absence}
        notice = outbox.OutboxEntry(outbox.CLIENT_NOTICE, row.bot_id, row.chat_id, row.id, payload=payload)
        outbox.add(s, [notice], now=now)
    return is_planned
