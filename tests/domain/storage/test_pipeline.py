"""Statements that wait on PostgreSQL are sent in their order, and fail as a whole; SQLite behaves alike."""

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import BigInteger, bindparam, column, exists, func, insert, select, table, text, update
from sqlalchemy.exc import DataError, IntegrityError, NotSupportedError
from sqlalchemy.orm import Session

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.execute import (
    Savepoint,
    execute,
    execute_count,
    execute_later,
    prefetch,
    prefetch_id,
    prefetch_ids,
    send_waiting,
)
from crm_core.storage.locks import lock_sources
from crm_core.storage.prepared import Prepared, Rows, prepared_insert
from crm_core.storage.round_trip import Way
from crm_core.storage.tables import Event, Source
from tests.domain.arranging import NOW, open_office
from tests.support import databases
from tests.support.statements import counted

_source = Source.__table__
_ADD = prepared_insert(_source)
_ADD_EVENT = prepared_insert(Event.__table__)
_IS_THERE = Prepared(exists().where(_source.c.name == bindparam("wanted")))
_ADD_SILENTLY = Prepared(insert(_source))
_NAMES = Prepared(select(_source.c.name).order_by(_source.c.id))
_RENAME = Prepared(update(_source).where(_source.c.name == bindparam("old")).values(name=bindparam("new")))
_COUNT = Prepared(select(func.count()).select_from(_source).where(_source.c.id >= bindparam("first")))


def row(name: str) -> dict[str, Any]:
    return {"name": name, "is_active": True, "strategy": "random", "created_at": NOW}


def names(s: Session) -> list[str]:
    return list(execute(s, _NAMES).scalars())


async def test_waiting_statements_are_sent_in_order_before_what_reads_them(db: Database) -> None:
    def act(s: Session) -> list[str]:
        execute(s, _ADD_SILENTLY, row("one"))
        execute(s, _RENAME, {"old": "one", "new": "two"})
        execute(s, _ADD_SILENTLY, [row("three"), row("four")])
        return names(s)

    assert await db.write(act) == ["two", "three", "four"]
    assert await db.read(names) == ["two", "three", "four"]


async def test_waiting_statements_are_sent_before_those_of_sqlalchemy(db: Database) -> None:
    def act(s: Session) -> list[str]:
        execute(s, _ADD_SILENTLY, row("one"))
        found = list(s.execute(select(_source.c.name)).scalars())
        with Savepoint(s):
            execute(s, _ADD_SILENTLY, row("two"))
        undone = Savepoint(s)
        execute(s, _ADD_SILENTLY, row("three"))
        undone.rollback()
        return found

    assert await db.write(act) == ["one"]
    assert await db.read(names) == ["one", "two"]


async def test_error_of_a_waiting_statement_undoes_the_whole_transaction(db: Database) -> None:
    await db.write(lambda s: execute(s, _ADD, row("taken")) and None)

    def act(s: Session) -> None:
        execute(s, _ADD_SILENTLY, row("before"))
        execute(s, _ADD_SILENTLY, row("taken"))
        execute(s, _ADD_SILENTLY, row("after"))

    with pytest.raises(IntegrityError):
        await db.write(act)
    assert await db.read(names) == ["taken"]
    await db.write(lambda s: execute(s, _ADD_SILENTLY, row("next")) and None)
    assert await db.read(names) == ["taken", "next"]


