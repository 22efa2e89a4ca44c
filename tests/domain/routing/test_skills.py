"""Skills: who has what a contact requires gets it, and after a while less may be required."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import giving_back, lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import BadSkills
from crm_core.hours.reading import read_hours
from crm_core.routing import explanations, opening_hours, requirements, skills, source_settings, waiting_list
from crm_core.routing.skills import Required
from crm_core.storage.database import Database
from crm_core.team import departure, operators
from tests.domain.arranging import NOW, Office, open_office, say
from tests.domain.invariants import check_all

_clients = count(1)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def when(minutes: float = 0) -> dict[str, Any]:
    return {"actor": SYSTEM, "now": after(minutes), "rng": random.random}


def skilled_office(s: Session, *, of: list[str], required: Required, limit: int = 50) -> Office:
    """Operators with these skills each, at a source that requires some."""
    office = open_office(s, weights=[1] * len(of), limit=limit)
    for operator_id, tags in zip(office.operator_ids, of, strict=True):
        teach(s, operator_id, tags.split())
    require(s, office, required)
    return office


def teach(s: Session, operator_id: int, tags: Iterable[str], minutes: float = 0) -> int:
    return operators.set_skills(s, operator_id=operator_id, tags=tags, **when(minutes)).count


def require(s: Session, office: Office, required: Required, minutes: float = 0) -> int:
    return source_settings.set_skills(s, source_id=office.source_id, required=required, **when(minutes)).count


def register(s: Session, office: Office, minutes: float = 0, required: Required | None = None) -> lifecycle.Registered:
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    at = office.source_id
    return lifecycle.register(s, source_id=at, lead=lead, now=after(minutes), rng=random.random, required=required)


async def turn(db: Database, minutes: float) -> int:
    """What a process does each second; returns how many contacts were given out."""
    found = await db.read(requirements.due, now=after(minutes))
    given = 0
    if found:
        contact_ids, source_ids = zip(*found, strict=True)
        given = await db.write(
            requirements.drop,
            contact_ids=contact_ids,
            source_ids=source_ids,
            now=after(minutes),
            rng=random.random,
        )
    assert await db.read(requirements.due, now=after(minutes)) == []
    await db.read(check_all)
    return given


async def test_contact_goes_to_who_has_the_skills_of_its_source_and_of_itself(db: Database) -> None:
    def story(s: Session) -> None:
        office = skilled_office(s, of=["", "German", "german vip"], required={"german": None})
        nobody, german, both = office.operator_ids
        assert {register(s, office).operator_id for _ in range(20)} == {german, both}
        assert {register(s, office, required={"VIP": None}).operator_id for _ in range(5)} == {both}
        waits = register(s, office, required={"french": None})
        assert waits.operator_id is None
        found = explanations.explain(s, contact_id=waits.id, actor=SYSTEM).decided[-1]
        assert found.reason == "no_skill"
        assert found.decision is not None
        lacking = {one.operator_id: sorted(one.lacking) for one in found.decision.candidates}
        assert lacking == {nobody: ["french", "german"], german: ["french"], both: ["french"]}
        assert found.decision.again() is None
        check_all(s)

    await db.write(story)


async def test_client_in_telegram_goes_to_who_has_the_skills_of_the_source(db: Database) -> None:
    def story(s: Session) -> None:
        office = skilled_office(s, of=["", "german"], required={"german": None})
        for client in range(1, 9):
            say(s, client)
        held = s.execute(text("SELECT DISTINCT operator_id FROM contacts")).scalars().all()
        assert held == [office.operator_ids[1]]
        check_all(s)

    await db.write(story)


async def test_contact_that_requires_nothing_overtakes_one_whose_skill_is_missing(db: Database) -> None:
    def story(s: Session) -> None:
        office = skilled_office(s, of=[""], required={}, limit=1)
        (anna,) = office.operator_ids
        first = register(s, office)
        waiting = [register(s, office, required=one) for one in ({"german": None}, {"vip": None}, None, {"vip": None})]
        assert [one.operator_id for one in (first, *waiting)] == [anna, None, None, None, None]
        operators.set_limit(s, operator_id=anna, max_leads=3, **when())
        assert holders(s, waiting) == [None, None, anna, None]
        assert register(s, office).operator_id == anna  # nobody who waits could have it
        operators.set_limit(s, operator_id=anna, max_leads=9, **when())
        assert teach(s, anna, ["vip"]) == 2
        assert holders(s, waiting) == [None, anna, anna, anna]
        assert require(s, office, {"vip": None}) == 0
        check_all(s)

    await db.write(story)


def holders(s: Session, made: Iterable[lifecycle.Registered]) -> list[int | None]:
    one = text("SELECT operator_id FROM contacts WHERE id = :id")
    return [s.execute(one, {"id": each.id}).scalar_one() for each in made]


@pytest.mark.fault("F187")
async def test_requirement_is_dropped_at_its_minute_and_recorded(db: Database) -> None:
    office = await db.write(skilled_office, of=["", "vip"], required={"german": 30, "vip": 45})
    nobody, vip = office.operator_ids
    made = await db.write(register, office)
    late = await db.write(register, office, 10, {"vip": None})
    assert [await turn(db, minutes) for minutes in (29.9, 30, 31, 39, 40, 44, 46)] == [0, 1, 0, 0, 1, 0, 0]
    assert await db.read(holders, [made, late]) == [vip, vip]
    found = await db.read(explanations.explain, contact_id=made.id, actor=SYSTEM)
    assert [(one.is_assigned, one.dropped) for one in found.decided] == [(False, ()), (False, ("german",)), (True, ())]
    assert found.decided[-1].decision is not None
    assert found.decided[-1].decision.again() == vip
    assert nobody in found.decided[-1].decision.excluded


def open_hours(s: Session, office: Office, typed: str | None, minutes: float) -> None:
    """NOW is on a Monday at noon."""
    hours = None if typed is None else read_hours(typed, zone="UTC", today=NOW.date())
    opening_hours.set_hours(s, source_id=office.source_id, hours=hours, **when(minutes))


@pytest.mark.fault("F187")
async def test_requirement_is_dropped_in_working_time_of_the_source_alone(db: Database) -> None:
    office = await db.write(skilled_office, of=[""], required={"german": 90})
    await db.write(open_hours, office, "mon-fri 9-13", 0)
    made = await db.write(register, office)
    evening, morning = 60, 21 * 60  # the source closes at 13:00, and opens at 9:00
    assert [await turn(db, minutes) for minutes in (90, evening + 120, morning, morning + 29)] == [0, 0, 0, 0]
    assert await turn(db, morning + 30) == 1
    assert await db.read(holders, [made]) == office.operator_ids


@pytest.mark.fault("F187")
async def test_change_of_hours_counts_from_its_moment_on(db: Database) -> None:
    office = await db.write(skilled_office, of=[""], required={"german": 60})
    made = [await db.write(register, office) for _ in range(2)]
    await db.write(open_hours, office, "mon-fri 18-20", 40)  # they have waited for 40 of the 60 minutes
    assert [await turn(db, minutes) for minutes in (60, 6 * 60 + 19)] == [0, 0]
    await db.write(open_hours, office, None, 6 * 60 + 19)
    assert [await turn(db, minutes) for minutes in (6 * 60 + 19, 6 * 60 + 20)] == [0, 2]
    assert await db.read(holders, made) == office.operator_ids * 2


async def test_requirement_of_a_contact_that_goes_back_is_measured_in_working_time(db: Database) -> None:
    office = await db.write(skilled_office, of=["german", ""], required={"german": 90})
    german, _ = office.operator_ids
    await db.write(open_hours, office, "mon-fri 9-13", 0)
    made = await db.write(register, office)
    assert made.operator_id == german
    await db.write(teach, german, [])
    back: dict[str, Any] = {**when(100), "actor": telegram(office.account(german))}
    await db.write(giving_back.give_back, contact_id=made.id, version=None, note=None, **back)
    opens = 21 * 60
    assert [await turn(db, minutes) for minutes in (190, opens, opens + 89)] == [0, 0, 0]
    assert await turn(db, opens + 90) == 1


@pytest.mark.fault("F187")
async def test_requirement_that_ended_while_nothing_ran_is_dropped_at_once(db: Database) -> None:
    office = await db.write(skilled_office, of=[""], required={"german": 5, "vip": 10})
    await db.write(register, office)
    assert await turn(db, 600) == 1
    assert await db.read(waiting_list.length) == 0


async def test_source_change_counts_for_what_waits_and_keeps_what_was_dropped(db: Database) -> None:
    office = await db.write(skilled_office, of=["vip"], required={"german": 5, "vip": None, "french": None})
    made = await db.write(register, office)
    assert await turn(db, 6) == 0
    assert await db.write(require, office, {"german": None, "vip": None, "french": 20}, 7) == 0
    await db.read(check_all)
    assert [await turn(db, minutes) for minutes in (19, 20)] == [0, 1]
    assert await db.read(holders, [made]) == [office.operator_ids[0]]
    again = await db.write(register, office, 21)
    assert await db.write(require, office, {}, 22) == 1
    assert await db.read(holders, [again]) == [office.operator_ids[0]]


async def test_contact_that_comes_back_requires_everything_again(db: Database) -> None:
    office = await db.write(skilled_office, of=["", ""], required={"german": 5})
    made = await db.write(register, office, 0, {"vip": 8})
    assert [await turn(db, minutes) for minutes in (5, 8)] == [0, 1]
    (holder,) = await db.read(holders, [made])
    assert holder is not None
    await db.write(departure.remove, operator_id=holder, **when(20))
    assert await db.read(holders, [made]) == [None]
    await db.read(check_all)
    assert [await turn(db, minutes) for minutes in (24, 25, 27, 28)] == [0, 0, 0, 1]


async def test_person_who_assigns_by_hand_is_asked_for_no_skill(db: Database) -> None:
    def story(s: Session) -> None:
        office = skilled_office(s, of=[""], required={"german": 5})
        waiting = register(s, office)
        transfer.assign_by_hand(s, contact_id=waiting.id, operator_id=office.operator_ids[0], **when(1))
        check_all(s)
        assert requirements.due(s, now=after(60)) == []

    await db.write(story)


@pytest.mark.parametrize("wrong", [["two words"], [""], ["7"], ["a,b"], ["x" * 33], [f"s{n}" for n in range(21)]])
async def test_what_is_no_skill_is_refused(db: Database, wrong: list[str]) -> None:
    office = await db.write(skilled_office, of=["vip"], required={})
    with pytest.raises(BadSkills):
        await db.write(teach, office.operator_ids[0], wrong)


def test_typed_skills_are_read_with_their_minutes() -> None:
    assert skills.typed("German 30, VIP", with_minutes=True) == {"german": 30, "vip": None}
    assert skills.typed("german (30 min), vip", with_minutes=True) == {"german": 30, "vip": None}
    assert skills.typed("немецкий 30 мин., vip 5 минут; c++", with_minutes=True) == {
        "немецкий": 30,
        "vip": 5,
        "c++": None,
    }
    assert skills.typed("b2b 15minutes", with_minutes=True) == {"b2b": 15}
    assert skills.typed("немецкий; c++", with_minutes=False) == {"немецкий": None, "c++": None}
    assert skills.typed(" - ", with_minutes=True) == {}
    for wrong in ("30", "german 30 40", ""):
        with pytest.raises(BadSkills):
            skills.typed(wrong, with_minutes=True)
    with pytest.raises(BadSkills):
        skills.typed("german 30", with_minutes=False)
