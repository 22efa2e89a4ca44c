"""Prepared statements: written in Core, compiled once, and executed by the database's own driver.

SQLAlchemy prepares each execution anew, which takes ten times as long as SQLite then needs; with a dozen statements for
each message, that was most of the work of the whole process (docs/performance.md). So the statements that every message
passes through are compiled at their first use, with the types' own conversions of values, and from then on go directly
to the driver. On PostgreSQL, where round trips take most of the time, `storage.pipeline` sends several in one.

Execute them with `storage.execute`, which also says when to use one. They rely on private parts of SQLAlchemy:
tests/domain/storage/test_prepared_statements.py names each, and compares every statement with SQLAlchemy's execution.
"""

import sqlite3
from collections import namedtuple  # a row, as SQLAlchemy's own are: a tuple with names
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cache
from itertools import zip_longest
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ClauseElement,
    ColumnElement,
    Dialect,
    Insert,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import replacement_traverse

Convert = Callable[[Any], Any]
ROWS_AT_MOST = 8  # in one INSERT: each number is a statement of its own, which the server keeps prepared


class Rows:
    """The result of a prepared statement, with those methods of SQLAlchemy's result that are used here."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount
        """How many rows the statement changed."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Every row."""
        return self._rows

    def scalars(self) -> "Rows":
        """The first column of each row."""
        return Rows([row[0] for row in self._rows], self.rowcount)

    def one_or_none(self) -> Any:
        """The only row, None if there is none. Raises MultipleResultsFound."""
        if len(self._rows) > 1:
            raise MultipleResultsFound(f"{len(self._rows)} rows, where at most one was expected")
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The only row. Raises NoResultFound, MultipleResultsFound."""
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("no row, where one was expected")
        return row

    def scalar_one_or_none(self) -> Any:
        """The first column of the only row, None if there is none. Raises MultipleResultsFound."""
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        """The first column of the only row. Raises NoResultFound, MultipleResultsFound."""
        return self.one()[0]


class Prepared:
    """A prepared Core statement, to be executed by `execute` and `execute_count` like any other.

    It always has the same parameters, those of its first execution; for a list of ids see `PreparedForIds`.
    """

    def __init__(
        self, statement: Any, *, on_postgresql: Any = None, gives_id: bool = False, sequence: str | None = None
    ) -> None:
        """
        Args:
            on_postgresql: the same for PostgreSQL, where it differs (an upsert, the id of a new row).
            gives_id: whether the result is the id of the new row, which SQLite's driver knows without RETURNING.
            sequence: where PostgreSQL takes that id from.
        """
        self.statement: Any = statement
        self.sequence = sequence
        self.with_id = None if sequence is None else Prepared(statement)
        """For PostgreSQL: the INSERT that gets the id of the new row as a parameter (see `next_ids`)."""
        self.on_postgresql: Any = statement if on_postgresql is None else on_postgresql
        self._gives_id = gives_id
        self._plan: _Plan | None = None
        self._postgres_plan: PostgresPlan | None = None
        self._of_rows: dict[int, PostgresPlan] = {}

    def execute(self, connection: sqlite3.Connection, dialect: Dialect, values: Any) -> Rows:
        """Executes it on the driver's own connection, once, or once for each of a list of parameters.

        Raises what SQLAlchemy raises for the driver's errors.
        """
        plan = self._plan
        if plan is None:
            first = values[0] if isinstance(values, list) else values or {}
            plan = self._plan = _Plan(self.statement, dialect, first, self._gives_id)
        try:
            if isinstance(values, list):
                return plan.execute_each(connection, values)
            return plan.execute(connection, values or {})
        except sqlite3.Error as error:
            raise as_sqlalchemy(error, plan.sql, dialect) from error

    def plan_on_postgresql(self, dialect: Dialect, values: Any) -> "PostgresPlan":
        """The statement as PostgreSQL's driver takes it.

        Args:
            values: of this execution; the names decide at the first one.
        """
        if self._postgres_plan is None:
            first = values[0] if isinstance(values, list) else values or {}
            self._postgres_plan = PostgresPlan(self.on_postgresql, dialect, first)
        return self._postgres_plan

    def insert_of(self, dialect: Dialect, rows: list[dict[str, Any]]) -> "tuple[PostgresPlan, list[Any]] | None":
        """An INSERT of several rows at once for PostgreSQL, and its parameters.

        None for other statements, for one with a result, whose order PostgreSQL does not promise, for many rows, and
        for columns that are left to their defaults.
        """
        count = len(rows)
        if count > ROWS_AT_MOST or not isinstance(self.on_postgresql, Insert) or self.on_postgresql._returning:
            return None
        if count not in self._of_rows:
            columns = self.on_postgresql.table.c
            names = [[(name, f"{name}_{number}") for name in rows[0]] for number in range(count)]
            statement = self.on_postgresql.values(
                [{name: bindparam(numbered, type_=columns[name].type) for name, numbered in row} for row in names]
            )
            self._of_rows[count] = PostgresPlan(statement, dialect, {})
        plan = self._of_rows[count]
        if plan.has_defaults:
            return None
        of_row = self.plan_on_postgresql(dialect, rows)  # both have the columns in the order of the table
        return plan, [value for row in rows for value in of_row.bind(row)]


NewId = tuple[Prepared, Prepared | None]
"""Of a new row: its `prepared_insert`, and the condition under which it is not to be inserted after all."""


@cache
def next_ids(announced: tuple[NewId, ...]) -> Prepared:
    """For PostgreSQL: the query for the ids of new rows, in one row; NULL where the condition of one holds."""
    return Prepared(select(*(_next_id(*one) for one in announced)))


def _next_id(insert: Prepared, unless: Prepared | None) -> ColumnElement[Any]:
    taken = func.nextval(insert.sequence)
    return taken if unless is None else case((unless.on_postgresql, None), else_=taken)


def as_sqlalchemy(error: sqlite3.Error, sql: str, dialect: Dialect) -> DBAPIError:
    """What SQLAlchemy raises for an error of the driver."""
    wrapped = DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect)
    assert isinstance(wrapped, DBAPIError)
    return wrapped


def prepared_insert(table: Any) -> Prepared:
    """A prepared INSERT of one row or several, whose result is their ids, in the order in which they were given."""
    of_row = table.c.id
    returning = insert(table).returning(of_row, sort_by_parameter_order=True)
    return Prepared(insert(table), on_postgresql=returning, gives_id=True, sequence=f"{table.name}_id_seq")


def prepared_upsert(table: Any, finish: Callable[[Any], Any]) -> Prepared:
    """A prepared INSERT … ON CONFLICT, which SQLAlchemy offers only through each dialect.

    Args:
        finish: adds the ``on_conflict_…`` part, which both dialects spell alike.
    """
    return Prepared(finish(sqlite.insert(table)), on_postgresql=finish(postgresql.insert(table)))


class PreparedForIds:
    """A prepared statement over a list of ids, the parameter `ids`.

    It is compiled for lists of 1, 2, 4, 8, … ids; a list is filled up by repeating its last id.
    """

    def __init__(self, build: Callable[[list[Any]], Any]) -> None:
        """
        Args:
            build: makes the statement, given the bound parameters for its IN.
        """
        self._build = build
        self._by_length: dict[int, tuple[Prepared, list[str]]] = {}

    def spread(self, values: dict[str, Any]) -> tuple[Prepared, dict[str, Any]]:
        """The statement for a list as long as this one, and its parameters. The list must not be empty."""
        given = dict(values)
        ids = given.pop("ids")
        length = 1 << (len(ids) - 1).bit_length()
        if length not in self._by_length:
            names = [f"id_{number}" for number in range(length)]
            self._by_length[length] = Prepared(self._build([bindparam(name) for name in names])), names
        statement, names = self._by_length[length]
        given.update(zip_longest(names, ids, fillvalue=ids[-1]))
        return statement, given


def _in_order(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """What picks these values out of a dictionary, in this order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)  # an `itemgetter` of one name makes no tuple


