"""Pools of their own, and deadlines: nobody takes the database away from the bot, and a dead host is noticed."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.storage import config, ownership
from crm_core.storage.config import POOLS, SERVER_TCP, Pool, through
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import SessionOwnership
from tests.domain.storage.test_storage_transactions import causes, note
from tests.support.tcp_relay import TcpRelay
from tests.support.waiting import until_polled

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}
ROWS = 2_000_000  # of a search that would take seconds, and yet ends if nobody interrupts it
COUNTED = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT sum(count_row(i)) FROM n"
)


def slow(s: Session) -> Any:
    return s.execute(text(SLOW[s.get_bind().dialect.name])).scalar_one()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for pool in Pool:
        monkeypatch.setitem(POOLS, pool, replace(POOLS[pool], wait=0.3, statement=1.0, silence=1.0))


@pytest.fixture
async def impatient(database_url: str, hurried: None) -> AsyncIterator[Database]:
    db = open_database(database_url)
    yield db
    await db.close()


@pytest.mark.further
@pytest.mark.fault("F90")
async def test_slow_searches_of_the_api_take_no_connection_from_the_bot(impatient: Database) -> None:
    async def search() -> Any:
        with through(Pool.API):
            return await impatient.read(slow)

    searches = [asyncio.create_task(search()) for _ in range(POOLS[Pool.API].connections + 3)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(impatient.read(lambda s: s.execute(text("SELECT 5")).scalar_one()), 0.9)
    async with asyncio.timeout(10):
        assert await impatient.write(note, "bot") == "bot"
        failures = await asyncio.gather(*searches, return_exceptions=True)
    assert all(isinstance(one, DATABASE_UNAVAILABLE) for one in failures), set(map(repr, failures))
    with through(Pool.API):  # what was given up has left its connections usable
        assert await causes(impatient) == {"bot"}


@pytest.mark.fault("F127")
async def test_callers_get_a_connection_in_the_order_in_which_they_came(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pool in Pool:
        monkeypatch.setitem(POOLS, pool, replace(POOLS[pool], connections=1, readers=1))
    db, order = open_database(database_url), []

    async def ask(number: int) -> None:
        for _ in range(3):  # again at once: whoever returns a connection is quicker than those who wait for it
            order.append(await db.read(lambda s: s.execute(text(f"SELECT {number}")).scalar_one()))

    try:
        await asyncio.gather(*(ask(number) for number in range(8)))
    finally:
        await db.close()
    assert order == [*range(8)] * 3


@pytest.mark.fault("F125")
async def test_cancelled_read_ends_at_once_however_long_it_would_take(db: Database) -> None:
    loop, begun, rows = asyncio.get_running_loop(), asyncio.Semaphore(0), 0
    threads = threading.active_count()

    def count_row(_: int) -> int:
        nonlocal rows
        rows += 1
        return 1

    def search_all(s: Session) -> Any:
        if not db.numbers_rise:
            loop.call_soon(begun.release)
            return slow(s)
        connection: Any = s.connection().connection.driver_connection
        await_only(connection.create_function("count_row", 1, count_row))
        loop.call_soon(begun.release)
        return s.execute(text(COUNTED), {"rows": ROWS}).scalar_one()

    async def search() -> None:
        with through(Pool.BACKGROUND):  # whose deadlines are the longest
            await db.read(search_all)

    async with asyncio.timeout(20):
        searches = [asyncio.create_task(search()) for _ in range(POOLS[Pool.BACKGROUND].readers)]
        for _ in searches:
            await begun.acquire()
        if not db.numbers_rise:  # PostgreSQL knows nothing of a query yet that is on its way
            await until_polled(lambda: db.read(are_asleep, number=len(searches)))
        for one in searches:
            one.cancel()
        await asyncio.wait(searches)
        with through(Pool.BACKGROUND):
            assert await causes(db) == set()
        await db.close()
        while threading.active_count() > threads:  # noqa: ASYNC110 - a thread's end announces itself to nobody
            await asyncio.sleep(0.01)
    assert rows < ROWS


def are_asleep(s: Session, *, number: int) -> bool:
    found = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    return bool(s.execute(text(found)).scalar_one() == number)


@pytest.mark.fault("F91")
async def test_vanished_host_is_noticed_and_everything_works_once_it_is_back(
    database_url: str, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database_url.startswith("sqlite"):
        return
    monkeypatch.setattr(config, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(ownership, "ANSWER_WITHIN", 1.0)
    url = make_url(database_url)
    folder = url.query.get("host")
    port = url.port or 5432
    relay = TcpRelay(url.host or "", port, socket=f"{folder}/.s.PGSQL.{port}" if folder else None)
    async with relay:
        db = open_database(url.set(host="127.0.0.1", port=relay.port, query={}).render_as_string(hide_password=False))
        owner = SessionOwnership(db.url)
        assert await owner.claim(42)
        await asyncio.gather(*(db.write(note, f"before {number}") for number in range(5)))
        waiting = [asyncio.create_task(db.read(slow)) for _ in range(3)]
        await asyncio.sleep(0)
        relay.stall()
        writes = [asyncio.create_task(db.write(note, f"lost {number}")) for number in range(30)]
        async with asyncio.timeout(10):
            failures = await asyncio.gather(*waiting, *writes, return_exceptions=True)
            assert all(isinstance(one, DATABASE_UNAVAILABLE) for one in failures), set(map(repr, failures))
            assert not await owner.is_held()
            with pytest.raises(DATABASE_UNAVAILABLE):
                await owner.claim(43)
        relay.resume()
        async with asyncio.timeout(5):
            assert await db.write(note, "after") == "after"
            assert await causes(db) == {"after", *(f"before {number}" for number in range(5))}
            assert await owner.claim(43)
        await owner.release()
        await db.close()


@pytest.mark.fault("F120")
async def test_server_is_told_to_look_whether_its_client_is_still_there(db: Database) -> None:
    """A network that swallows everything hides a close from the server, which keeps the connection's locks."""
    if db.numbers_rise:
        return  # SQLite has no server
    asked = text(
        "SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp_%'"
    )  # through a socket file none is in use

    def settings(s: Session) -> dict[str, str]:
        return {row.name: row.reset_val for row in s.execute(asked)}

    expected = {name: str(value) for name, value in SERVER_TCP.items()}
    for pool in Pool:
        with through(pool):
            assert await db.read(settings) == expected
    owner = SessionOwnership(db.url)
    try:
        assert await owner.claim(1)
        assert owner._connection is not None
        assert {row.name: row.reset_val for row in await owner._connection.execute(asked)} == expected
    finally:
        await owner.release()


