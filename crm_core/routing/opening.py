"""When somebody's shift begins next at a source: what a client is told who writes outside of all working hours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import from_json
from crm_core.routing import duty
from crm_core.routing.candidates import SourceFacts
from crm_core.routing.choose import Exclusion
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator, Weight

_OFF_SHIFT = (
    select(Operator.hours)
    .join(Weight, Weight.operator_id == Operator.id)
    .where(
        Weight.source_id == bindparam("source_id"),
        Operator.removed_at.is_(None),
        Operator.is_active,
        Operator.is_online,
        Operator.on_shift.is_(False),
        Operator.hours.is_not(None),
    )
)


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a shift, and the time zone of its hours."""

    at: datetime
    zone: str


def next_opening(s: Session, source_id: int, *, now: datetime) -> Opening | None:
    """When the first shift begins of an operator of a source who will then be there; None if nobody has one."""
    found = []
    for stored in execute(s, _OFF_SHIFT, {"source_id": source_id}).scalars():
        calendar = _read(stored)
        opens = calendar.opens_after(now) if calendar is not None else None
        if calendar is not None and opens is not None:
            found.append(Opening(opens, calendar.zone))
    return min(found, key=lambda one: one.at, default=None)


def told_of_absence(s: Session, source: SourceFacts, why: str, now: datetime) -> dict[str, Any]:
    """What the client of a waiting contact is told where nobody is there: that it is so, and when a shift begins.

    Args:
        why: the contact waits: the reason of a `Choice`.

    Returns fields of the notice: `away`, and if a shift is known `opens` (seconds since 1970) and its `zone`.
    """
    if not duty.is_away(why):
        return {}
    opening = next_opening(s, source.id, now=now) if Exclusion.OFF_SHIFT in why.split("+") else None
    if opening is None:
        return {"away": True}
    return {"away": True, "opens": int(opening.at.timestamp()), "zone": opening.zone}


def _read(stored: dict[str, object]) -> Calendar | None:
    try:
        return from_json(stored)
    except BadHours:
        return None  # such an operator is put on shift by `crm_core.team.shifts`
