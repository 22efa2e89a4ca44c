"""Several statements in one round trip to PostgreSQL.

A round trip takes more time than most statements, on both sides of it. So a prepared statement without a result is not
sent at once: it waits until one with a result is executed, or until the commit, and all go together, in the order in
which they were executed; so does BEGIN, before the first. What one of them raises is raised then, for the transaction
as a whole, which is all that an action may rely on: it catches no error of a statement. A `Savepoint` waits like the
rest, in its place.

Statements that SQLAlchemy executes itself stay as they are; what waits is sent before each of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from crm_core.storage.deadlines import answered, restart
from crm_core.storage.prepared import NewId, PostgresPlan, Prepared, Rows, next_ids
from crm_core.storage.round_trip import Command, Result, Way

_PIPELINE, _WAY = "pipeline", "way to the server"  # keys in the `info` of a connection
_Then = Callable[[list[tuple[Any, ...]]], None]


class Pipeline:
    """The statements of one transaction, on one connection."""

    def __init__(self, connection: Connection) -> None:
        """
        Args:
            connection: of an engine that `watch` was given, with a transaction that SQLAlchemy thinks has begun.
        """
        info = connection.info
        info[_PIPELINE] = self
        self._connection = connection
        way = info.get(_WAY)
        if way is None:
            raw: Any = connection.connection.driver_connection
            way = info[_WAY] = Way(raw)
        self._way: Way = way
        self.expects = False
        """Whether anything was executed by `expect`."""
        self._waiting: list[Command] = []
        self._thens: dict[int, _Then] = {}  # what gets the rows of a waiting statement, by its place
        self._prefetched: dict[Any, list[Any] | None] = {}  # by query or INSERT; None until it was sent
        self._announced: list[NewId] = []  # ids to be fetched with whatever is sent next, all by one query
        self._unless: dict[str, Any] = {}  # parameters of their conditions

    @property
    def is_idle(self) -> bool:
        """Whether the server has no transaction open."""
        return self._way.is_idle

    def execute(self, statement: Prepared, values: Any) -> Rows:
        """Executes a prepared statement, once, or once for each of a list of parameters.

        One without a result may be sent later; its row count is then not known (-1). For that see `count`.

        Raises what SQLAlchemy raises for the driver's errors, those of statements that waited included.
        """
        if isinstance(values, list):
            return self._execute_each(statement, values)
        if statement.with_id is not None and (found := self._take(statement)):
            self.execute(statement.with_id, {**values, "id": found[0][0]})
            return Rows(found, 1)
        values = values or {}
        plan = self._plan(statement, values)
        parameters = plan.bind(values)
        if not plan.has_rows:
            self._waiting.append(Command(plan.text, parameters))
            return Rows([], -1)
        if self._prefetched and (key := _key(plan, parameters)) in self._prefetched:
            return Rows(self._take(key), -1)
        (result,) = self._send([Command(plan.text, parameters)])
        return Rows(plan.rows(result.rows), result.rowcount)

    def _execute_each(self, statement: Prepared, many: list[dict[str, Any]]) -> Rows:
        if len(many) > 1 and (of_rows := statement.insert_of(self._connection.dialect, many)) is not None:
            at_once, parameters = of_rows
            self._waiting.append(Command(at_once.text, parameters))
            return Rows([], -1)
        plan = self._plan(statement, many[0])
        commands = [Command(plan.text, plan.bind(values)) for values in many]
        if not plan.has_rows:
            self._waiting.extend(commands)
            return Rows([], -1)
        results = self._send(commands)
        return Rows([row for one in results for row in plan.rows(one.rows)], sum(one.rowcount for one in results))

    def count(self, statement: Prepared, values: Any) -> int:
        """Executes a prepared statement at once, or once for each of a list of parameters.

        Returns how many rows it changed.
        """
        many = values if isinstance(values, list) else [values or {}]
        plan = self._plan(statement, many[0])
        return sum(one.rowcount for one in self._send([Command(plan.text, plan.bind(one)) for one in many]))

    def execute_later(self, statement: Prepared, values: Any, then: Callable[[Rows], None]) -> None:
        """Executes a prepared statement with whatever is sent next, at the latest with the commit.

        Args:
            then: gets the rows, for each of a list of parameters one by one.
        """
        many = values if isinstance(values, list) else [values or {}]
        plan = self._plan(statement, many[0])
        for one in many:
            self._thens[len(self._waiting)] = lambda rows: then(Rows(plan.rows(rows), -1))
            self._waiting.append(Command(plan.text, plan.bind(one)))

    def prefetch(self, statement: Prepared, values: dict[str, Any]) -> None:
        """Sends a query with whatever is sent next; `execute` with the same values then finds its rows, once."""
        plan = self._plan(statement, values)
        parameters = plan.bind(values)
        key = _key(plan, parameters)
        if key in self._prefetched:
            return

        def keep(rows: list[tuple[Any, ...]]) -> None:
            self._prefetched[key] = plan.rows(rows)

        self._prefetched[key] = None
        self._thens[len(self._waiting)] = keep
        self._waiting.append(Command(plan.text, parameters))

    def forget_queries(self) -> None:
        """Drops what announced queries have found: executed again, they are sent again. Ids of new rows stay."""
        self._prefetched = {key: rows for key, rows in self._prefetched.items() if isinstance(key, Prepared)}

    def prefetch_id(self, insert: Prepared, unless: Prepared | None, values: dict[str, Any]) -> None:
        """Announces a new row: its id is fetched with whatever is sent next, and the row is then sent later.

        Args:
            unless: the condition under which the row is not to be inserted; no id is then fetched.
            values: parameters of that condition, by names that no other one of this transaction has.
        """
        if insert not in self._prefetched:
            self._prefetched[insert] = None
            self._announced.append((insert, unless))
            self._unless.update(values)

    def _fetch_ids(self) -> None:
        announced, self._announced = tuple(self._announced), []
        plan = self._plan(next_ids(announced), self._unless)

        def keep(rows: list[tuple[Any, ...]]) -> None:
            for (insert, _), new_id in zip(announced, rows[0], strict=True):
                if new_id is None:
                    del self._prefetched[insert]
                else:
                    self._prefetched[insert] = [(new_id,)]

        self._thens[len(self._waiting)] = keep
        self._waiting.append(Command(plan.text, plan.bind(self._unless)))
        self._unless = {}

    def _take(self, key: Any) -> list[Any]:
        """What was fetched, once; it is sent for now if it was only announced. Empty for what was not announced."""
        if key in self._prefetched and self._prefetched[key] is None:
            self.send_waiting()
        return self._prefetched.pop(key, None) or []

    def expect(self, statement: Prepared, values: dict[str, Any]) -> None:
        """Executes, with whatever is sent next, a statement that fails where it does not find what it expects."""
        self.expects = True
        self.execute(statement, values)

    def defer(self, sql: bytes) -> None:
        """Executes a statement without parameters or a result, together with the next one that has a result."""
        self._waiting.append(Command(sql, is_kept=False))

    def send_waiting(self) -> None:
        """Sends what waits."""
        if self._waiting or self._announced:
            self._send([])

    def commit(self) -> None:
        """Sends what waits together with COMMIT. What SQLAlchemy does at the end then finds nothing left to do."""
        if self._waiting or not self._way.is_idle:
            self._send([], commits=True)

    def roll_back(self) -> None:
        """Drops what waits, and undoes the transaction. What SQLAlchemy does at the end then finds nothing left to do.

        A transaction of which a statement has failed is left to the driver, which drops all that is prepared with it:
        of what was prepared, something may fit its table no more.
        """
        self._waiting.clear()
        self._thens.clear()
        self._prefetched.clear()
        self._announced.clear()
        self._unless = {}
        if self._way.is_sound:
            self._send([Command(b"ROLLBACK", is_kept=False)])
        elif not self._way.is_idle:
            self._way.forget()

    def _plan(self, statement: Prepared, values: dict[str, Any]) -> PostgresPlan:
        return statement.plan_on_postgresql(self._connection.dialect, values)

    def _send(self, commands: Sequence[Command], *, commits: bool = False) -> list[Result]:
        """Sends what waits, and these after it; returns what these resulted in."""
        if self._announced and not commits:
            self._fetch_ids()
        waiting, thens = self._waiting, self._thens
        self._waiting, self._thens = [], {}
        connection = self._connection
        restart(connection)
        try:
            results: list[Result] = await_only(self._way.send([*waiting, *commands], commits=commits))
        except psycopg.Error as error:
            is_lost = self._way.raw.closed
            wrapped = _as_sqlalchemy(error, connection.dialect, is_lost=is_lost)
            if is_lost:
                connection.invalidate(wrapped)
            raise wrapped from error
        except BaseException:  # cancelled; if the driver could not end the statement, it has closed the connection
            if self._way.raw.closed:
                connection.invalidate()
            raise
        answered(connection)
        for place, then in thens.items():
            then(results[place].rows)
        return results[len(waiting) :]


def _key(plan: PostgresPlan, parameters: Sequence[Any]) -> Any:
    return plan, *parameters


def watch(engine: Engine) -> None:
    """Makes an engine send what waits in a pipeline before whatever SQLAlchemy sends by itself.

    What a pipeline has registered with the event loop is taken out when its connection is closed.
    """

    def send(connection: Connection, *_: object) -> None:
        if (pipeline := _of(connection)) is not None:
            pipeline.send_waiting()

    def roll_back(connection: Connection, *_: object) -> None:
        if (pipeline := _of(connection)) is not None:
            pipeline.roll_back()

    def close(_: Any, record: Any) -> None:
        if (way := record.info.get(_WAY)) is not None:
            way.close()

    event.listen(engine, "close", close)
    for name in ("before_cursor_execute", "savepoint", "rollback_savepoint", "release_savepoint", "commit"):
        event.listen(engine, name, send)
    event.listen(engine, "rollback", roll_back)


def _of(connection: Connection) -> Pipeline | None:
    """The pipeline of a connection, None once the connection is lost: what waited is gone with it."""
    return None if connection.invalidated else connection.info.get(_PIPELINE)


def _as_sqlalchemy(error: psycopg.Error, dialect: Dialect, *, is_lost: bool) -> DBAPIError:
    """What SQLAlchemy raises for an error of the driver."""
    wrapped = DBAPIError.instance(
        None, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_lost, dialect=dialect
    )
    assert isinstance(wrapped, DBAPIError)
    return wrapped
