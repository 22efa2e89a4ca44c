"""Folding events into sums: each counted once, without blocking others, whatever is written and read meanwhile."""

import asyncio
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, func, insert, make_url, select, text
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.orm import Session

from crm_core import events, statistics
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.events import NewEvent
from crm_core.routing import new_sources, sources, weight_settings
from crm_core.statistics import gathering
from crm_core.statistics.reading import TAIL, state, totals
from crm_core.storage.database import PENDING_ON_COMMIT, Database
from crm_core.storage.sqlite import sqlite_engine
from crm_core.storage.tables import Contact, Event, Tally
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.recounting import recounted
from tests.domain.statistics.test_statistics_property import same
from tests.support.waiting import until_polled

ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def office(db: Database, *, limit: int = 1000) -> Office:
    return await db.write(open_office, weights=[3, 2, 1], limit=limit)


async def register(db: Database, place: Office, number: int, **later: float) -> int:
    lead = LeadFacts(external_id=f"site:{number}")
    now = NOW + timedelta(**later)
    made = await db.write(
        lifecycle.register, source_id=place.source_id, lead=lead, now=now, rng=random.Random(number).random
    )
    return made.id


async def fold_all(db: Database, *, most: int = 7) -> None:
    while await db.write(statistics.fold, most=most):
        pass


def check(s: Session) -> None:
    same(totals(s, since=None), recounted(s, zone=str(state(s).zone)))


@contextmanager
def another(url: str) -> Iterator[Session]:
    """A transaction of another process, which stays open."""
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    engine = (
        sqlite_engine(parsed)
        if is_sqlite
        else create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    )
    with Session(engine, autoflush=False, info={PENDING_ON_COMMIT: []}) as s:
        yield s
    engine.dispose()


def register_in(s: Session, place: Office, number: int) -> None:
    lead = LeadFacts(external_id=f"site:{number}")
    lifecycle.register(s, source_id=place.source_id, lead=lead, now=NOW, rng=random.Random(number).random)


# --- what commits late -----------------------------------------------------------------------------------------------


@ONLY_POSTGRES
async def test_late_committed_event_is_counted_exactly_once(db: Database, database_url: str) -> None:
    place = await office(db)
    await register(db, place, 1)
    await fold_all(db)
    assert await db.read(statistics.backlog) == 0
    with another(database_url) as late:
        register_in(late, place, 2)  # it has taken its ids, and others take higher ones
        for number in range(3, 8):
            await register(db, place, number)
        await fold_all(db)
        assert (await db.read(statistics.overview, since=None)).contacts == 6
        before = await db.read(statistics.version)
        late.commit()
    assert await db.read(statistics.version) != before
    assert (await db.read(statistics.overview, since=None)).contacts == 7
    await fold_all(db)
    assert await db.read(statistics.backlog) == 0
    await db.read(check)


@ONLY_POSTGRES
async def test_fold_does_not_wait_for_transactions_begun_later(db: Database, database_url: str) -> None:
    place = await office(db)
    for number in range(20):
        await register(db, place, number)
    with another(database_url) as late, another(database_url) as later:
        register_in(late, place, 100)
        assert await db.write(statistics.fold, most=5) == 0  # it may yet commit: it is watched
        register_in(later, place, 101)
        late.rollback()
        first = await db.read(state)
        assert await db.write(statistics.fold, most=5) > 0
        await fold_all(db)  # in slices, although another transaction has to be watched meanwhile
        done = await db.read(state)
        assert (first.after, done.after) == (0, first.newest)
        later.rollback()
    await fold_all(db)
    await db.read(check)


@pytest.mark.fault("F60")
@ONLY_POSTGRES
async def test_only_one_process_folds_at_a_time(db: Database, database_url: str) -> None:
    place = await office(db)
    await register(db, place, 1)
    with another(database_url) as s:
        assert statistics.fold(s) > 0
        assert await db.write(statistics.fold) == 0
        assert (await db.read(statistics.overview, since=None)).contacts == 1
        s.commit()
    assert (await db.read(statistics.overview, since=None)).contacts == 1
    await db.read(check)


