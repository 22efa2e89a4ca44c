"""Connections to PostgreSQL that are kept between transactions, and when they go back to the pool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.storage import at_hand, deadlines
from crm_core.storage.config import POOLS, Pool
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from tests.domain.storage.test_storage_transactions import note


@dataclass
class Watched:
    """A database, with how often its pool lent a connection and asked one whether it works."""

    db: Database
    lent: int = 0
    asked: int = 0


@pytest.fixture
async def watched(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched | None]:
    if database_url.startswith("sqlite"):
        yield None
        return
    monkeypatch.setitem(POOLS, Pool.BOT, replace(POOLS[Pool.BOT], connections=3, wait=5))
    found = Watched(open_database(database_url))
    engine = found.db._engine.sync_engine  # type: ignore[attr-defined]
    ping = engine.dialect.do_ping

    def count_ping(connection: Any) -> Any:
        found.asked += 1
        return ping(connection)

    @event.listens_for(engine, "checkout")
    def count_loan(*_: Any) -> None:
        found.lent += 1

    monkeypatch.setattr(engine.dialect, "do_ping", count_ping)
    yield found
    await found.db.close()


async def at_once(db: Database, count: int, then: Callable[[Session, int], Any]) -> list[Any]:
    """Runs so many transactions, each of which goes on only when all have begun."""
    arrived, all_here = 0, asyncio.Event()

    async def meet() -> None:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            all_here.set()
        await all_here.wait()

    def body(s: Session, number: int) -> Any:
        s.execute(text("SELECT 1"))
        await_only(meet())
        return then(s, number)

    async with asyncio.timeout(10):
        return await asyncio.gather(*(db.write(body, number) for number in range(count)))


async def test_transactions_in_turn_share_one_loan(watched: Watched | None) -> None:
    if watched is None:
        return
    for number in range(5):
        await watched.db.write(note, f"cause {number}")
    assert (watched.lent, watched.asked) == (1, 0)


async def test_connection_that_was_not_used_for_a_while_is_asked_first(
    watched: Watched | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if watched is None:
        return
    await watched.db.write(note, "before")
    monkeypatch.setattr(at_hand, "IDLE", 0)
    monkeypatch.setattr(deadlines, "IDLE", 0)
    await watched.db.write(note, "after")
    assert (watched.lent, watched.asked) == (2, 1)


async def test_failed_transaction_gives_its_connection_back(watched: Watched | None) -> None:
    if watched is None:
        return

    def fail(s: Session) -> None:
        note(s, "never")
        raise LookupError

    await watched.db.write(note, "before")
    with pytest.raises(LookupError):
        await watched.db.write(fail)
    assert await watched.db.write(note, "after") == "after"
    assert watched.lent == 2


async def test_reads_find_a_connection_while_all_are_kept(watched: Watched | None) -> None:
    if watched is None:
        return
    assert await at_once(watched.db, 3, lambda _, number: number) == [0, 1, 2]
    async with asyncio.timeout(4):
        reads = [watched.db.read(lambda s: s.execute(text("SHOW transaction_read_only")).scalar()) for _ in range(3)]
        assert await asyncio.gather(*reads) == ["on"] * 3
    assert await watched.db.write(lambda s: s.execute(text("SHOW transaction_read_only")).scalar()) == "off"
    assert await at_once(watched.db, 3, lambda _, number: number) == [0, 1, 2]


async def test_loss_of_one_gives_the_others_back_to_the_pool(watched: Watched | None) -> None:
    if watched is None:
        return
    await at_once(watched.db, 3, lambda _, number: number)
    lent = watched.lent
    end = text("SELECT pg_terminate_backend(pg_backend_pid())")
    tries = 0

    def lose_once(s: Session) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            s.execute(end)
        return note(s, "at the second try")

    assert await watched.db.write(lose_once) == "at the second try"
    assert (tries, watched.lent) == (2, lent + 1)  # from the pool, which opens one anew in place of each older one


@pytest.mark.fault("F270")
async def test_connection_of_a_transaction_that_outlives_its_database_is_closed(watched: Watched | None) -> None:
    if watched is None:
        return
    begun, go_on, raw = asyncio.Event(), asyncio.Event(), list[Any]()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    def body(s: Session) -> str:
        raw.append(s.connection().connection.driver_connection)
        await_only(wait())
        return note(s, "late")

    late = asyncio.create_task(watched.db.write(body))
    await begun.wait()
    await watched.db.close()
    go_on.set()
    assert await late == "late"
    assert raw[0].closed
