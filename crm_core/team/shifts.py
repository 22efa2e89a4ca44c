"""Working hours of operators: whether they are on shift stands in their row, and a periodic job turns it in time.

So a choice needs no calendar: `on_shift` is a fact like any other, for the rules as for the UPDATE that takes a place.
`shift_changes_at` says when to look again. Nothing else depends on when a process runs: one that starts late, or after
the clock was set, brings the rows up to date and gives out what waits.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.contacts import offering
from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable, to_json
from crm_core.hours.turning import is_right, state
from crm_core.messaging import alerts
from crm_core.routing import duty, giving_out, ledger, opening_hours, wait_alerts
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Operator
from crm_core.team import away, operators

_operator = Operator.__table__
_NOW = bindparam("now", type_=_operator.c.shift_changes_at.type)
_DUE = Prepared(
    select(_operator.c.id)
    .where(_operator.c.shift_changes_at.is_not(None), _operator.c.shift_changes_at <= _NOW)
    .order_by(_operator.c.id)
)
_ROW = (*away.STATE, _operator.c.on_leave, _operator.c.shift_changes_at, _operator.c.current_leads)
_MAY_BE_WRONG = select(*_ROW).where(
    _operator.c.removed_at.is_(None), or_(_operator.c.hours.is_not(None), _operator.c.away_since.is_not(None))
)
_OF_THESE = _MAY_BE_WRONG.where(_operator.c.id.in_(bindparam("ids", expanding=True))).order_by(_operator.c.id)


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
    source_ids = hold_operators(s, [operator_id], also=ledger.sources_of(s, operator_id))
    before = operators.one(s, operator_id=operator_id).hours
    was_on_leave = bool(_on_leave(s, [operator_id]))
    stored = None if hours is None else to_json(hours)
    # Where a shift follows, it is planned that nobody is there until then.
    is_for_good = hours is not None and hours.opens_after(now) is None
    with duty.watching(s, now=now) if is_for_good else nullcontext():
        operators.set_presence(s, operator_id, now=now, hours=stored, **_state(hours, now))
    away.note(s, operator_id, now=now)
    if was_on_leave:
        _settle(s, [operator_id])
    operators.record_change(s, operator_id, "hours", actor, now, data={"hours": stored})
    offering.adjust(s, operator_id=operator_id, before=readable(before), after=hours, now=now)
    alerts.notify_operator(s, operator_id, code="hours_set", now=now, calendar=stored)
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def _state(hours: Calendar | None, now: datetime) -> dict[str, Any]:
    """What the row says now: always on shift without hours, and where they cannot be read."""
    on_shift, changes_at = state(hours, now)
    on_leave = hours is not None and hours.on_leave(now)
    return {"on_shift": on_shift, "shift_changes_at": changes_at, "on_leave": on_leave}


def _on_leave(s: Session, operator_ids: Iterable[int]) -> list[int]:
    """Those of these operators who are on leave, as their rows say."""
    found = select(_operator.c.id).where(_operator.c.id.in_(operator_ids), _operator.c.on_leave)
    return list(execute(s, found.order_by(_operator.c.id)).scalars())


def _settle(s: Session, operator_ids: Sequence[int]) -> None:
    """Credits what those of these operators have missed who were on leave and are back."""
    for operator_id in sorted(set(operator_ids) - set(_on_leave(s, operator_ids))):
        ledger.grant(s, operator_id=operator_id)


def due(s: Session, *, now: datetime) -> list[int]:
    """The operators whose shift may have begun or ended by now."""
    return list(execute(s, _DUE, {"now": now}).scalars())


def wrong(s: Session, *, now: datetime) -> list[int]:
    """The operators whose row does not say what their hours say now: after the clock was set back, for example."""
    return sorted(row.id for row in execute(s, _MAY_BE_WRONG) if not _is_right(row, now))


def _is_right(row: Any, now: datetime) -> bool:
    if not away.is_right(row, now):
        return False
    if row.hours is None:
        return True
    on_leave = row.on_leave is _leave(row.hours, now)
    return on_leave and is_right(row.hours, row.on_shift, row.shift_changes_at, now)


def _leave(stored: dict[str, Any], now: datetime) -> bool:
    hours = readable(stored)
    return hours is not None and hours.on_leave(now)


def turn(
    s: Session, *, operator_ids: Collection[int], now: datetime, rng: Rng, source_ids: Collection[int] = ()
) -> int:
    """Begins and ends the shifts of these operators, opens and closes these sources, and gives out what waits.

    Both before anything is given out: where both begin at 9:00, what waited longest goes first, wherever it waited.
    Who has hours that cannot be read counts as on shift, so that no client waits for that. Admins hear of clients who
    wait though a shift has begun: of those who came outside of all hours they were not told.

    Returns how many contacts were assigned.
    """
    on_leave = _on_leave(s, operator_ids)
    also = [source_id for one in on_leave for source_id in ledger.sources_of(s, one)]
    teams, has_begun = hold_operators(s, operator_ids, also=[*also, *source_ids]), False
    for row in execute(s, _OF_THESE, {"ids": operator_ids}).all():  # without those who were removed a moment ago
        if row.hours is None:
            away.note(s, row.id, now=now)
            continue
        hours = readable(row.hours)
        stands = _state(hours, now)
        operators.set_presence(s, row.id, now=now, **stands)
        if away.note(s, row.id, now=now) and _is_told(row, hours, now):
            alerts.notify_operator(s, row.id, code="shift_over", now=now)
        if hours is None:
            operators.record_change(s, row.id, "hours_unreadable", SYSTEM, now)
        elif stands["on_shift"] is not row.on_shift:
            has_begun = has_begun or stands["on_shift"]
            reason = "shift_began" if stands["on_shift"] else "shift_ended"
            operators.record_change(s, row.id, reason, SYSTEM, now)
    opened = opening_hours.turn(s, source_ids=source_ids, now=now)
    _settle(s, on_leave)
    given = giving_out.assign_waiting(s, source_ids=teams, actor=SYSTEM, now=now, rng=rng)
    if not given.goes_on:
        if has_begun:
            wait_alerts.notify_if_some_wait(s, source_ids=teams - set(opened), now=now)
        opening_hours.tell_of_waiting(s, source_ids=opened, now=now)
    return given.count


BREAK_LONGEST = timedelta(hours=2)
"""Who is back so soon does not have to leave anything to others."""

JUST_NOW = timedelta(minutes=30)
"""A shift that ended earlier is told to nobody: no process ran, and it may be night."""


def _is_told(row: Any, hours: Calendar | None, now: datetime) -> bool:
    """Whether an operator whose shift is over hears what they still hold; of whoever holds nothing, nothing is sent."""
    if hours is None or not row.current_leads or row.shift_changes_at is None or row.shift_changes_at < now - JUST_NOW:
        return False
    back = hours.opens_after(now)
    return back is None or back > now + BREAK_LONGEST