@ONLY_POSTGRES
async def test_start_again_discards_sums_being_folded_concurrently(db: Database, database_url: str) -> None:
    place = await office(db)
    await register(db, place, 1)
    with another(database_url) as s:
        assert statistics.fold(s) > 0
        beginning = asyncio.create_task(db.write(statistics.start_again))
        waits = text("SELECT 1 FROM pg_locks WHERE NOT granted")
        await until_polled(lambda: db.read(lambda s: s.execute(waits).first()))
        s.commit()
    await beginning
    await db.read(check)
    await fold_all(db)
    await db.read(check)


async def test_concurrent_writes_folds_and_reads_keep_sums_correct(db: Database) -> None:
    """Writers, two folders, readers: each reading is consistent, and at the end the sums are right."""
    place = await office(db)
    total, done = 240, asyncio.Event()

    async def write(first: int) -> None:
        for number in range(first, total, 12):
            made = await register(db, place, number, hours=number)
            if number % 5 == 0:
                await db.write(_take_and_close, contact_id=made, place=place)

    async def keep_folding() -> None:
        while not done.is_set():
            await db.write(statistics.fold, most=9)
            await asyncio.sleep(0)

    async def keep_reading() -> int:
        seen = 0
        while not done.is_set():
            counted, tallied = await db.read(_both)
            assert counted == tallied >= seen
            seen = tallied
        return seen

    others = [asyncio.create_task(one) for one in (keep_folding(), keep_folding(), keep_reading(), keep_reading())]
    await asyncio.gather(*(write(first) for first in range(12)))
    done.set()
    await asyncio.gather(*others)
    await fold_all(db, most=50)
    assert await db.read(statistics.backlog) == 0
    assert (await db.read(statistics.overview, since=None)).contacts == total
    await db.read(check)
    assert await db.read(statistics.differences) == []


def _take_and_close(s: Session, *, contact_id: int, place: Office) -> None:
    operator_id = s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()
    actor = telegram(place.account(operator_id or 0))
    lifecycle.take(s, contact_id=contact_id, version=None, actor=actor, now=NOW + timedelta(days=400))
    lifecycle.close(
        s, contact_id=contact_id, version=None, actor=actor, now=NOW + timedelta(days=400), rng=random.random
    )


def _both(s: Session) -> tuple[int, int]:
    counted = s.execute(select(func.count()).select_from(Contact)).scalar_one()
    return counted, statistics.overview(s, since=None).contacts


# --- nothing blocks --------------------------------------------------------------------------------------------------


async def test_statistics_reads_do_not_wait_for_writers(db: Database, database_url: str) -> None:
    place = await office(db)
    await register(db, place, 1)
    with another(database_url) as writer:
        register_in(writer, place, 2)
        statistics.start_again(writer)
        for query in (statistics.operator_stats, statistics.source_stats, statistics.version):
            await asyncio.wait_for(db.read(query), 2)
        assert (await asyncio.wait_for(db.read(statistics.overview, since=None), 2)).contacts == 1
        writer.rollback()


async def test_registering_a_contact_does_not_touch_the_sums(db: Database) -> None:
    place = await office(db)
    await fold_all(db)
    before = await db.read(lambda s: (state(s).after, s.execute(select(func.count()).select_from(Tally)).scalar_one()))
    await register(db, place, 1)
    after = await db.read(lambda s: (state(s).after, s.execute(select(func.count()).select_from(Tally)).scalar_one()))
    assert after == before


@pytest.mark.parametrize("name", ["_MOVED", "_TOOK", "_BY_HAND", "_WEIGHTS_CHANGED"])
def test_fact_queries_search_events_by_id_range(name: str, migrated_file: Path) -> None:
    """Otherwise SQLite would read all events of a kind of all time."""
    statement = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "(?, ?)", str(getattr(gathering, name).compile(dialect=dialect())))
    connection = sqlite3.connect(migrated_file)
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?")).fetchall()
    finally:
        connection.close()
    steps = [step for *_, step in plan if re.match("SCAN|SEARCH", step)]
    assert steps[0] == "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not [step for step in steps if step.startswith("SCAN")]


# --- rebuilding ------------------------------------------------------------------------------------------------------


