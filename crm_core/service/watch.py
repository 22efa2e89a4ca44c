"""Reminders of targets: to the operator at 70 %, to admins at 100 %, each once for each clock.

When to look at a contact again is a row (`ServiceWatch`). It is written anew whenever something has happened to the
contact since, so nothing has to be written where clients and operators write. What was told is a row as well
(`ServiceNotice`), in the transaction of the notice: neither a restart nor a second process tells it again. Where no
source has a target, all of this is one query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.messaging import alerts
from crm_core.messaging.answers import UNANSWERED
from crm_core.routing.queue import OPEN
from crm_core.routing.source_facts import WAITS
from crm_core.service import histories, terms
from crm_core.service.clocks import Clock, read
from crm_core.service.targets import ADMINS_AT, OPERATOR_AT, Measure
from crm_core.service.terms import Terms
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Contact, Lead, Operator, ServiceNotice, ServiceWatch, Source

AT_ONCE = 200  # contacts that one run of the job looks at

_contact, _source = Contact.__table__, Source.__table__
_watch, _notice = ServiceWatch.__table__, ServiceNotice.__table__

_NOW = bindparam("now", type_=_watch.c.looks_at.type)
_THERE = func.coalesce(case((Operator.is_online & Operator.on_shift, Operator.id), else_=0), 0).label("there")
_UNANSWERED = func.coalesce(UNANSWERED, 0).label("unanswered")
_SEEN = {
    "version": _contact.c.version,
    "message_ref": _UNANSWERED,
    "operator_id": _THERE,
    "terms": _source.c.terms,
}
"""What a watch is for: once one of these is another, it is looked at anew."""

_STATE = (
    select(
        _contact.c.id,
        _contact.c.source_id,
        _contact.c.bot_id,
        _contact.c.operator_id.label("holder"),
        Lead.full_name,
        *(column.label(name) for name, column in _SEEN.items()),
    )
    .select_from(_contact)
    .join(_source, _source.c.id == _contact.c.source_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
    .outerjoin(_watch, _watch.c.contact_id == _contact.c.id)
    .where(
        OPEN,
        _source.c.sla.is_not(None),
        or_(
            _watch.c.contact_id.is_(None),
            *(_watch.c[name] != column for name, column in _SEEN.items()),
            _watch.c.looks_at <= _NOW,
        ),
    )
)
_IDS = _STATE.with_only_columns(_contact.c.id).limit(AT_ONCE)
# Two, since each has an index of its own.
_DUE_HELD = _IDS.where(_contact.c.operator_id > 0)
_DUE_WAITING = _IDS.where(*WAITS)
_ONE = _STATE.where(_contact.c.id == bindparam("contact_id"))
_ANY = select(_source.c.id).where(_source.c.sla.is_not(None)).limit(1)


def due(s: Session, *, now: datetime) -> list[int]:
    """The open contacts whose clocks are to be looked at."""
    if execute(s, _ANY).first() is None:
        return []
    found = [one for due_ones in (_DUE_WAITING, _DUE_HELD) for one in execute(s, due_ones, {"now": now}).scalars()]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A share of a clock's target that somebody is told of.

    Attributes:
        at: when it is reached, if hours stay as they are and the clock runs on; None if that is far.
        ends_at: the same of the whole target.
    """

    clock: Clock
    percent: int
    at: datetime | None
    ends_at: datetime | None


