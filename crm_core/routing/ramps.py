"""The morning ramp: of what had waited before somebody comes, or their source opens, they get so many in a minute.

What had waited is told by moments: since when a contact waits, since when an operator is there
(`operators.receives_since`), and since when a source gives out contacts (`sources.opened_at`). What of it an operator
was given in the last minute are rows of `given` with `had_waited`. All of it is read only for contacts of the queue,
and where some source has a ramp: a new contact has waited for nobody. Whoever gives out the queue has locked the rows
of its operators, so two transactions at once never exceed a ramp.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.routing.choose import Candidate
from crm_core.storage.execute import execute
from crm_core.storage.tables import Given, Operator, Source

LARGEST = 1_000

MINUTE = timedelta(minutes=1)

USUAL = 3
"""The ramp of a new source."""

_operator, _source, _given = Operator.__table__, Source.__table__, Given.__table__

_IN_LAST_MINUTE = (
    select(func.count()).where(_given.c.operator_id == _operator.c.id, _given.c.had_waited).scalar_subquery()
)
_PACES = (
    select(_operator.c.id, _operator.c.receives_since, _source.c.opened_at, _IN_LAST_MINUTE.label("last_minute"))
    .join(_source, _source.c.id == bindparam("source_id"))
    .where(_operator.c.id.in_(bindparam("ids", expanding=True)))
)


def paced(
    s: Session, candidates: Sequence[Candidate], *, source_id: int, since: datetime, ramp: int | None
) -> list[Candidate]:
    """Candidates for a contact of the queue, with what a ramp asks of them.

    Args:
        since: since when the contact waits.
        ramp: of its source.
    """
    rows = execute(s, _PACES, {"source_id": source_id, "ids": [one.operator_id for one in candidates]})
    seen = {row.id: row for row in rows}
    return [_paced(one, seen[one.operator_id], since, ramp) for one in candidates]


def _paced(one: Candidate, row: Row[Any], since: datetime, ramp: int | None) -> Candidate:
    came = _later(row.receives_since, row.opened_at)
    if came is None or since >= came:
        return one
    return replace(one, had_waited=True, last_minute=row.last_minute, ramp=ramp)


def first_to_come(s: Session, *, source_id: int, operator_ids: Collection[int]) -> datetime | None:
    """The first moment at which one of these operators could get contacts of a source, since they are there now.

    What has waited since before it has waited for all of them; None if they have been there, and it was open, always.
    """
    rows = execute(s, _PACES, {"source_id": source_id, "ids": sorted(operator_ids)})
    came = [_later(row.receives_since, row.opened_at) for row in rows]
    return min((one for one in came if one is not None), default=None)


_MOMENTS = (
    select(_given.c.operator_id, _given.c.at)
    .where(_given.c.operator_id.in_(bindparam("ids", expanding=True)), _given.c.had_waited)
    .order_by(_given.c.at)
)


def goes_on_at(s: Session, held_back: Sequence[Candidate]) -> datetime | None:
    """When the first of these operators, who had as much as a ramp allows, may have the next of what had waited."""
    if not held_back:
        return None
    moments: dict[int, list[datetime]] = {one.operator_id: [] for one in held_back}
    for row in execute(s, _MOMENTS, {"ids": sorted(moments)}):
        moments[row.operator_id].append(row.at)
    # A lowered ramp lets the next one out when fewer than it are left of this minute.
    last = [given[-one.ramp] for one in held_back if one.ramp and len(given := moments[one.operator_id]) >= one.ramp]
    return min(last) + MINUTE if last else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)
