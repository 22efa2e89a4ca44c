"""The way to execute a statement in an action: `execute`, or `execute_count` where the number of changed rows decides.

    execute(s, select(…))                     rows, from a statement written where it is used
    execute(s, _PREPARED, {"contact_id": 5})  the same from a prepared statement, in a tenth of the time on SQLite
    execute_count(s, update(…)) == 1          a conditional UPDATE or DELETE: whether the condition held

Both go past the ORM's layer, which has nothing to add to a Core statement and costs as much as the statement itself.
A new statement is plain Core. It becomes a `Prepared` one (`storage.prepared`), a constant of its module, when every
message passes through it and `make bench` shows the difference, or every start and every new colleague, which is what
most stories of the tests begin with; the call stays the same. `Session.execute` remains in older modules, where it does
the same more slowly; `Session.add` and relationships are used nowhere.
"""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast, overload

from sqlalchemy import Connection, CursorResult, Dialect, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm_core.storage.prepared import Prepared, PreparedForIds, Rows

if TYPE_CHECKING:  # it loads PostgreSQL's driver, which an installation on SQLite does not need
    from crm_core.storage.pipeline import Pipeline

CONNECTION, DRIVER, PIPELINE, MAY_EXPECT = "connection", "driver", "pipeline", "may expect"
"""Keys of a session's `info`: under them whoever opens a transaction keeps its connection, SQLite's own connection with
the dialect, the pipeline to PostgreSQL, and whether it will run the action again if what `expect` was told turns out
not to be so."""

# By default SQLAlchemy keeps the row count of an INSERT on SQLite, but not on PostgreSQL (-1 there).
_COUNTED = {"preserve_rowcount": True}


@overload
def execute(s: Session, statement: Prepared | PreparedForIds, values: Any = None) -> Rows: ...
@overload
def execute(s: Session, statement: Executable, values: Any = None) -> CursorResult[*tuple[Any, ...]]: ...
def execute(
    s: Session, statement: Executable | Prepared | PreparedForIds, values: Any = None
) -> Rows | CursorResult[*tuple[Any, ...]]:
    """Executes a Core statement on the session's own connection.

    Args:
        statement: any Core statement, or a prepared one, which goes to SQLite's driver directly.
        values: parameters of one execution, or a list for several.

    Returns SQLAlchemy's result, or `Rows`, which has the same methods. Raises what SQLAlchemy raises, for both.
    """
    if isinstance(statement, PreparedForIds):
        statement, values = statement.spread(values)
    if not isinstance(statement, Prepared):
        return _connection(s).execute(statement, values)
    driver: tuple[sqlite3.Connection, Dialect] | None = s.info.get(DRIVER)
    if driver is not None:
        return statement.execute(driver[0], driver[1], values)
    if (pipeline := _pipeline(s)) is not None:
        return pipeline.execute(statement, values)
    connection = _connection(s)  # of a session that only reads, perhaps
    raw: object = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection):
        return statement.execute(raw, connection.dialect, values)
    return connection.execute(statement.on_postgresql, values)


def execute_later(s: Session, statement: Prepared, values: Any, then: Callable[[Rows], None]) -> None:
    """Executes a statement whose result decides nothing in this transaction; at the latest with the commit.

    On PostgreSQL it needs no round trip of its own.

    Args:
        then: gets the result; for a list of parameters perhaps in parts, in their order.
    """
    if (pipeline := _pipeline(s)) is not None:
        pipeline.execute_later(statement, values, then)
    else:
        then(execute(s, statement, values))


def prefetch(s: Session, statement: Prepared, values: dict[str, Any]) -> None:
    """Announces a query: on PostgreSQL it is sent with the next one, and `execute` finds its rows without another trip.

    Nothing that this transaction writes between the two may change what the query finds. What others write may; whoever
    locks sources in between reads anew.
    """
    if (pipeline := _pipeline(s)) is not None:
        pipeline.prefetch(statement, values)


