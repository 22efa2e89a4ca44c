"""Whether an operator is there, for what is with them already; whether they get anything new is another question.

Whoever is online is there while new contacts come to them, and in all their working time: at the end of a shift they
get no more, and before its beginning they may get some already.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.hours.stored import readable
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator

COLUMNS = (Operator.is_online, Operator.on_shift, Operator.hours, Operator.removed_at)
"""What `is_there` reads of an operator."""

_ONE = select(*COLUMNS).where(Operator.id == bindparam("operator_id"))


def is_there(row: Any, now: datetime) -> bool:
    """Whether the operator of a row is there."""
    if not row.is_online or row.removed_at is not None:
        return False
    if row.on_shift:
        return True
    hours = readable(row.hours)
    return hours is not None and hours.works(now)


def is_operator_there(s: Session, operator_id: int, *, now: datetime) -> bool:
    """The same of one operator, as their row stands now."""
    return is_there(execute(s, _ONE, {"operator_id": operator_id}).one(), now)
