"""Working hours of sources: whether one is open stands in its row, and a periodic job turns it in time.

It is done as for operators (`crm_core.team.shifts`): giving out contacts needs no calendar, `opening_changes_at` says
when to look again, and whichever process looks first opens or closes the source.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, literal, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable, to_json
from crm_core.hours.turning import is_right, state
from crm_core.routing import giving_out, queue, requirements, sources, wait_alerts, working_time
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import Exclusion, SourceExclusion
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import lock_team
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Source

_source = Source.__table__
_NOW = bindparam("now", type_=_source.c.opening_changes_at.type)
_DUE = Prepared(
    select(_source.c.id)
    .where(_source.c.opening_changes_at.is_not(None), _source.c.opening_changes_at <= _NOW)
    .order_by(_source.c.id)
)
_WITH_HOURS = select(_source.c.id, _source.c.hours, _source.c.is_open, _source.c.opening_changes_at).where(
    _source.c.hours.is_not(None)
)
_OF_THESE = _WITH_HOURS.where(_source.c.id.in_(bindparam("ids", expanding=True))).order_by(_source.c.id)
_PLANNED = {None, Exclusion.OFF_SHIFT.value, SourceExclusion.SOURCE_CLOSED.value}


def set_hours(s: Session, *, source_id: int, hours: Calendar | None, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets when contacts of a source are given out. They are accepted at any time, and wait while it is closed.

    Args:
        hours: None for always.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_team(s, [source_id])
    before = sources.one(s, source_id=source_id)
    stored = None if hours is None else to_json(hours)
    is_open, changes_at = state(hours, now)
    values: dict[str, Any] = {"hours": stored, "is_open": is_open, "opening_changes_at": changes_at}
    values["terms"] = _source.c.terms + 1
    if is_open and before.is_active and not before.is_open:
        values["opened_at"] = now
    execute(s, update(_source).where(_source.c.id == source_id).values(values))
    sources.record(s, source_id, working_time.CHANGED, actor, now, data={"before": before.hours, "hours": stored})
    requirements.hours_changed(s, source_id=source_id)
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def due(s: Session, *, now: datetime) -> list[int]:
    """The sources that may open or close by now."""
    return list(execute(s, _DUE, {"now": now}).scalars())


def wrong(s: Session, *, now: datetime) -> list[int]:
    """The sources whose row does not say what their hours say now: after the clock was set back, for example."""
    rows = execute(s, _WITH_HOURS)
    return [row.id for row in rows if not is_right(row.hours, row.is_open, row.opening_changes_at, now)]


def turn(s: Session, *, source_ids: Collection[int], now: datetime) -> list[int]:
    """Opens and closes these sources, which the caller has locked; `crm_core.team.shifts.turn` gives out what waits.

    A source whose hours cannot be read counts as open, so that no client waits for that.

    Returns the ids of those that are open now.
    """
    has_opened = []
    for row in execute(s, _OF_THESE, {"ids": source_ids}).all():
        hours = readable(row.hours)
        is_open, changes_at = state(hours, now)
        if not _claim(s, row, is_open, changes_at, now):
            continue  # the process that was faster has done the rest
        if hours is None:
            sources.record(s, row.id, "hours_unreadable", SYSTEM, now)
        elif is_open is not row.is_open:
            sources.record(s, row.id, "opened" if is_open else "closed", SYSTEM, now)
        if is_open:
            has_opened.append(row.id)
    return has_opened


def _claim(s: Session, row: Any, is_open: bool, changes_at: datetime | None, now: datetime) -> bool:
    same = _source.c.opening_changes_at.is_not_distinct_from(row.opening_changes_at)
    claimed = update(_source).where(_source.c.id == row.id, _source.c.is_open == row.is_open, same)
    values: dict[str, Any] = {"is_open": is_open, "opening_changes_at": changes_at}
    if is_open and not row.is_open:
        # Where it is switched off, it opens when it is switched on.
        values["opened_at"] = case(
            (_source.c.is_active, literal(now, _source.c.opened_at.type)), else_=_source.c.opened_at
        )
    return execute_count(s, claimed.values(values)) == 1


def tell_of_waiting(s: Session, *, source_ids: Iterable[int], now: datetime) -> None:
    """Admins hear of clients who wait though these sources have opened, unless a shift is still to begin."""
    for source_id in source_ids:
        first = queue.first_in_line(s, source_id)
        why = None if first is None else queue.why_it_waits(s, source_id, contact_id=first)
        if why not in _PLANNED:
            wait_alerts.notify_if_some_wait(s, source_ids=[source_id], now=now)