async def test_time_zone_change_rebuilds_the_sums(db: Database) -> None:
    place = await office(db)
    for number in range(30):
        await register(db, place, number, hours=number * 5)
    await fold_all(db)
    version = await db.read(statistics.version)
    assert await db.write(statistics.prepare, zone="Asia/Vladivostok")
    assert not await db.write(statistics.prepare, zone="Asia/Vladivostok")
    assert await db.read(statistics.version) != version
    await db.read(check)  # all of it is in the tail
    await fold_all(db, most=11)
    await db.read(check)
    days = await db.read(statistics.arrivals, since=None)
    assert {str(one.start.tzinfo) for one in days} == {"Asia/Vladivostok"}
    assert (days[0].start.date(), days[0].contacts) == (NOW.date(), 1)  # noon in UTC is 22 o'clock there


async def test_overview_reports_backlog_while_dashboard_stats_stay_complete(db: Database) -> None:
    place = await office(db)

    def age(s: Session) -> None:
        """So many events that a reading does not add them all."""
        rows = [{"at": NOW, "kind": events.LEAD_CHANGED, "actor": events.CLIENT} for _ in range(TAIL)]
        s.execute(insert(Event.__table__), rows)

    await db.write(age)
    made = await register(db, place, 1)
    found = await db.read(statistics.overview, since=None)
    assert (found.contacts, found.behind > 0) == (0, True)
    # The dashboard cannot say that it is incomplete, so it must be complete.
    holders = await db.read(lambda s: s.execute(select(Contact.operator_id).where(Contact.id == made)).scalars().all())
    assert [one.operator_id for one in await db.read(statistics.operator_stats) if one.total_contacts] == holders
    assert (await db.read(statistics.source_stats))[0].total_contacts == 1
    assert await db.read(statistics.differences) == []
    await fold_all(db, most=5000)
    found = await db.read(statistics.overview, since=None)
    assert (found.contacts, found.behind) == (1, 0)
    assert (await db.read(statistics.source_stats))[0].total_contacts == 1


async def test_wrong_sums_are_detected_and_can_be_rebuilt(db: Database) -> None:
    place = await office(db)
    for number in range(5):
        await register(db, place, number)
    await fold_all(db)
    await db.write(lambda s: s.execute(text("UPDATE tallies SET drawn = drawn + 1 WHERE operator_id = 1")))
    await db.write(lambda s: s.execute(text("UPDATE length_tallies SET total = total + 9, longest = 9")))
    wrong = await db.read(statistics.differences)
    assert [one.what.split(",")[0] for one in wrong] == [f"contacts of source {place.source_id}", "contact_assigned"]
    assert [one.tallied - one.counted for one in wrong] == [1, 9]
    await db.write(statistics.start_again)
    assert await db.read(statistics.differences) == []
    await fold_all(db)
    await db.read(check)


@pytest.mark.parametrize("is_folded", [True, False])
async def test_removed_source_leaves_no_weights_to_the_next_source(db: Database, is_folded: bool) -> None:
    place = await office(db)

    def weigh(s: Session, name: str, operator_id: int) -> int:
        source_id = new_sources.add(s, name=name, description=None, actor=SYSTEM, now=NOW)
        weight_settings.set_weight(
            s, source_id=source_id, operator_id=operator_id, weight=5, actor=SYSTEM, now=NOW, rng=random.random
        )
        return source_id

    first = await db.write(weigh, "Site", place.operator_ids[0])
    if is_folded:
        await fold_all(db)
    await db.write(sources.remove, source_id=first, actor=SYSTEM, now=NOW)
    second = await db.write(weigh, "Shop", place.operator_ids[1])
    await register(db, Office(second), 1)
    await db.read(check)
    found = await db.read(totals, since=None)
    assert [who for source_id, who in found.sums if source_id == second] == [0, place.operator_ids[1]]


async def test_events_irrelevant_to_statistics_are_skipped(db: Database) -> None:
    def story(s: Session) -> tuple[int, Any]:
        events.record(s, [NewEvent(events.LEAD_CHANGED, NOW, events.CLIENT, lead_id=1)])
        return statistics.fold(s), statistics.overview(s, since=None).contacts

    assert await db.write(story) == (1, 0)
    assert await db.read(statistics.backlog) == 0
