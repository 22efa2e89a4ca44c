"""Several statements in one round trip to PostgreSQL, through the pipeline mode of its driver.

A round trip takes more time than most statements, on both sides of it. So a prepared statement without a result is not
sent at once: it waits until one with a result is executed, or until the commit, and all go together, in the order in
which they were executed; so does BEGIN, before the first. What one of them raises is raised then, for the transaction
as a whole, which is all that an action may rely on: it catches no error of a statement. A `Savepoint` waits like the
rest, in its place.

Statements that SQLAlchemy executes itself stay as they are; what waits is sent before each of them.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event
from sqlalchemy.dialects.postgresql.psycopg import AsyncAdapt_psycopg_connection
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.storage.deadlines import answered, restart
from crm_core.storage.prepared import PostgresPlan, Prepared, Rows

if TYPE_CHECKING:  # this module is loaded with SQLite, too, where the driver would take 9 MB for nothing
    import psycopg

_IDLE = 0  # psycopg.pq.TransactionStatus.IDLE: no transaction has begun
_WAITING, _PREFETCHED = "waiting statements", "prefetched rows"  # keys in the `info` of a connection


@dataclass(frozen=True, slots=True)
class _Statement:
    """One execution of a statement; `then` gets its result."""

    sql: str
    parameters: dict[str, Any] | None = None
    then: Callable[[list[tuple[Any, ...]]], None] | None = None


def execute(connection: Connection, statement: Prepared, values: Any) -> Rows:
    """Executes a prepared statement, once, or once for each of a list of parameters.

    One without a result may be sent later; its row count is then not known (-1). For that see `count`.

    Raises what SQLAlchemy raises for the driver's errors, those of statements that waited included.
    """
    announced = connection.info.get(_PREFETCHED)
    if announced and statement.id_first is not None and not isinstance(values, list):
        next_id, with_id = statement.id_first
        if _key(next_id, None) in announced:
            [(new_id,)] = execute(connection, next_id, None)
            execute(connection, with_id, {**values, "id": new_id})
            return Rows([(new_id,)], 1)
    plan, statements = _planned(connection, statement, values)
    if not plan.has_rows:
        _waiting(connection).extend(statements)
        return Rows([], -1)
    if announced and (key := _key(statement, values)) in announced:
        if announced[key] is None:
            send_waiting(connection)
        return Rows(announced.pop(key), -1)
    results = _send(connection, statements)
    return Rows([row for one in results for row in plan.rows(one.rows)], sum(one.rowcount for one in results))


def count(connection: Connection, statement: Prepared, values: dict[str, Any] | None) -> int:
    """Executes a prepared statement at once and returns how many rows it changed."""
    _plan, statements = _planned(connection, statement, values)
    return sum(result.rowcount for result in _send(connection, statements))


def execute_later(connection: Connection, statement: Prepared, values: Any, then: Callable[[Rows], None]) -> None:
    """Executes a prepared statement with whatever is sent next, at the latest with the commit.

    Args:
        then: gets the rows, for each of a list of parameters one by one.
    """
    plan, statements = _planned(connection, statement, values)
    _waiting(connection).extend(replace(one, then=lambda rows: then(Rows(plan.rows(rows), -1))) for one in statements)


def prefetch(connection: Connection, statement: Prepared, values: dict[str, Any] | None) -> None:
    """Sends a query with whatever is sent next; `execute` with the same values then finds its rows, once."""
    key = _key(statement, values)
    if key in connection.info.setdefault(_PREFETCHED, {}):
        return

    def keep(rows: Rows) -> None:
        connection.info[_PREFETCHED][key] = rows.all()

    connection.info[_PREFETCHED][key] = None  # until it was sent
    execute_later(connection, statement, values, keep)


def prefetch_id(connection: Connection, insert: Prepared) -> None:
    """Announces a new row: its id is fetched with whatever is sent next, and the row is then sent later."""
    if insert.id_first is not None:
        prefetch(connection, insert.id_first[0], None)


def defer(connection: Connection, sql: str) -> None:
    """Executes a statement without parameters or a result, together with the next one that has a result."""
    _waiting(connection).append(_Statement(sql))


def send_waiting(connection: Connection) -> None:
    """Sends what waits."""
    if connection.info.get(_WAITING):
        _send(connection, [])


def commit(s: Session) -> None:
    """Sends what waits together with COMMIT. The session's own commit then finds nothing left to do."""
    connection = s.connection()
    if _waiting(connection):
        _send(connection, [], commits=True)