def forget_prefetched(s: Session) -> None:
    """Drops what announced queries have found, for a caller who has waited for a lock meanwhile."""
    if (pipeline := _pipeline(s)) is not None:
        pipeline.forget_queries()


def prefetch_ids(s: Session, *inserts: Prepared) -> None:
    """Announces one new row of each `prepared_insert`: on PostgreSQL they then need no round trip of their own.

    A number is used up even if its row is not inserted after all.
    """
    if (pipeline := _pipeline(s)) is not None:
        for insert in inserts:
            pipeline.prefetch_id(insert, None, {})


def prefetch_id(s: Session, insert: Prepared, *, unless: Prepared, values: dict[str, Any]) -> None:
    """Announces one new row of a `prepared_insert` that may turn out not to be needed.

    Args:
        unless: the condition under which it is not, for PostgreSQL, with these values.
    """
    if (pipeline := _pipeline(s)) is not None:
        pipeline.prefetch_id(insert, unless, values)


def expect(s: Session, statement: Prepared, values: dict[str, Any]) -> bool:
    """Executes an UPDATE without waiting for its result, where that is possible: on PostgreSQL, at the first attempt.

    If the rows are not as it expects them, the whole action is run again, and `expect` then returns False.

    Args:
        statement: one that sets a column that must have a value to NULL unless all is as expected.

    Returns whether it was executed; if not, the caller executes one whose result it looks at.
    """
    pipeline = _pipeline(s)
    if pipeline is None or not s.info.get(MAY_EXPECT):
        return False
    pipeline.expect(statement, values)
    return True


class Savepoint:
    """A point to which a transaction can go back: ended by `commit`, `rollback` or a `with` block.

    It begins at once. `Session.begin_nested` would begin it only with the next statement that goes through the session,
    and prepared ones go past it.
    """

    def __init__(self, s: Session) -> None:
        self._pipeline, self._connection = _pipeline(s), _connection(s)
        self._execute("SAVEPOINT part")

    def commit(self) -> None:
        """Keeps what was done since."""
        self._execute("RELEASE SAVEPOINT part")

    def rollback(self) -> None:
        """Undoes what was done since, and gives back the locks that it took."""
        self._execute("ROLLBACK TO SAVEPOINT part")
        self._execute("RELEASE SAVEPOINT part")

    def _execute(self, sql: str) -> None:
        if self._pipeline is not None:
            self._pipeline.defer(sql.encode())
        else:
            raw: Any = self._connection.connection.dbapi_connection
            raw.execute(sql)

    def __enter__(self) -> "Savepoint":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        elif not self._connection.invalidated:
            self.rollback()


def send_waiting(s: Session) -> None:
    """Sends what `execute_later` and others left waiting, for a caller who needs its effects now."""
    if (pipeline := _pipeline(s)) is not None:
        pipeline.send_waiting()


def execute_count(s: Session, statement: Executable | Prepared | PreparedForIds, values: Any = None) -> int:
    """Executes a statement and returns the number of rows that it inserted, updated or deleted.

    Args:
        values: as in `execute`; of a list, the rows of all executions are counted.
    """
    if isinstance(statement, PreparedForIds):
        statement, values = statement.spread(values or {})
    connection = _connection(s)
    plain = statement
    if isinstance(statement, Prepared):
        if (pipeline := _pipeline(s)) is not None:
            return pipeline.count(statement, values)
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


def dialect_insert(s: Session, table: Any) -> Any:
    """Starts an INSERT of the session's own dialect, which has ``on_conflict_do_nothing`` and ``…_do_update``.

    Both databases have them, but SQLAlchemy offers them only through each dialect. Prepared: `prepared_upsert`.
    """
    if s.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _connection(s: Session) -> Connection:
    connection: Connection = s.info.get(CONNECTION) or s.connection()
    return connection


def _pipeline(s: Session) -> "Pipeline | None":
    """Where statements of the session can wait: only on PostgreSQL."""
    found: Pipeline | None = s.info.get(PIPELINE)
    return found
