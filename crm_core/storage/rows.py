"""Executing statements: past the ORM's layer where it has nothing to add, and looking at how many rows they changed."""

from typing import Any

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.orm import Session

CONNECTION = "connection"


def run(s: Session, statement: Executable, values: Any = None) -> CursorResult[*tuple[Any, ...]]:
    """Executes a Core statement on the session's own connection.

    A message passes through a dozen statements; `Session.execute` would cost half as much again for each.

    Args:
        values: parameters of one execution, or a list for several.
    """
    connection: Connection = s.info.get(CONNECTION) or s.connection()
    return connection.execute(statement, values)


def changed(s: Session, statement: Executable, values: dict[str, Any] | None = None) -> int:
    """Executes an UPDATE, INSERT or DELETE and returns the number of rows it touched."""
    return run(s, statement, values).rowcount
