"""A period played again: under unchanged settings it is what it was, and nothing is written."""

import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.errors import PeriodTooLong
from crm_core.replay.asking import Wish, ask
from crm_core.replay.changes import Changes
from crm_core.replay.figures import replay
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.storage.database import Database
from crm_core.storage.tables import Base, Contact, Operator
from crm_core.storage.types import EPOCH, MILLISECOND
from tests.domain.arranging import NOW
from tests.domain.replay.histories import busy_history
from tests.domain.replay.periods import Period


def milliseconds(moment: Any) -> int | None:
    return None if moment is None else (moment - EPOCH) // MILLISECOND


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_unchanged_settings_reproduce_period_exactly(db: Database, seed: int, carried: bool) -> None:
    period = Period(db, seed)
    await period.open()
    await period.go_on(60)
    since = period.now + timedelta(milliseconds=1)
    await period.go_on(200)
    until = period.now + timedelta(milliseconds=1)
    arrived = await db.read(lambda s: s.execute(select(Contact).where(Contact.created_at >= since)).scalars().all())
    really = {one.id: one for one in arrived}
    rows = await db.read(read_rows, since=since, until=until)
    past = history(rows)
    outcome = play(past, Changes(), carried=carried)
    assert outcome.courses.keys() == really.keys()
    wrong = [
        (one, course.operator_id, contact.operator_id, course.assigned, milliseconds(contact.assigned_at))
        for one, contact in really.items()
        if (course := outcome.courses[one]).operator_id != contact.operator_id
        or course.assigned != milliseconds(contact.assigned_at)
    ]
    assert wrong == []


def everything(s: Session) -> dict[str, list[Any]]:
    """All rows of all tables."""
    return {table.name: [tuple(row) for row in s.execute(select(table))] for table in Base.metadata.sorted_tables}


@pytest.mark.fault("F188")
async def test_replay_changes_nothing_in_the_database(db: Database) -> None:
    period = Period(db, 7)
    await period.open()
    await period.go_on(80)
    before = await db.read(everything)
    source_id, operator_id = period.office.source_id, period.office.operator_ids[0]
    changes = Changes(weights={(source_id, operator_id): 99}, limits={operator_id: 9}, strategies={source_id: "exact"})
    since = period.now.date() - timedelta(days=1)
    found = await ask(
        db, wish=Wish((since, period.now.date()), changes=changes), actor=SYSTEM, now=period.now, zone="UTC"
    )
    assert found.contacts > 20
    assert found.moved > 0
    assert await db.read(everything) == before


async def test_reading_of_a_replay_cannot_write(db: Database) -> None:
    def meddle(s: Session) -> None:
        read_rows(s, since=NOW, until=NOW + timedelta(days=1))
        s.execute(update(Operator).values(max_leads=9))

    with pytest.raises(DBAPIError, match=r"read.?only"):
        await db.read(meddle)


@pytest.mark.fault("F188")
async def test_period_with_too_many_contacts_is_refused_at_once(db: Database) -> None:
    period = Period(db, 3)
    await period.open()
    await period.go_on(40)
    with pytest.raises(PeriodTooLong) as refused:
        await db.read(read_rows, since=NOW, until=NOW + timedelta(days=30), at_most=3)
    assert refused.value.fields["maximum"] == 3
    assert refused.value.fields["contacts"] > 3


async def test_figures_are_those_of_the_contacts(db: Database) -> None:
    period = Period(db, 11)
    await period.open()
    await period.go_on(120)
    since, until = NOW - timedelta(hours=1), period.now + timedelta(milliseconds=1)
    found = replay(await db.read(read_rows, since=since, until=until), Changes())
    arrived = await db.read(lambda s: s.execute(select(Contact)).scalars().all())
    held = Counter((one.source_id, one.operator_id) for one in arrived if one.operator_id is not None)
    assert {(one.source_id, one.operator_id): one.happened for one in found.shares} == held
    assert all(one.happened == one.replayed for one in found.shares)
    waits = sorted(
        milliseconds(one.assigned_at or until) - milliseconds(one.created_at)  # type: ignore[operator]
        for one in arrived
    )
    assert found.happened == found.replayed
    assert (found.happened.contacts, found.happened.longest) == (len(waits), waits[-1])
    assert found.happened.waited == sum(one > 0 for one in waits)
    assert found.happened.still == sum(one.assigned_at is None for one in arrived)
    assert sum(one <= found.happened.most for one in waits) * 10 >= len(waits) * 9
    assert sum(one < found.happened.most for one in waits) * 10 < len(waits) * 9


@pytest.mark.slow
def test_ten_thousand_contacts_are_played_within_five_seconds_of_cpu() -> None:
    past = busy_history(10_000)
    started = time.process_time()
    assert play(past, Changes()).courses.keys() == play(past, Changes(weights={(1, 1): 90})).courses.keys()
    assert time.process_time() - started < 5
