"""Round trips to PostgreSQL go past the driver's cursors, and rest on parts of it that an upgrade could change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg import adapt, errors, generators, waiting
from psycopg.pq import TransactionStatus
from sqlalchemy import make_url

from crm_core.storage.config import POOLS, Pool, connect_args
from crm_core.storage.round_trip import Command, Way

ONE, TWO = Command(b"SELECT $1::bigint", [1]), Command(b"SELECT $1::bigint", [2])
FAILS = Command(b"SELECT 1 / $1::bigint", [0])
PREPARED = Command(b"SELECT name FROM pg_prepared_statements ORDER BY prepare_time", is_kept=False)


@pytest.fixture
async def way(database_url: str, new_connections: None) -> AsyncIterator[Way | None]:
    if database_url.startswith("sqlite"):
        yield None
        return
    address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    raw = await psycopg.AsyncConnection.connect(address, **connect_args(POOLS[Pool.BOT]))
    async with raw:
        way = Way(raw)
        yield way
        if not raw.closed:
            await raw.rollback()
        way.close()


def rows(results: list[Any]) -> list[Any]:
    return [one.rows for one in results]


RELIED_ON: dict[str, Callable[[Any], object]] = {
    "AsyncConnection.lock: one user at a time": lambda raw: isinstance(raw.lock, asyncio.Lock),
    "PGconn.send_close_prepared(): of libpq 17 and later": lambda raw: psycopg.pq.version() >= 170000,
    "AsyncConnection.wait(): runs a generator that waits for the socket": lambda raw: callable(raw.wait),
    "AsyncConnection._get_tx_start_command(): BEGIN with the isolation of the connection": lambda raw: (
        raw._get_tx_start_command() == b"BEGIN"
    ),
    "psycopg.generators.fetch_many(): what ends a pipeline": lambda _: callable(generators.fetch_many),
    "psycopg.waiting.WAIT_R, WAIT_RW, READY_R": lambda _: waiting.WAIT_R and waiting.WAIT_RW and waiting.READY_R,
    "psycopg.errors.error_from_result()": lambda _: callable(errors.error_from_result),
    "psycopg.adapt.Transformer: values to text and back": lambda raw: (
        adapt.Transformer(raw).dump_sequence([5, "x", None], [adapt.PyFormat.TEXT] * 3) == [b"5", b"x", None]
    ),
}


@pytest.mark.parametrize("part", RELIED_ON)
async def test_psycopg_has_what_round_trips_rely_on(way: Way | None, part: str) -> None:
    if way is None:
        return
    try:
        is_there = RELIED_ON[part](way.raw)
    except (AttributeError, KeyError, TypeError) as error:
        pytest.fail(f"crm_core/storage/round_trip.py relies on {part}; psycopg has changed it: {error!r}")
    assert is_there, f"crm_core/storage/round_trip.py relies on {part}; psycopg has changed what it means"


async def test_statements_share_a_trip_and_a_transaction(way: Way | None) -> None:
    if way is None:
        return
    assert way.is_idle
    assert rows(await way.send([ONE, TWO])) == [[(1,)], [(2,)]]
    assert way.raw.info.transaction_status == TransactionStatus.INTRANS
    assert rows(await way.send([TWO], commits=True)) == [[(2,)]]
    assert way.is_idle
    assert await way.send([], commits=True) == []


async def test_statement_is_prepared_once_on_a_connection(way: Way | None) -> None:
    if way is None:
        return
    for _ in range(3):
        await way.send([ONE, TWO], commits=True)
    (found,) = rows(await way.send([PREPARED], commits=True))
    assert len(found) == 1
    await way.raw.execute("CREATE TEMPORARY TABLE something (id int)")
    await way.raw.rollback()
    assert rows(await way.send([ONE], commits=True)) == [[(1,)]]


async def test_trip_goes_on_when_nothing_is_ready(way: Way | None) -> None:
    if way is None:
        return
    # So it is resumed by the driver after a cancellation, while the network takes no more.
    exchange = way._exchange([Command(b"SELECT $1::text", ["x" * 30_000_000])], commits=True)
    next(exchange)
    exchange.send(None)
    way.raw.pgconn.finish()


async def test_failure_keeps_later_statements_from_being_executed(way: Way | None) -> None:
    if way is None:
        return
    table = Command(b"CREATE TEMPORARY TABLE kept (id bigint)", is_kept=False)
    await way.send([table], commits=True)
    add = Command(b"INSERT INTO kept VALUES ($1::bigint)", [1])
    with pytest.raises(psycopg.errors.DivisionByZero):
        await way.send([add, FAILS, add, ONE], commits=True)
    assert way.raw.info.transaction_status == TransactionStatus.INERROR
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        await way.send([ONE])
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        await way.send([], commits=True)
    assert rows(await way.send([Command(b"SELECT id FROM kept"), add], commits=True)) == [[], []]
    assert rows(await way.send([Command(b"SELECT id FROM kept")], commits=True)) == [[(1,)]]


async def test_more_than_the_network_takes_at_once_goes_through(way: Way | None) -> None:
    if way is None:
        return
    long = "ё" * 3_000_000
    echo = Command(b"SELECT $1::text", [long])
    assert rows(await way.send([echo, echo, ONE, echo], commits=True)) == [[(long,)], [(long,)], [(1,)], [(long,)]]


async def test_value_that_cannot_be_sent_leaves_the_connection_as_it_was(way: Way | None) -> None:
    if way is None:
        return
    with pytest.raises(psycopg.DataError):
        await way.send([ONE, Command(b"SELECT $1::text", ["a\x00b"])])
    assert way.is_idle
    assert rows(await way.send([ONE])) == [[(1,)]]


async def test_cancelled_trip_leaves_the_connection_usable(way: Way | None) -> None:
    if way is None:
        return
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await way.send([ONE, Command(b"SELECT pg_sleep(600)"), TWO])
    await way.raw.rollback()
    assert rows(await way.send([TWO, ONE], commits=True)) == [[(2,)], [(1,)]]


async def test_connection_lost_in_a_trip_fails_it_and_is_closed(way: Way | None) -> None:
    if way is None:
        return
    end = Command(b"SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(psycopg.OperationalError):
        await way.send([ONE, end, TWO])
    assert way.raw.closed
