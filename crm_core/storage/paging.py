"""Lists, a page at a time, and the number of all their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from crm_core.storage.execute import execute


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, and how many rows the whole list has.

    Attributes:
        is_complete: whether everything was looked at, and not only the first of too many.
    """

    rows: Sequence[Any]
    total: int
    is_complete: bool = True


SETTLED_AFTER = timedelta(minutes=10)
"""Longer than any transaction lasts (`storage.postgres`): of rows made before that, all are there to be counted."""


class RowCount:
    """The number of rows of a table that only grows: counted once, from then on only rows that were added since."""

    def __init__(self, table: Table) -> None:
        """
        Args:
            table: leads or contacts; it has `id` and `created_at`.
        """
        self._table = table
        self._known = (0, 0)  # an id, and the number of rows up to it

    def count(self, s: Session, *, now: datetime) -> int:
        """The number of rows now."""
        row = self._table.c
        known_to, known = self._known  # read as one: another count may run at the same time
        came = row.id > known_to
        settled = select(row.id).where(came, row.created_at < now - SETTLED_AFTER).order_by(row.id.desc()).limit(1)
        up_to = execute(s, settled).scalar_one_or_none()
        if up_to is not None:
            older = select(func.count()).select_from(self._table).where(came, row.id <= up_to)
            self._known = known_to, known = up_to, known + execute(s, older).scalar_one()
        newer = select(func.count()).select_from(self._table).where(row.id > known_to)
        return known + int(execute(s, newer).scalar_one())