@pytest.mark.fault("F92")
@pytest.mark.parametrize("kind", [StopIteration, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
async def test_whatever_an_action_raises_the_next_one_is_written(db: Database, kind: type[BaseException]) -> None:
    def fail(s: Session) -> None:
        note(s, "undone")
        raise kind()

    with pytest.raises(BaseException) as raised:  # noqa: PT011 - its kind differs between the databases
        async with asyncio.timeout(5):  # not `wait_for`: its task would end the loop with an interrupt
            await db.write(fail)
    assert not isinstance(raised.value, TypeError | TimeoutError)  # of a future that refuses a StopIteration
    assert await asyncio.wait_for(db.write(note, "next"), 5) == "next"
    assert await causes(db) == {"next"}


@pytest.mark.fault("F91")
async def test_connection_kept_and_asked_nothing_is_not_taken_for_a_lost_one(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a bot is such a connection: losing it after a pause of the process would restart every bot."""
    if db.numbers_rise:
        return  # SQLite's locks are files
    monkeypatch.setattr(ownership, "ANSWER_WITHIN", 0.2)
    owner = SessionOwnership(db.url)
    try:
        assert await owner.claim(1)
        loop = asyncio.get_running_loop()
        passed = asyncio.Event()
        loop.call_later(0.6, passed.set)  # three times as long as an answer may take
        await passed.wait()
        assert await owner.is_held()
    finally:
        await owner.release()
