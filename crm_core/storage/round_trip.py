"""One round trip to PostgreSQL: statements that leave in one packet, and their results.

The driver's own pipeline hands each statement to the network by itself and waits for the socket dozens of times in a
transaction, which took two thirds of the processor time of a registration. So statements go to libpq through the
wrapper that the driver documents (https://www.psycopg.org/psycopg3/docs/api/pq.html), and the server prepares each at
its first use on a connection. Cancelling, errors and the conversion of values stay with the driver, and so does waiting
where it is not simply for the next answer.

Parts of the driver that are private, or documented in one line, are named in tests/domain/storage/test_round_trips.py.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InFailedSqlTransaction, error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus, PipelineStatus, TransactionStatus
from psycopg.waiting import READY_R, WAIT_R, WAIT_RW

from crm_core.storage.arrivals import Arrivals


@dataclass(slots=True)  # not frozen: that takes three times as long to make, and each trip makes a dozen
class Command:
    """A statement with its parameters.

    Attributes:
        sql: its text, encoded.
        parameters: values of $1, $2, …
        is_kept: whether the server keeps it prepared, because the same text comes again and again.
    """

    sql: bytes
    parameters: Sequence[Any] = ()
    is_kept: bool = True


@dataclass(slots=True)
class Result:
    """Rows, as tuples of Python's values, and how many rows a statement changed or found."""

    rows: list[tuple[Any, ...]]
    rowcount: int


class _Converter(Protocol):
    """What is used of the driver's `Transformer`, which has no type to name."""

    def dump_sequence(self, params: Sequence[Any], formats: Sequence[PyFormat]) -> Sequence[Any]: ...
    def set_pgresult(self, result: Any) -> None: ...
    def load_rows(self, row0: int, row1: int, make_row: type[tuple[Any, ...]]) -> list[Any]: ...


@dataclass(slots=True)
class Way:
    """A connection, with what the server has prepared on it."""

    raw: psycopg.AsyncConnection
    _names: dict[bytes, bytes] = field(default_factory=dict)  # of prepared statements, by their text
    _outdated: list[bytes] = field(default_factory=list)  # names that the server may have dropped
    _count: int = 0
    _converter: _Converter | None = None
    _arrivals: Arrivals | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self.raw.pgconn.transaction_status == TransactionStatus.IDLE

    @property
    def is_sound(self) -> bool:
        """Whether no statement of the open transaction has failed."""
        return self.raw.pgconn.transaction_status == TransactionStatus.INTRANS

    def forget(self) -> None:
        """Prepares everything anew from now on: at a rollback, the driver may drop all that is prepared."""
        self._outdated += self._names.values()
        self._names.clear()

    async def send(self, commands: Sequence[Command], *, commits: bool = False) -> list[Result]:
        """Executes statements in their order, in the transaction that is open; one begins if there is none.

        Args:
            commits: whether the transaction is then committed, in the same round trip.

        Returns what each of them resulted in. Raises the driver's error of the first that failed; those after it were
        not executed.
        """
        pgconn = self.raw.pgconn
        async with self.raw.lock:
            try:
                return await self._run(self._exchange(commands, commits=commits))
            finally:
                if pgconn.pipeline_status != PipelineStatus.OFF:
                    pgconn.finish()  # something went wrong in between: nobody knows which results are still to come

    async def _run(self, exchange: "_Exchange") -> list[Result]:
        """Waits whenever an exchange asks for it. Raises what it raises.

        The driver gets it as soon as it is to be ended early, or waits for the network to take more.
        """
        arrivals = self._arrivals = self._arrivals or Arrivals(self.raw.pgconn.socket)
        try:
            wanted = next(exchange)
            while wanted == WAIT_R:
                await arrivals.wait()
                wanted = exchange.send(READY_R)
        except StopIteration as end:
            results: list[Result] = end.value
            return results
        except (asyncio.CancelledError, KeyboardInterrupt) as interruption:
            return await self.raw.wait(_Resumed(exchange, interruption))
        return await self.raw.wait(_Resumed(exchange))

    def close(self) -> None:
        """Takes the connection out of the event loop: it is being closed."""
        if self._arrivals is not None:
            self._arrivals.close()
            self._arrivals = None

    def _exchange(self, commands: Sequence[Command], *, commits: bool) -> "_Exchange":
        """In the driver's own protocol: yields what the socket is to be ready for, gets what it is ready for."""
        pgconn = self.raw.pgconn
        converter = self._converter = self._converter or cast(_Converter, Transformer(self.raw))
        bound = [_bind(converter, one.parameters) for one in commands]
        begins = self.is_idle
        outdated, self._outdated = self._outdated, []
        pgconn.enter_pipeline_mode()
        for old in outdated:
            pgconn.send_close_prepared(old)  # no error if it is gone
        if begins:
            pgconn.send_query_params(self.raw._get_tx_start_command(), None)
        new: dict[bytes, bytes] = {}
        preparing = [
            self._queue(one, parameters, new) for one, parameters in zip(commands, bound, strict=True)
        ]  # by command: the name that it is prepared under only now
        if commits:
            pgconn.send_query_params(b"COMMIT", None)
        pgconn.pipeline_sync()
        while pgconn.flush():  # the network did not take all of it at once
            ready = yield WAIT_RW
            if ready and ready & READY_R:  # nothing is ready when the driver goes on after a cancellation
                pgconn.consume_input()

        failed: list[Any] = []
        before = len(outdated) + begins  # statements of ours, whose results nobody asked for
        taken: list[Any] = []
        for _ in range(before + len(commands) + len(new) + commits):
            if pgconn.is_busy():  # mostly all of it has arrived with the first
                yield from _arrival(pgconn)
            taken.append(_take(pgconn, failed))
        results = []
        found = iter(taken[before:])
        for one, name in zip(commands, preparing, strict=True):
            if name is not None and next(found) is not None:
                self._names[one.sql] = name
            if (result := next(found)) is not None:
                results.append(_read(converter, result))
        committed = next(found) if commits else None
        yield from fetch_many(pgconn)  # the end of the pipeline
        pgconn.exit_pipeline_mode()
        if failed:
            raise error_from_result(failed[0], encoding=self.raw.info.encoding)
        if committed is not None and committed.command_status == b"ROLLBACK":
            raise InFailedSqlTransaction("an earlier statement had failed: nothing was committed")
        return results

    def _queue(self, command: Command, parameters: Sequence[Any] | None, new: dict[bytes, bytes]) -> bytes | None:
        """Queues a statement, and before it its preparation if that is needed; returns the name in that case.

        Args:
            new: the names of what this trip prepares, by text.
        """
        pgconn = self.raw.pgconn
        if not command.is_kept:
            pgconn.send_query_params(command.sql, parameters)
            return None
        if (name := self._names.get(command.sql) or new.get(command.sql)) is not None:
            pgconn.send_query_prepared(name, parameters)
            return None
        self._count += 1
        name = new[command.sql] = b"p%d" % self._count
        pgconn.send_prepare(name, command.sql)
        pgconn.send_query_prepared(name, parameters)
        return name


