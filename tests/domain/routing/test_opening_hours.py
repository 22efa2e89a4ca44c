"""Opening hours: the row of a source says whether it is open, and contacts wait exactly while it is not."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.conversation import client_messages
from crm_core.routing import (
    coverage,
    explanations,
    giving_out,
    new_sources,
    opening_hours,
    source_changes,
    standing,
    waiting_list,
    weight_settings,
)
from crm_core.storage.database import Database
from crm_core.team import shifts
from tests.domain.arranging import Office, hire, open_office, saying
from tests.domain.invariants import check_all
from tests.domain.team.test_shifts import at, hours, register, set_hours
from tests.support.interleaving import DEADLOCK, interleave


def open_at(s: Session, source_id: int, typed: str | None, now: datetime) -> int:
    """Sets the hours of a source; returns how many contacts that gives out."""
    calendar = None if typed is None else hours(typed)
    return opening_hours.set_hours(
        s, source_id=source_id, hours=calendar, actor=SYSTEM, now=now, rng=random.random
    ).count


async def turn(db: Database, now: datetime) -> int:
    """What a process does each second; returns how many contacts were given out."""
    due = {
        "operator_ids": await db.read(shifts.due, now=now),
        "source_ids": await db.read(opening_hours.due, now=now),
    }
    given = await db.write(shifts.turn, **due, now=now, rng=random.random)
    assert await db.read(opening_hours.due, now=now) == []
    assert await db.read(opening_hours.wrong, now=now) == []
    await db.read(check_all)
    return given


async def test_contacts_wait_while_the_source_is_closed_and_no_longer(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    (anna,) = office.operator_ids
    assert await db.write(open_at, office.source_id, "mon-fri 9-18", at(8)) == 0
    assert await db.write(register, office, 1, at(8, 30)) is None
    found = await db.read(explanations.explain, contact_id=1, actor=SYSTEM)
    assert [one.reason for one in found.decided] == ["source_closed"]
    there = await db.read(standing.of_source, source_id=office.source_id)
    assert [one.why_not for one in there] == ["source_closed"]
    assert await turn(db, at(8, 59)) == 0
    assert await turn(db, at(9)) == 1
    assert await db.write(register, office, 2, at(9, 1)) == anna
    await turn(db, at(18))
    assert await db.write(register, office, 3, at(18)) is None
    assert await db.write(giving_out.sweep, now=at(18, 1), rng=random.random) == 0
    assert await db.write(open_at, office.source_id, None, at(18, 2)) == 1
    changes = "SELECT reason FROM events WHERE kind = 'source_changed' AND reason IN ('opened', 'closed') ORDER BY id"
    assert await db.read(lambda s: s.execute(text(changes)).scalars().all()) == ["opened", "closed"]


async def test_operators_and_source_that_begin_together_leave_nobody_waiting(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    await db.write(open_at, office.source_id, "mon-fri 9-18", at(8))
    await db.write(set_hours, office.operator_ids[0], hours("mon-fri 9-18"), at(8))
    assert await db.write(register, office, 1, at(8, 30)) is None
    assert await turn(db, at(9)) == 1
    told = "SELECT count(*) FROM alerts WHERE cause LIKE 'waits:%'"
    assert await db.read(lambda s: s.execute(text(told)).scalar_one()) == 0


@pytest.mark.fault("F282")
async def test_longest_waiting_goes_first_if_operators_and_sources_begin_together(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=1)
    (anna,) = office.operator_ids
    open_all_day = await db.write(new_sources.add, name="VK ads", description=None, actor=SYSTEM, now=at(7))
    weight: Any = {"source_id": open_all_day, "operator_id": anna, "weight": 1}
    await db.write(weight_settings.set_weight, **weight, actor=SYSTEM, now=at(7), rng=random.random)
    await db.write(open_at, office.source_id, "mon-fri 9-18", at(7))
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(7))
    assert await db.write(register, office, 1, at(8)) is None
    assert await db.write(register, Office(open_all_day), 2, at(8, 20)) is None
    assert await turn(db, at(9)) == 1
    held = "SELECT id FROM contacts WHERE operator_id IS NOT NULL"
    assert await db.read(lambda s: s.execute(text(held)).scalars().all()) == [1]


async def test_two_processes_open_a_source_once(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    await db.write(open_at, office.source_id, "mon-fri 9-18", at(8))
    await db.write(register, office, 1, at(8, 30))
    turns = [
        db.write(shifts.turn, operator_ids=[], source_ids=[office.source_id], now=at(9), rng=random.random)
        for _ in range(4)
    ]
    assert sum(await asyncio.gather(*turns)) == 1
    opened = "SELECT count(*) FROM events WHERE kind = 'source_changed' AND reason = 'opened'"
    assert await db.read(lambda s: s.execute(text(opened)).scalar_one()) == 1


@pytest.mark.fault("F189")
@pytest.mark.parametrize("is_first", [True, False])
async def test_contacts_of_the_moment_in_which_a_source_opens_are_given_out(db: Database, is_first: bool) -> None:
    office = await db.write(open_office, weights=[1], limit=1_000)
    for boundary in count(1):
        day = boundary - 1
        await db.write(open_at, office.source_id, "daily 9-18", at(8, day=day))
        now = at(9, day=day)
        acts: list[Callable[[Session], Any]] = [
            partial(register, office=office, number=boundary, now=now),
            partial(shifts.turn, operator_ids=[], source_ids=[office.source_id], now=now, rng=random.random),
        ]
        outcome = await interleave(db, *(acts if is_first else reversed(acts)), at=boundary)
        assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
        assert [one for one in outcome.results if isinstance(one, Exception)] == []
        assert await db.read(waiting_list.length) == 0
        await db.read(check_all)
        if not outcome.paused:
            break


async def test_opening_across_a_clock_change_and_a_stop_is_on_time(db: Database) -> None:
    """In Berlin 25 October 2026 has 2:00 to 3:00 twice, so that 9:00 is an hour later than the day before."""
    office = await db.write(open_office, weights=[1], limit=9)
    evening = datetime(2026, 10, 24, 18, tzinfo=UTC)
    calendar = hours("sun 9-10, mon 9-18", "Europe/Berlin")
    await db.write(
        opening_hours.set_hours,
        source_id=office.source_id, hours=calendar, actor=SYSTEM, now=evening, rng=random.random,
    )  # fmt: skip
    assert await db.write(register, office, 1, evening) is None
    opens = datetime(2026, 10, 25, 8, tzinfo=UTC)
    assert await turn(db, opens - timedelta(seconds=1)) == 0
    assert await turn(db, opens) == 1
    assert await db.write(register, office, 2, opens + timedelta(hours=1, seconds=-1)) is not None
    assert await turn(db, opens + timedelta(days=1, hours=2)) == 0  # nothing ran for a day: closed and open again
    assert await db.write(register, office, 3, opens + timedelta(days=1, hours=2)) is not None


@pytest.mark.fault("F189")
async def test_source_whose_hours_cannot_be_read_counts_as_open(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    await db.write(open_at, office.source_id, "mon-fri 9-18", at(20))
    assert await db.write(register, office, 1, at(20)) is None
    unknown = text("UPDATE sources SET hours = :hours, opening_changes_at = 0")
    await db.write(lambda s: s.execute(unknown, {"hours": '{"zone": "Atlantis/Capital", "week": []}'}))
    assert await turn(db, at(21)) == 1


async def test_client_who_comes_back_in_telegram_goes_to_whom_they_had(db: Database) -> None:
    """What a chat knows of its source is all that a choice needs: its hours, and for how long it remembers."""
    office = await db.write(open_office, weights=[1, 1], limit=9)
    change = {"sticky_days": 14, "late_hours": 0}
    await db.write(
        source_changes.change, source_id=office.source_id, values=change, actor=SYSTEM, now=at(8), rng=random.random
    )
    first, _ = office.operator_ids
    made = await db.write(client_messages.receive, **saying(7, rng=lambda: 0.0, now=at(9)))
    who = telegram(office.account(first))
    await db.write(lifecycle.take, contact_id=1, version=None, actor=who, now=at(9))
    await db.write(lifecycle.close, contact_id=1, version=None, actor=who, now=at(9, 5), rng=random.random)
    again = await db.write(client_messages.receive, **saying(7, 2, rng=lambda: 0.9, now=at(10)))
    holders = await db.read(lambda s: s.execute(text("SELECT operator_id FROM contacts ORDER BY id")).scalars().all())
    assert (made.contact_id, again.contact_id, holders) == (1, 2, [first, first])


async def test_hours_without_anybody_are_found_with_leave_and_other_zones(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    (anna,) = office.operator_ids
    assert await db.read(coverage.gaps, now=at(8)) == []
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    [found] = await db.read(coverage.gaps, now=at(8))
    assert (found.gaps[0], found.gaps[-1][1]) == ((at(8), at(9)), at(8, day=7))
    await db.write(open_at, office.source_id, "mon-fri 9-18", at(8))
    assert await db.read(coverage.gaps, now=at(8)) == []
    await db.write(set_hours, anna, hours("mon-fri 9-18, leave 2026-12-01"), at(8))
    [found] = await db.read(coverage.gaps, now=at(8))
    assert found.gaps == ((at(9, day=1), at(18, day=1)),)
    boris = await db.write(hire, office, "Boris", weight=1, limit=5)
    await db.write(set_hours, boris, hours("tue 9-12", "Europe/Berlin"), at(8))
    [found] = await db.read(coverage.gaps, now=at(8))
    assert found.gaps == ((at(11, day=1), at(18, day=1)),)
    for each in (anna, boris):
        await db.write(_without_weight, office, each)
    [found] = await db.read(coverage.gaps, now=at(8))
    assert found.gaps == ()


def _without_weight(s: Session, office: Office, operator_id: int) -> None:
    weight_settings.set_weight(
        s, source_id=office.source_id, operator_id=operator_id, weight=0, actor=SYSTEM, now=at(8), rng=random.random
    )
