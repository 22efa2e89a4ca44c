"""Shifts: the row of an operator says whether they are on shift, whenever a process looks."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import read_hours
from crm_core.storage.database import Database
from crm_core.team import departure, operators, shifts
from tests.domain.arranging import Office, open_office
from tests.domain.invariants import check_all

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def at(hour: int, minute: int = 0, *, day: int = 0) -> datetime:
    """A moment of a Monday, or so many days later."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def hours(typed: str, zone: str = "UTC") -> Calendar:
    return read_hours(typed, zone=zone, today=MONDAY.date())


def set_hours(s: Session, operator_id: int, calendar: Calendar | None, now: datetime) -> int:
    return shifts.set_hours(s, operator_id=operator_id, hours=calendar, actor=SYSTEM, now=now, rng=random.random).count


def register(s: Session, office: Office, number: int, now: datetime) -> int | None:
    lead = LeadFacts(email=f"client{number}@example.com")
    return lifecycle.register(s, source_id=office.source_id, lead=lead, now=now, rng=random.random).operator_id


async def turn(db: Database, now: datetime) -> int:
    """What a process does each second; returns how many contacts were given out."""
    due = await db.read(shifts.due, now=now)
    given = await db.write(shifts.turn, operator_ids=due, now=now, rng=random.random) if due else 0
    assert await db.read(shifts.due, now=now) == []
    assert await db.read(shifts.wrong, now=now) == []
    await db.read(check_all)
    return given


async def test_contact_waits_for_the_shift_and_goes_out_at_its_beginning(db: Database) -> None:
    office = await db.write(open_office, weights=[1, 1], limit=5)
    first, second = office.operator_ids
    await db.write(set_hours, first, hours("mon-fri 9-18"), at(8))
    await db.write(set_hours, second, hours("mon-fri 10-18"), at(8))
    assert await db.write(register, office, 1, at(8, 30)) is None
    assert await turn(db, at(8, 59)) == 0
    assert await turn(db, at(9)) == 1
    assert await db.write(register, office, 2, at(9, 30)) == first
    await turn(db, at(10))
    assert {await db.write(register, office, number, at(10, number)) for number in range(3, 12)} == {
        first,
        second,
        None,
    }
    await turn(db, at(18))
    assert await db.write(register, office, 12, at(18)) is None
    reasons = await db.read(
        lambda s: (
            s.execute(
                text("SELECT reason FROM events WHERE kind = :kind AND operator_id = :id ORDER BY id"),
                {"kind": events.OPERATOR_CHANGED, "id": first},
            )
            .scalars()
            .all()
        )
    )
    assert [one for one in reasons if one.startswith(("hours", "shift"))] == ["hours", "shift_began", "shift_ended"]


@pytest.mark.fault("F183")
async def test_shift_that_began_while_nothing_ran_is_noticed_at_once(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon 9-10, tue 9-10, wed 9-18"), at(8))
    assert await db.write(register, office, 1, at(8, 30)) is None
    assert await turn(db, at(20)) == 0  # Monday's shift has gone by
    assert await turn(db, at(12, day=2)) == 1  # and Tuesday's, and half of Wednesday's


async def test_hours_begin_within_a_second_across_a_clock_change(db: Database) -> None:
    """In Berlin 25 October 2026 has 2:00 to 3:00 twice, so that 9:00 is an hour later than the day before."""
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    evening = datetime(2026, 10, 24, 18, tzinfo=UTC)
    await db.write(set_hours, anna, hours("sun 9-18", "Europe/Berlin"), evening)
    assert await db.write(register, office, 1, evening) is None
    opens = datetime(2026, 10, 25, 8, tzinfo=UTC)
    assert await turn(db, opens - timedelta(seconds=1)) == 0
    assert await turn(db, opens) == 1


@pytest.mark.fault("F184")
async def test_operator_whose_hours_cannot_be_read_counts_as_on_shift(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(20))
    assert await db.write(register, office, 1, at(20)) is None
    unknown = text("UPDATE operators SET hours = :hours, shift_changes_at = 0")
    await db.write(lambda s: s.execute(unknown, {"hours": '{"zone": "Atlantis/Capital", "week": []}'}))
    assert await turn(db, at(21)) == 1


async def test_removed_operator_has_no_shifts_any_more(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    await db.write(departure.remove, operator_id=anna, actor=SYSTEM, now=at(8), rng=random.random)
    assert await db.read(shifts.due, now=at(9)) == []


async def test_hours_that_are_taken_away_give_out_what_waits(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(20))
    assert await db.write(register, office, 1, at(20)) is None
    assert await db.write(set_hours, anna, None, at(20)) == 1
    facts = await db.read(lambda s: operators.one(s, operator_id=anna))
    assert (facts.hours, facts.on_shift) == (None, True)


async def test_leave_far_ahead_begins_and_ends_in_time(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("24/7, leave 2028-02-01 - 2028-02-20"), at(8))
    for day, is_there in ((400, True), (432, False), (455, True)):
        await turn(db, at(9, day=day))
        facts = await db.read(lambda s: operators.one(s, operator_id=anna))
        assert facts.on_shift is is_there


@pytest.mark.fault("F184")
async def test_hours_that_can_be_read_again_hold_again(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(20))
    known = await db.read(lambda s: s.execute(text("SELECT hours FROM operators")).scalar_one())
    stored = text("UPDATE operators SET hours = :hours, shift_changes_at = 0")
    await db.write(lambda s: s.execute(stored, {"hours": '{"zone": "Atlantis/Capital", "week": []}'}))
    await turn(db, at(21))
    again = text("UPDATE operators SET hours = :hours")
    await db.write(lambda s: s.execute(again, {"hours": known if isinstance(known, str) else json.dumps(known)}))
    wrong = await db.read(shifts.wrong, now=at(22))
    assert wrong == [anna]
    await db.write(shifts.turn, operator_ids=wrong, now=at(22), rng=random.random)
    facts = await db.read(lambda s: operators.one(s, operator_id=anna))
    assert facts.on_shift is False