_Exchange = Generator[Any, Any, list[Result]]


class _Resumed(Generator[Any, Any, list[Result]]):
    """An exchange that has begun, for the driver to go on with.

    What interrupted its wait is raised first, as if the driver had waited: it then cancels the statement in the server,
    and goes on with the exchange until that is over.
    """

    def __init__(self, exchange: _Exchange, interruption: BaseException | None = None) -> None:
        self._exchange, self._interruption = exchange, interruption

    def send(self, ready: Any) -> Any:
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            raise interruption
        return self._exchange.send(ready)

    def throw(self, *error: Any) -> Any:
        return self._exchange.throw(*error)


def _arrival(pgconn: Any) -> Generator[Any, Any, None]:
    """Waits until the next result has arrived."""
    while pgconn.is_busy():
        ready = yield WAIT_R
        if ready:
            pgconn.consume_input()


def _take(pgconn: Any, failed: list[Any]) -> Any:
    """The result of the next statement, None if it failed, which is noted, or was not executed after another one.

    It has arrived. The driver's own `fetch_many` makes several generators for each, a tenth of the time of a trip.
    """
    result = pgconn.get_result()
    pgconn.get_result()  # None: the end of this statement's results, of which there is one
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if result.status == ExecStatus.FATAL_ERROR:
        failed.append(result)
    return None


def _bind(converter: _Converter, parameters: Sequence[Any]) -> Sequence[Any] | None:
    return converter.dump_sequence(parameters, [PyFormat.TEXT] * len(parameters)) if parameters else None


def _read(converter: _Converter, result: Any) -> Result:
    rows: list[tuple[Any, ...]] = []
    if result.status == ExecStatus.TUPLES_OK:
        converter.set_pgresult(result)
        rows = converter.load_rows(0, result.ntuples, tuple)
    return Result(rows, result.command_tuples or 0)
