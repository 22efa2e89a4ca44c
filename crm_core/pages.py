"""What lists show, a page at a time, each in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core.storage.tables import Operator

_operator = Operator.__table__


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list, and how many there are in all."""

    rows: Sequence[Any]
    total: int


OPERATOR_COLUMNS = (
    _operator.c.id,
    _operator.c.name,
    _operator.c.is_active,
    _operator.c.max_leads,
    _operator.c.current_leads,
)


def operators(s: Session, *, skip: int, limit: int) -> Listed:
    """Operators that are not removed, in the order of making."""
    there = _operator.c.removed_at.is_(None)
    rows = s.execute(select(*OPERATOR_COLUMNS).where(there).order_by(_operator.c.id).offset(skip).limit(limit)).all()
    return Listed(rows, s.execute(select(func.count()).select_from(_operator).where(there)).scalar_one())
