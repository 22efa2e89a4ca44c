"""Executing statements: past the ORM's layer where it has nothing to add, and looking at how many rows they changed."""

from typing import Any

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.orm import Session

CONNECTION = "connection"


# Without being asked to, SQLAlchemy keeps the count of an INSERT on SQLite, but not on PostgreSQL (there it says -1).
_COUNTED = {"preserve_rowcount": True}


def run(s: Session, statement: Executable, values: Any = None) -> CursorResult[*tuple[Any, ...]]:
    """Executes a Core statement on the session's own connection.

    A message passes through a dozen statements; `Session.execute` would cost half as much again for each.

    Args:
        values: parameters of one execution, or a list for several.
    """
    return _connection(s).execute(statement, values)


def changed(s: Session, statement: Executable, values: dict[str, Any] | None = None) -> int:
    """Executes an UPDATE or DELETE and returns the number of rows it touched.

    Of an INSERT psycopg does not keep the number; there, ask with RETURNING.
    """
    return _connection(s).execute(statement, values, execution_options=_COUNTED).rowcount


def _connection(s: Session) -> Connection:
    connection: Connection = s.info.get(CONNECTION) or s.connection()
    return connection