def _with_literals(statement: ClauseElement, dialect: Dialect) -> ClauseElement:
    """The statement with its constants written out, not bound.

    SQLite compares constants with the conditions of partial indexes. For a parameter it can do so only with its current
    value, and prepares the statement anew at every execution, which takes longer than executing it
    (https://sqlite.org/c3ref/c_dbconfig_defensive.html, SQLITE_DBCONFIG_ENABLE_QPSG).
    """

    def write_out(element: Any, **_: Any) -> Any:
        if not isinstance(element, BindParameter) or element.required or element.value is None or element.expanding:
            return None
        write = element.type.dialect_impl(dialect).literal_processor(dialect)
        return None if write is None else literal_column(write(element.value), element.type)

    return cast(ClauseElement, replacement_traverse(statement, {}, write_out))


class _Compiled:
    """A statement as a driver takes it: text, parameters by their places, conversions of values in both directions.

    Attributes:
        has_rows: whether it results in rows.
        has_defaults: whether columns that were not given get a default here.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect, values: dict[str, Any]) -> None:
        compiled = _with_literals(statement, dialect).compile(dialect=dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        constants: dict[str, Any] = dict(compiled.params)
        self.has_defaults = bool(compiled.insert_prefetch)
        for column in compiled.insert_prefetch:  # defaults of columns that are not given
            constants[column.key] = cast(Any, column.default).arg
        names = compiled.positiontup or ()
        self._constants = {name: constants.get(name) for name in names if name not in values}
        self._in_order = _in_order(names)
        converts: dict[str, Any] = dict(compiled._bind_processors)
        self._binds: list[tuple[int, Convert]] = [
            (place, converts[name]) for place, name in enumerate(names) if converts.get(name) is not None
        ]
        columns = compiled._result_columns
        row: Any = namedtuple("Row", [one.keyname for one in columns], rename=True) if columns else None
        self.has_rows = row is not None
        self._row: Any = row and row._make
        self._results: list[tuple[int, Convert]] = []
        for place, one in enumerate(columns):
            convert = one.type.dialect_impl(dialect).result_processor(dialect, None)
            if convert is not None:
                self._results.append((place, convert))

    def bind(self, values: dict[str, Any]) -> list[Any]:
        """The parameters of one execution, in the order of the text."""
        bound = list(self._in_order({**self._constants, **values} if self._constants else values))
        for place, convert in self._binds:
            bound[place] = convert(bound[place])
        return bound

    def bind_each(self, many: Sequence[dict[str, Any]]) -> Sequence[Sequence[Any]]:
        """The parameters of several executions; of values that need no conversion, ten at the price of two."""
        if self._binds or self._constants:
            return [self.bind(values) for values in many]
        return list(map(self._in_order, many))

    def rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the driver fetched, as rows with names."""
        return list(map(self._convert if self._results else self._row, found))

    def _convert(self, row: tuple[Any, ...]) -> Any:
        fields = list(row)
        for place, convert in self._results:
            fields[place] = convert(fields[place])
        return self._row(fields)


