"""Since when an operator is not there (`crm_core.routing.presence`), as their row says it (`away_since`)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from crm_core.routing.presence import COLUMNS, is_there
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator

_operator = Operator.__table__
AHEAD = timedelta(minutes=1)
"""A moment that lies further ahead than this is from before the clock was set back."""

STATE = (_operator.c.id, _operator.c.away_since, *COLUMNS)
"""What the functions below read of an operator."""

_ONE = select(*STATE).where(_operator.c.id == bindparam("operator_id"))
_NOTE = (
    update(_operator)
    .where(_operator.c.id == bindparam("operator"))
    .values(away_since=bindparam("since", type_=_operator.c.away_since.type))
)


def is_right(row: Any, now: datetime) -> bool:
    """Whether a row says what is so: not after the clock was set back, for example."""
    if row.removed_at is not None:
        return True
    if row.away_since is None:
        return is_there(row, now)
    return not is_there(row, now) and row.away_since <= now + AHEAD


def note(s: Session, operator_id: int, *, now: datetime) -> bool:
    """Brings the row of an operator up to date whose presence may have changed. The caller has locked it.

    Returns whether they have just gone.
    """
    row = execute(s, _ONE, {"operator_id": operator_id}).one()
    if is_right(row, now):
        return False
    there = is_there(row, now)
    execute(s, _NOTE, {"operator": operator_id, "since": None if there else now})
    return not there and row.away_since is None
