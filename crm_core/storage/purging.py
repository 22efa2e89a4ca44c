"""Deleting rows in batches: one DELETE of everything that has piled up could outlast the time-out of statements."""

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from crm_core.storage.execute import execute_count

BATCH = 1_000
"""Rows of one transaction: some ten milliseconds, for which SQLite's writer can do nothing else."""


def delete_batch(s: Session, table: Table, *where: ColumnElement[bool], at_most: int) -> int:
    """Deletes at most so many of the rows that meet all conditions, in no particular order.

    Rows that another transaction has locked (a purge of another process) are left out on PostgreSQL.

    Returns how many; fewer than `at_most` if nothing is left to do.
    """
    key = list(table.primary_key.columns)
    some = select(*key).where(*where).limit(at_most).with_for_update(skip_locked=True)
    if s.get_bind().dialect.name == "postgresql":
        # Chosen once: a nested loop asks a subquery for each row again, which finds others than those it has locked.
        some = select(*some.cte("batch").prefix_with("MATERIALIZED").c)
    chosen = key[0].in_(some) if len(key) == 1 else tuple_(*key).in_(some)
    return execute_count(s, delete(table).where(chosen))