def look(s: Session, *, contact_id: int, now: datetime) -> bool:
    """Tells of what has run out of a contact's targets, and stores when to look again. Returns whether it did.

    Another process may have been faster, or an answer: then nothing is done.
    """
    lock_contact(s, contact_id)
    row = execute(s, _ONE, {"contact_id": contact_id, "now": now}).one_or_none()
    if row is None:
        return False
    [history] = histories.of_contacts(s, [contact_id])
    held = terms.of_sources(s, [row.source_id])[row.source_id]
    later, clocks = list[datetime](), read(history.happened)
    _forget(s, contact_id, [one for one in clocks if one.ended_at is not None])
    for mark in _marks(clocks, held, now):
        if mark.at is None:
            continue
        if mark.at > now:
            later.append(mark.at)
        elif mark.percent == ADMINS_AT:
            if _note(s, row, mark):
                _record(s, events.TARGET_MISSED, row, mark, now)
        elif row.operator_id and (mark.ends_at is None or mark.ends_at > now) and _note(s, row, mark, told_at=now):
            _record(s, events.TARGET_NEAR, row, mark, now)
            _remind(s, row, mark, now)
    values = {name: getattr(row, name) for name in _SEEN}
    values |= {"contact_id": contact_id, "looks_at": min(later, default=None), "due_at": _reply_due(clocks, held)}
    stored = dialect_insert(s, _watch).values(values)
    execute(s, stored.on_conflict_do_update(index_elements=["contact_id"], set_=values))
    return True


def _reply_due(clocks: list[Clock], held: Terms) -> datetime | None:
    """When the reply is due that the client waits for."""
    due = (held.due(clock) for clock in clocks if clock.measure is not Measure.RESOLUTION)
    return min((one for one in due if one is not None), default=None)


def _marks(clocks: list[Clock], held: Terms, now: datetime) -> Iterator[_Mark]:
    """Those of the clocks that run now and have a target."""
    for clock in clocks:
        target = held.target(clock)
        if clock.runs_since is None or target is None:
            continue
        on = held.on(clock, now)
        moments = {one: _reached(held, on, target * one / 100, now) for one in (OPERATOR_AT, ADMINS_AT)}
        for percent, at in moments.items():
            yield _Mark(clock, percent, at, moments[ADMINS_AT])


def _forget(s: Session, contact_id: int, ended: list[Clock]) -> None:
    """Forgets what was noted of clocks that ended, which never run again: nobody is to be told of them any more."""
    for clock in ended:
        mine = (_notice.c.contact_id == contact_id, _notice.c.measure == clock.measure.value)
        execute(s, delete(_notice).where(*mine, _notice.c.since == clock.since))


def _reached(held: Terms, on: timedelta, share: timedelta, now: datetime) -> datetime | None:
    return now if on >= share else held.time.after(now, share - on)


def _note(s: Session, row: Row[Any], mark: _Mark, *, told_at: datetime | None = None) -> bool:
    """Stores that a mark was reached. Returns False if it was before. Without `told_at` it is to be told yet."""
    values = {
        "contact_id": row.id,
        "measure": mark.clock.measure.value,
        "since": mark.clock.since,
        "percent": mark.percent,
        "told_at": told_at,
    }
    noted = dialect_insert(s, _notice).values(values).on_conflict_do_nothing()
    return execute(s, noted.returning(_notice.c.contact_id)).first() is not None


def _record(s: Session, kind: str, row: Row[Any], mark: _Mark, now: datetime) -> None:
    """Records what was reached, for whoever follows the events; the clocks are worked out without these."""
    reached = events.of_contact(
        kind,
        row,
        actor=events.SYSTEM,
        now=now,
        operator_id=row.holder,
        reason=mark.clock.measure.value,
        data={"since": mark.clock.since.isoformat()},
    )
    events.record(s, [reached])


def _remind(s: Session, row: Row[Any], mark: _Mark, now: datetime) -> None:
    alerts.notify_operator(
        s,
        row.holder,
        code="service_due",
        now=now,
        bot_id=row.bot_id,
        contact=row.id,
        name=row.full_name,
        measure=mark.clock.measure.value,
        due=None if mark.ends_at is None else mark.ends_at.timestamp(),
        unanswered=row.message_ref,
    )


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Forgets when to look at contacts that are closed, and what was told of them. Returns how many rows."""
    total = 0
    for table in (_watch, _notice):
        is_closed = exists().where(_contact.c.id == table.c.contact_id, _contact.c.status == "closed")
        total = max(total, delete_batch(s, table, is_closed, at_most=at_most))
    return total
