"""Cursors that ask the thread of an aiosqlite connection once per statement.

SQLAlchemy's own ask it to make a cursor, to execute, to fetch and to close: four times, each a wait for another thread,
of which a short query is mostly made. What they fetch is all of a result, too.
"""

import collections
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Executes, fetches everything and closes in one go."""

    __slots__ = ("_description", "_rowcount")

    def __init__(self, adapt_connection: Any) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._rows = collections.deque()
        self._description, self._rowcount = None, -1

    @property
    def description(self) -> Any:
        return self._description

    @property
    def rowcount(self) -> int:
        return self._rowcount

    async def _async_soft_close(self) -> None:
        """Nothing of it is open in the thread any more."""

    def close(self) -> None:
        self._rows.clear()

    async def _execute_async(self, operation: Any, parameters: Any) -> "_Cursor":
        async with self._adapt_connection._execute_mutex:
            self._description, self._rowcount, rows = await self._connection._execute(
                _execute, self._connection, operation, parameters
            )
        self._rows = collections.deque(rows)
        return self


def _execute(connection: Any, operation: str, parameters: Any) -> tuple[Any, int, list[Any]]:
    cursor = connection._conn.execute(operation, parameters or ())
    try:
        return cursor.description, cursor.rowcount, cursor.fetchall()
    finally:
        cursor.close()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()

    _cursor_cls = _Cursor

    def rollback(self) -> None:
        """Ends a transaction, once: a session ends it, and the pool would do so again. A cancelled one is closed."""
        if self._connection._connection is not None and self._connection.in_transaction:
            super().rollback()


def read_in_one_go(engine: Engine) -> None:
    """Gives the connections of an engine such cursors.

    Args:
        engine: the synchronous part of an asynchronous one that only reads: what executes many times, or asks for the
            number of a new row, is left out.
    """

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: Any, positional: Any, named: Any) -> _Connection:
        return _Connection(dialect.dbapi, dialect.dbapi.connect(*positional, **named)._connection)
