"""Executing statements: past the ORM's layer where it has nothing to add, and looking at how many rows they changed."""

import sqlite3
from typing import Any, cast, overload

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.orm import Session

from crm_core.storage.prepared import Prepared, PreparedForIds, Rows

CONNECTION = "connection"


# Without being asked to, SQLAlchemy keeps the count of an INSERT on SQLite, but not on PostgreSQL (there it says -1).
_COUNTED = {"preserve_rowcount": True}


@overload
def execute(s: Session, statement: Prepared | PreparedForIds, values: Any = None) -> Rows: ...
@overload
def execute(s: Session, statement: Executable, values: Any = None) -> CursorResult[*tuple[Any, ...]]: ...
def execute(
    s: Session, statement: Executable | Prepared | PreparedForIds, values: Any = None
) -> Rows | CursorResult[*tuple[Any, ...]]:
    """Executes a Core statement on the session's own connection, past the ORM's layer.

    Args:
        statement: any Core statement; a `Hot` one goes to SQLite's driver directly.
        values: parameters of one execution, or a list for several.

    Returns SQLAlchemy's result, or the like of it (`Rows`).
    """
    connection = _connection(s)
    if isinstance(statement, PreparedForIds):
        statement, values = statement.spread(values)
    if not isinstance(statement, Prepared):
        return connection.execute(statement, values)
    raw: object = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection):
        return statement.execute(raw, connection.dialect, values)
    return cast(Rows, connection.execute(statement.on_postgresql, values))  # whose ways they share


def execute_count(s: Session, statement: Executable | Prepared, values: dict[str, Any] | None = None) -> int:
    """Executes an UPDATE or DELETE and returns the number of rows it touched.

    Of an INSERT psycopg does not keep the number; there, ask with RETURNING.
    """
    connection = _connection(s)
    plain = statement
    if isinstance(statement, Prepared):
        raw: object = connection.connection.dbapi_connection
        if isinstance(raw, sqlite3.Connection):
            return statement.execute(raw, connection.dialect, values).rowcount
        plain = statement.on_postgresql
    return connection.execute(cast(Executable, plain), values, execution_options=_COUNTED).rowcount


def change_one(
    s: Session, statement: Executable | Prepared, values: dict[str, Any] | None = None, *, otherwise: Exception
) -> None:
    """Executes an UPDATE or DELETE that must touch exactly one row. Raises `otherwise` if it does not."""
    if execute_count(s, statement, values) != 1:
        raise otherwise


def _connection(s: Session) -> Connection:
    connection: Connection = s.info.get(CONNECTION) or s.connection()
    return connection
