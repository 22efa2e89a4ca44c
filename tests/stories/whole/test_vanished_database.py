"""The database's host vanishes while people work: connections stay open, nothing passes, nobody is told.

The outage lasts until every deadline of ours has been exceeded, with short deadlines. With the product's own and as
long as wanted: `OUTAGE_SECONDS=60 python -m pytest -s tests/stories/whole/test_vanished_database.py`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from bot.runtime.jobs import JOBS, with_intervals
from bot.sandbox import Person, Sandbox
from crm_core.storage import config, ownership
from crm_core.storage.config import POOLS, Pool, through
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from tests.stories.arranging import closes, count, value
from tests.support.people import RunningApp
from tests.support.tcp_relay import TcpRelay
from tests.support.waiting import until_polled

pytestmark = pytest.mark.postgres_too

SECONDS = float(os.environ.get("OUTAGE_SECONDS", "0"))
CLIENTS = 8
WORDS = 3  # of each client while the database is away
BACK_WITHIN = 5.0  # seconds


@asynccontextmanager
async def way_to(database_url: str) -> AsyncIterator[tuple[TcpRelay, str]]:
    """A way to the database's server that can go dead, and the database's address through it."""
    url = make_url(database_url)
    folder, port = url.query.get("host"), url.port or 5432
    async with TcpRelay(url.host or "", port, socket=f"{folder}/.s.PGSQL.{port}" if folder else None) as relay:
        through_it = url.set(host="127.0.0.1", port=relay.port, query={})
        yield relay, through_it.render_as_string(hide_password=False)


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short ones, unless the outage is long."""
    if SECONDS:
        return
    for pool in Pool:
        monkeypatch.setitem(POOLS, pool, replace(POOLS[pool], wait=1.0, statement=1.0, silence=1.0))
    monkeypatch.setattr(config, "CONNECT_SECONDS", 2)  # the driver takes less for none
    monkeypatch.setattr(ownership, "ANSWER_WITHIN", 1.0)


def sleep(s: Session) -> None:
    s.execute(text("SELECT pg_sleep(600)"))


async def until_every_deadline_passed(crm: RunningApp, asked: list[asyncio.Task[None]]) -> None:
    """Waits until what each pool was asked has failed, the locks by which the process serves its bot are lost, and no
    new connection comes about either.
    """
    failures = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, DATABASE_UNAVAILABLE) for one in failures), set(map(repr, failures))
    (session,) = crm.app.supervisor.sessions

    async def is_lost() -> bool:
        return session.sender is None or session.lost.is_set()

    await until_polled(is_lost, within=60)
    with pytest.raises(DATABASE_UNAVAILABLE):
        await crm.db.read(lambda s: s.execute(text("SELECT 1")).scalar_one())


async def ask_every_pool(db: Database) -> list[asyncio.Task[None]]:
    """A question that is on its way in each pool when the host vanishes."""
    asked = []
    for pool in Pool:
        with through(pool):
            asked.append(asyncio.create_task(db.read(sleep)))

    async def are_asked() -> bool:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%'")
        return bool(await db.read(lambda s: s.execute(query).scalar_one()) > len(Pool))  # this question, too

    await until_polled(are_asked)
    return asked


def texts(person: Person, crm: RunningApp) -> list[str]:
    """What our bot has sent to somebody, oldest first."""
    return [seen.text for seen in person.chat(crm.shop) if seen.sender != person.id]


@pytest.mark.fault("F91")
async def test_vanished_database_host_loses_nothing_and_work_goes_on_at_once(
    sandbox: Sandbox, database_url: str, deadlines: None
) -> None:
    if database_url.startswith("sqlite"):
        return  # a file has no host
    loop = asyncio.get_running_loop()
    jobs = with_intervals(JOBS, **({} if SECONDS else {"check_ownership": 0.5}))
    async with way_to(database_url) as (relay, address), await RunningApp.open(sandbox, address, jobs=jobs) as crm:
        anna = await crm.operator("Anna", limit=100)
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        cards = []
        for client in clients:
            await client.says(f"{client.first_name} asks", to=crm.shop)
            cards.append(await anna.sees(f"{client.first_name} asks", bot=crm.shop))
        await crm.settled()
        # Some of it is on its way to Telegram, and is answered after the database has gone.
        slow = sandbox.fail(kind="slow", method="copyMessage", delay=0.5, probability=1.0)
        asked = await ask_every_pool(crm.db)
        writers = [client for client in clients if client is not clients[1]]  # that one's request is to be closed
        for client in writers[:3]:
            await client.says(f"{client.first_name} under way", to=crm.shop)
        await anna.sees("under way", bot=crm.shop)
        relay.stall()
        gone = loop.time()
        for number in range(WORDS):
            for client in writers:
                await client.says(f"{client.first_name} word {number}", to=crm.shop)
        await anna.presses(cards[0], "Take")
        await closes(anna, cards[1])
        await anna.replies(cards[2], "Anna answers 2")
        sandbox.clear_fault(slow)
        await until_every_deadline_passed(crm, asked)
        lasted = asyncio.Event()
        loop.call_at(gone + SECONDS, lasted.set)
        await lasted.wait()
        relay.resume()
        back = loop.time()
        newcomer = crm.client("Newcomer")
        await newcomer.says("Newcomer asks", to=crm.shop)
        await anna.sees("Newcomer asks", bot=crm.shop, timeout=60)
        worked = loop.time() - back
        await clients[2].sees("Anna answers 2")
        for client in writers:
            await anna.sees(f"{client.first_name} word {WORDS - 1}", bot=crm.shop, timeout=60)
        await crm.settled()
        everything = loop.time() - back
        print(f"away {back - gone:.1f} s, first new request after {worked:.1f} s, everything after {everything:.1f} s")
        await nothing_is_lost_or_doubled(crm, anna, writers)
        assert worked < BACK_WITHIN


async def nothing_is_lost_or_doubled(crm: RunningApp, anna: Person, writers: list[Person]) -> None:
    """Everything has arrived, what a client wrote in order; twice only what is marked as perhaps a second copy."""
    assert await count(crm, "inbox", "state <> 'done' OR attempts > 0") == 0
    unsent = text("SELECT id, kind, state, outcome, ambiguous FROM outbox WHERE state <> 'sent'")
    assert await crm.db.read(lambda s: s.execute(unsent).all()) == []
    assert await value(crm, "SELECT status FROM contacts WHERE id = 1") == "in_progress"
    assert await value(crm, "SELECT status FROM contacts WHERE id = 2") == "closed"
    shown = texts(anna, crm)
    said = [f"{writer.first_name} word {number}" for writer in writers for number in range(WORDS)]
    for one in range(0, len(said), WORDS):
        places = [shown.index(words) for words in said[one : one + WORDS]]
        assert places == sorted(places)
    said += [f"Client {number} under way" for number in (0, 2, 3)]
    doubled = sum(shown.count(words) - 1 for words in said)
    assert 0 <= doubled <= sum("may have arrived twice" in one for one in shown)
    answers = texts(writers[1], crm)
    assert answers.count("Anna answers 2") == 1