class _Plan(_Compiled):
    """For SQLite's driver."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, values: dict[str, Any], gives_id: bool) -> None:
        super().__init__(statement, dialect, values)
        self._gives_id = gives_id

    def execute(self, connection: sqlite3.Connection, values: dict[str, Any]) -> Rows:
        cursor = connection.execute(self.sql, self.bind(values))
        if self._gives_id:
            return Rows([(cursor.lastrowid,)], 1)
        return Rows(self.rows(cursor.fetchall()) if self.has_rows else [], cursor.rowcount)

    def execute_each(self, connection: sqlite3.Connection, many: Sequence[dict[str, Any]]) -> Rows:
        """Executes it for each of a list of parameters; what results comes in their order."""
        if len(many) == 1:
            return self.execute(connection, many[0])
        if not self.has_rows:
            count = connection.executemany(self.sql, self.bind_each(many)).rowcount
            return Rows(_newest_ids(connection, len(many)) if self._gives_id else [], count)
        results = [self.execute(connection, values) for values in many]
        return Rows([row for one in results for row in one], sum(one.rowcount for one in results))


def _newest_ids(connection: sqlite3.Connection, count: int) -> list[tuple[int]]:
    """The ids of rows that were just inserted by one statement: each is the one before it plus 1.

    Nobody else writes meanwhile (https://www.sqlite.org/autoinc.html).
    """
    (last,) = connection.execute("SELECT last_insert_rowid()").fetchone()
    return [(row_id,) for row_id in range(last - count + 1, last + 1)]


class PostgresPlan(_Compiled):
    """For PostgreSQL itself, which numbers its parameters: $1, $2, …"""

    def __init__(self, statement: Any, dialect: Dialect, values: dict[str, Any]) -> None:
        if isinstance(statement, Insert) and not statement._returning:
            statement = statement.inline()  # SQLAlchemy would add RETURNING by itself: a result that nobody reads
        super().__init__(statement, _numbering(dialect), values)
        self.text = self.sql.encode()


def _numbering(dialect: Dialect) -> Dialect:
    """The dialect as it is, but with numbered parameters instead of those of Python's drivers."""
    numbering: Any = copy(dialect)
    numbering.paramstyle, numbering.positional = "numeric_dollar", True
    numbering.identifier_preparer = numbering.preparer(numbering)  # it doubles each % where a driver looks for them
    return cast(Dialect, numbering)
