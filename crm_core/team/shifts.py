"""Working hours of operators: whether they are on shift stands in their row, and a periodic job turns it in time.

So a choice needs no calendar: `on_shift` is a fact like any other, for the rules as for the UPDATE that takes a place.
`shift_changes_at` says when to look again. Nothing else depends on when a process runs: one that starts late, or after
the clock was set, brings the rows up to date and gives out what waits.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import from_json, to_json
from crm_core.messaging import alerts
from crm_core.routing import duty, queue
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import Assigned
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator
from crm_core.team import operators

_operator = Operator.__table__
_NOW = bindparam("now", type_=_operator.c.shift_changes_at.type)
_DUE = (
    select(_operator.c.id)
    .where(_operator.c.shift_changes_at.is_not(None), _operator.c.shift_changes_at <= _NOW)
    .order_by(_operator.c.id)
)
_WITH_HOURS = select(_operator.c.id, _operator.c.hours, _operator.c.on_shift, _operator.c.shift_changes_at).where(
    _operator.c.shift_changes_at.is_not(None), _operator.c.hours.is_not(None)
)
_HOURS = select(_operator.c.hours, _operator.c.on_shift).where(
    _operator.c.id == bindparam("operator_id"), _operator.c.removed_at.is_(None)
)


def set_hours(
    s: Session, *, operator_id: int, hours: Calendar | None, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets when an operator gets new contacts, and tells them. What they hold stays with them.

    Admins are notified if a source is left without anybody for good, not of nights.

    Args:
        hours: None for always, as long as they are online.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = hold_operators(s, [operator_id])
    operators.one(s, operator_id=operator_id)
    if hours is not None and hours.opens_after(now) is None:
        with duty.watching(s, now=now):  # otherwise a shift follows, and it is planned that nobody is there until then
            _store(s, operator_id, hours, now)
    else:
        _store(s, operator_id, hours, now)
    stored = None if hours is None else to_json(hours)
    operators.record_change(s, operator_id, "hours", actor, now, data={"hours": stored})
    alerts.notify_operator(s, operator_id, code="hours_set", now=now, calendar=stored)
    return queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def _store(s: Session, operator_id: int, hours: Calendar | None, now: datetime) -> None:
    operators.set_columns(
        s,
        operator_id,
        hours=None if hours is None else to_json(hours),
        on_shift=hours is None or hours.takes(now),
        shift_changes_at=None if hours is None else hours.next_change(now),
    )


def due(s: Session, *, now: datetime) -> list[int]:
    """The operators whose shift may have begun or ended by now."""
    return list(execute(s, _DUE, {"now": now}).scalars())


def wrong(s: Session, *, now: datetime) -> list[int]:
    """The operators whose row does not say what their hours say now: after the clock was set back, for example."""
    found = []
    for row in execute(s, _WITH_HOURS):
        hours = _read(row.hours)
        if hours is not None and (row.on_shift, row.shift_changes_at) != (hours.takes(now), hours.next_change(now)):
            found.append(row.id)
    return found


def _read(stored: dict[str, Any]) -> Calendar | None:
    """Stored hours; None where they cannot be read, as where this machine does not know their time zone."""
    try:
        return from_json(stored)
    except BadHours:
        return None


def turn(s: Session, *, operator_ids: list[int], now: datetime, rng: Rng) -> int:
    """Begins and ends the shifts of these operators, and gives out what waits for those who have begun.

    Who has hours that cannot be read counts as on shift, so that no client waits for that.

    Returns how many contacts were assigned.
    """
    source_ids = hold_operators(s, operator_ids)
    for operator_id in operator_ids:
        row = execute(s, _HOURS, {"operator_id": operator_id}).one_or_none()
        if row is None or row.hours is None:
            continue  # removed, or without hours, a moment ago
        hours = _read(row.hours)
        if hours is None:
            operators.set_columns(s, operator_id, on_shift=True, shift_changes_at=None)
            operators.record_change(s, operator_id, "hours_unreadable", SYSTEM, now)
            continue
        on_shift = hours.takes(now)
        operators.set_columns(s, operator_id, on_shift=on_shift, shift_changes_at=hours.next_change(now))
        if on_shift is not row.on_shift:
            reason = "shift_began" if on_shift else "shift_ended"
            operators.record_change(s, operator_id, reason, SYSTEM, now)
    return queue.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng).count