def watch(engine: Engine) -> None:
    """Makes an engine send what waits before whatever SQLAlchemy sends by itself."""

    def send(connection: Connection, *_: object) -> None:
        send_waiting(connection)

    def forget(connection: Connection, *_: object) -> None:
        if not connection.invalidated:  # else they are gone together with the connection
            connection.info.pop(_WAITING, None)
            connection.info.pop(_PREFETCHED, None)

    for name in ("before_cursor_execute", "savepoint", "rollback_savepoint", "release_savepoint", "commit"):
        event.listen(engine, name, send)
    for name in ("begin", "rollback"):
        event.listen(engine, name, forget)


def works_over(raw: object) -> bool:
    """Whether a connection, as SQLAlchemy knows it, is one of the asynchronous driver."""
    return isinstance(raw, AsyncAdapt_psycopg_connection)


def _planned(connection: Connection, statement: Prepared, values: Any) -> tuple[PostgresPlan, list[_Statement]]:
    plan = statement.plan_on_postgresql(connection.dialect, values)
    many = values if isinstance(values, list) else [values or {}]
    return plan, [_Statement(plan.sql, plan.bind(one)) for one in many]


def _key(statement: Prepared, values: Any) -> Any:
    return statement, None if isinstance(values, list) else frozenset((values or {}).items())


class _Result:
    """What one statement resulted in, after the driver has let go of it."""

    __slots__ = ("rowcount", "rows")

    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self.rows, self.rowcount = rows, rowcount


def _waiting(connection: Connection) -> list[_Statement]:
    found: list[_Statement] = connection.info.setdefault(_WAITING, [])
    return found


def _send(connection: Connection, statements: Sequence[_Statement], *, commits: bool = False) -> list[_Result]:
    """Sends what waits, and these after it; returns what these resulted in."""
    waiting = connection.info.pop(_WAITING, [])
    restart(connection)
    raw: Any = connection.connection.driver_connection
    try:
        results = await_only(_send_all(raw, [*waiting, *statements], commits=commits))
    except connection.dialect.loaded_dbapi.Error as error:
        wrapped = _as_sqlalchemy(error, connection.dialect, is_lost=raw.closed)
        if raw.closed:
            connection.invalidate(wrapped)
        raise wrapped from error
    answered(connection)
    for one, result in zip(waiting, results, strict=False):
        if one.then is not None:
            one.then(result.rows)
    return results[len(waiting) :]


async def _send_all(
    raw: "psycopg.AsyncConnection", statements: Sequence[_Statement], *, commits: bool
) -> list[_Result]:
    if len(statements) == 1 and not commits and raw.info.transaction_status != _IDLE:
        return [await _result(await raw.execute(statements[0].sql, statements[0].parameters))]
    async with raw.pipeline():
        cursors = [await raw.execute(one.sql, one.parameters) for one in statements]
        if commits:
            await raw.commit()
    return [await _result(cursor) for cursor in cursors]


async def _result(cursor: "psycopg.AsyncCursor") -> _Result:
    return _Result(await cursor.fetchall() if cursor.description else [], cursor.rowcount)


def _as_sqlalchemy(error: Exception, dialect: Dialect, *, is_lost: bool) -> DBAPIError:
    """What SQLAlchemy raises for an error of the driver."""
    wrapped = DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    assert isinstance(wrapped, DBAPIError)
    return wrapped