async def test_value_that_postgresql_cannot_store_fails_at_once_and_leaves_nothing(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite stores it

    def act(s: Session) -> None:
        execute(s, _ADD_SILENTLY, row("before"))
        execute(s, _ADD, row("a\x00b"))

    with pytest.raises(DataError):
        await db.write(act)
    assert await db.read(names) == []
    await db.write(lambda s: execute(s, _ADD, row("next")) and None)


async def test_result_that_is_needed_later_comes_with_the_commit(db: Database) -> None:
    found: list[int] = []

    def note(ids: Rows) -> None:
        found.extend(ids.scalars())

    await db.write(execute_later, _ADD, [row("one"), row("two")], note)
    ids = await db.read(lambda s: list(s.execute(select(_source.c.id).order_by(_source.c.id)).scalars()))
    assert found == ids
    found.clear()

    def act(s: Session) -> int:
        execute_later(s, _ADD, row("three"), note)
        send_waiting(s)
        return len(found)

    assert await db.write(act) == 1


async def test_announced_rows_get_the_ids_that_they_are_stored_under(db: Database) -> None:
    def act(s: Session) -> list[int]:
        prefetch_ids(s, _ADD)
        first = execute(s, _ADD, row("announced")).scalar_one()
        return [first, execute(s, _ADD, row("not announced")).scalar_one()]

    ids = await db.write(act)
    stored = await db.read(lambda s: list(s.execute(select(_source.c.id, _source.c.name).order_by(_source.c.id)).all()))
    assert [tuple(one) for one in stored] == list(zip(ids, ("announced", "not announced"), strict=True))


async def test_row_that_is_not_needed_after_all_takes_no_id(db: Database) -> None:
    def act(s: Session, name: str) -> int:
        prefetch_id(s, _ADD, unless=_IS_THERE, values={"wanted": name})
        new_id: int = execute(s, _ADD, row(f"{name} again" if name in names(s) else name)).scalar_one()
        return new_id

    ids = [await db.write(act, name) for name in ("one", "one", "two")]
    stored = await db.read(lambda s: list(s.execute(select(_source.c.id, _source.c.name).order_by(_source.c.id)).all()))
    assert [tuple(one) for one in stored] == list(zip(ids, ("one", "one again", "two"), strict=True))


async def test_ids_of_all_announced_rows_come_by_one_query(db: Database) -> None:
    def act(s: Session) -> None:
        prefetch_id(s, _ADD, unless=_IS_THERE, values={"wanted": "one"})
        prefetch_ids(s, _ADD_EVENT)
        names(s)

    with counted() as found:
        await db.write(act)
    assert len([one for one in found if "nextval" in one]) == (0 if db.numbers_rise else 1)


async def test_announced_query_is_answered_once_and_read_again_after_that(db: Database) -> None:
    def act(s: Session) -> list[int]:
        prefetch(s, _COUNT, {"first": 0})
        before = execute(s, _COUNT, {"first": 0}).scalar_one()
        execute(s, _ADD_SILENTLY, row("one"))
        return [before, execute(s, _COUNT, {"first": 0}).scalar_one()]

    assert await db.write(act) == [0, 1]
    # What was announced and never asked for is forgotten with its transaction.
    await db.write(prefetch, _COUNT, {"first": 0})
    assert await db.write(lambda s: execute(s, _COUNT, {"first": 0}).scalar_one()) == 1


async def test_query_that_was_announced_before_a_lock_is_read_again_under_it(db: Database) -> None:
    def act(s: Session, sends_before: bool) -> int:
        prefetch(s, _COUNT, {"first": 0})
        if sends_before:
            send_waiting(s)
        lock_sources(s, [1])
        execute(s, _ADD_SILENTLY, row(f"as by another, {sends_before}"))
        names(s)
        found: int = execute(s, _COUNT, {"first": 0}).scalar_one()
        return found

    assert [await db.write(act, sends_before) for sends_before in (False, True)] == [1, 2]


async def test_row_counts_are_those_of_the_statement_alone(db: Database) -> None:
    def act(s: Session) -> list[int]:
        execute(s, _ADD_SILENTLY, [row("one"), row("two")])
        return [execute_count(s, _RENAME, {"old": old, "new": "three"}) for old in ("one", "nobody")]

    assert await db.write(act) == [1, 0]


async def test_connection_lost_before_the_commit_is_replaced_without_a_trace(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite has no connection that could be lost
    lost = False

    def act(s: Session) -> None:
        nonlocal lost
        execute(s, _ADD_SILENTLY, row("one"))
        if not lost:
            lost = True
            s.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await db.write(act)
    assert lost
    assert await db.read(names) == ["one"]


async def test_prepared_statements_work_after_a_rollback_beside_the_drivers_own(db: Database) -> None:
    def act(s: Session) -> None:
        for _ in range(7):  # the driver prepares what has come five times; its own rollback drops all that is prepared
            s.execute(select(_source.c.id)).all()
        names(s)
        raise LookupError("undone")

    for _ in range(3):
        with pytest.raises(LookupError):
            await db.write(act)
        assert await db.write(names) == []


PREPARED = "SELECT name FROM pg_prepared_statements"


@pytest.mark.usefixtures("new_connections")  # the driver keeps a hundred, those of earlier tests included
async def test_connection_keeps_its_prepared_statements_and_no_more(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite's driver keeps them itself

    def act(s: Session) -> None:
        execute_later(s, _ADD, [row(f"{len(names(s))} {number}") for number in range(3)], lambda ids: None)

    def prepared(s: Session) -> set[str]:
        names(s)
        return set(s.execute(text(PREPARED)).scalars())

    await db.write(act)
    first = await db.read(prepared)
    for _ in range(5):
        await db.write(act)
    assert await db.read(prepared) == first


@pytest.mark.usefixtures("new_connections")  # the driver keeps a hundred, those of earlier tests included
async def test_refused_action_leaves_prepared_what_was(db: Database) -> None:
    if db.numbers_rise:
        return

    def prepared(s: Session) -> set[str]:
        return {*s.connection().exec_driver_sql(PREPARED).scalars()}

    def work(s: Session) -> set[str]:
        for _ in range(7):
            s.execute(select(_source.c.id)).all()
        names(s)
        return prepared(s)

    def refuse(s: Session) -> None:
        execute(s, _ADD, row("one"))
        raise LookupError("refused")

    before = await db.write(work)
    with pytest.raises(LookupError):
        await db.write(refuse)
    assert await db.write(prepared) >= before
    assert await db.write(names) == []


_x = table("odd", column("x", BigInteger))
_ODD = Prepared(select(_x.c.x))


@pytest.mark.parametrize("statement", [_ODD, select(_x.c.x)], ids=["prepared", "of SQLAlchemy"])
async def test_statement_that_went_stale_fails_once(db: Database, database_url: str, statement: Any) -> None:
    if db.numbers_rise:
        return

    def act(s: Session) -> list[Any]:
        return [list(execute(s, statement)) for _ in range(7)][-1]

    databases.execute(database_url, "CREATE TABLE odd (x integer)")
    await db.write(act)
    databases.execute(database_url, "ALTER TABLE odd ALTER COLUMN x TYPE bigint")  # as a migration beside us would
    with pytest.raises(NotSupportedError, match="cached plan"):
        await db.write(act)
    assert await db.write(act) == []


@pytest.mark.fault("F92")
@pytest.mark.parametrize("writes", [True, False])
async def test_cancelled_action_is_not_run_again_though_its_connection_is_lost(db: Database, writes: bool) -> None:
    if db.numbers_rise:
        return  # SQLite has no connection that could be lost
    send, runs = Way.send, 0

    async def lose(way: Way, commands: Any, *, commits: bool = False) -> Any:
        await send(way, commands, commits=commits)
        way.raw.pgconn.finish()  # so ends a cancellation that the driver could not bring to the server
        task.cancel()
        await asyncio.sleep(0)

    def act(s: Session) -> None:
        nonlocal runs
        runs += 1
        names(s)

    with patch.object(Way, "send", lose):
        task = asyncio.create_task(db.write(act) if writes else db.read(act))
        with pytest.raises(asyncio.CancelledError):
            await task
    assert runs == 1
    assert await db.read(names) == []


async def test_registration_takes_two_round_trips(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite has no round trips
    office = await db.write(open_office, weights=[1, 1], limit=5)
    send, trips = Way.send, 0

    async def count_and_send(way: Way, commands: Any, *, commits: bool = False) -> Any:
        nonlocal trips
        trips += 1
        return await send(way, commands, commits=commits)

    async def register() -> int:
        nonlocal trips
        trips = 0
        lead, content = LeadFacts(email="client@example.com"), MessageContent("text", "hello")
        await db.write(
            lifecycle.register, source_id=office.source_id, lead=lead, content=content, now=NOW, rng=lambda: 0.5
        )
        return trips

    with patch.object(Way, "send", count_and_send):
        assert [await register() for _ in range(2)] == [2, 2]  # of a new client, and of one who is known
