"""A period played again: under unchanged settings it is what it was, and nothing is written."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm_core.access.actors import LOCAL_API, SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import PeriodTooLong
from crm_core.replay.asking import Wish, ask
from crm_core.replay.changes import Changes
from crm_core.replay.figures import replay
from crm_core.replay.history import OperatorState
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.routing import new_sources, offer_settings, weight_settings
from crm_core.storage.database import Database
from crm_core.storage.tables import Base, Contact, Operator
from crm_core.storage.types import EPOCH, MILLISECOND
from crm_core.team import departure, operators
from tests.domain.arranging import NOW
from tests.domain.replay.histories import busy_history
from tests.domain.replay.periods import Period, switch_presence
from tests.domain.replay.wishes import changes, limits


def milliseconds(moment: Any) -> int | None:
    return None if moment is None else (moment - EPOCH) // MILLISECOND


@pytest.mark.further
@pytest.mark.parametrize("carried", [False, pytest.param(True, marks=pytest.mark.sqlite_is_enough)])
# In 6, work that goes on elsewhere must not begin anew.
@pytest.mark.parametrize("seed", [0, *(pytest.param(one, marks=pytest.mark.sqlite_is_enough) for one in (1, 2, 6))])
async def test_unchanged_settings_reproduce_period_exactly(db: Database, seed: int, carried: bool) -> None:
    await compare(Period(db, seed), carried=carried)


@pytest.mark.further
@pytest.mark.fault("F273")
@pytest.mark.parametrize("carried", [False, pytest.param(True, marks=pytest.mark.sqlite_is_enough)])
@pytest.mark.parametrize("seed", [2, *(pytest.param(one, marks=pytest.mark.sqlite_is_enough) for one in (0, 5))])
async def test_period_with_sleeping_contacts_is_reproduced_exactly(db: Database, seed: int, carried: bool) -> None:
    await compare(Period(db, seed, has_sleep=True), carried=carried)


async def compare(period: Period, *, carried: bool) -> None:
    """A period that is lived and replayed: each contact goes to the same operator at the same moment."""
    db = period.db
    await period.open(has_ramp=not carried)
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
    wished = changes(
        weights={(source_id, operator_id): 99},
        operators=limits({operator_id: 9}),
        sources={source_id: {"strategy": "exact", "sticky_days": 30}},
    )
    since = period.now.date() - timedelta(days=1)
    found = await ask(
        db, wish=Wish((since, period.now.date()), changes=wished), actor=SYSTEM, now=period.now, zone="UTC"
    )
    assert found.contacts > 10
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


def register(s: Session, source_id: int, at: datetime) -> int:
    """A request of another system. Returns its id."""
    lead = LeadFacts(email=f"c{at:%H%M%S}@example.com")
    return lifecycle.register(s, source_id=source_id, lead=lead, now=at, rng=lambda: 0.5).id


@dataclass
class Site:
    """A source of another system, with Anna and Boris."""

    id: int
    anna: int
    boris: int


def open_site(s: Session) -> Site:
    """Anna with a weight of 7, Boris with 30, and limits of 1; set in the hours before NOW."""
    made = Site(
        new_sources.add(s, name="site", description=None, actor=SYSTEM, now=NOW - timedelta(hours=3)),
        operators.add(s, name="Anna", max_leads=5, actor=SYSTEM, now=NOW - timedelta(hours=3)),
        operators.add(s, name="Boris", max_leads=1, actor=SYSTEM, now=NOW - timedelta(hours=3)),
    )
    acting: dict[str, Any] = {"actor": SYSTEM, "rng": lambda: 0.5}
    for operator_id, weight in ((made.anna, 7), (made.boris, 30)):
        ids: dict[str, Any] = {"source_id": made.id, "operator_id": operator_id}
        weight_settings.set_weight(s, **ids, weight=weight, now=NOW - timedelta(hours=2), **acting)
    operators.set_limit(s, operator_id=made.anna, max_leads=1, now=NOW - timedelta(hours=1), **acting)
    return made


async def test_period_begins_as_was_last_set_before_it(db: Database) -> None:
    def story(s: Session) -> Site:
        site = open_site(s)
        acting: dict[str, Any] = {"actor": SYSTEM, "rng": lambda: 0.5}
        switch_presence(s, operator_id=site.boris, is_online=False, now=NOW - timedelta(minutes=9), rng=lambda: 0.5)
        switch_presence(s, operator_id=site.boris, is_online=False, now=NOW + timedelta(minutes=1), rng=lambda: 0.5)
        operators.set_limit(s, operator_id=site.anna, max_leads=9, now=NOW + timedelta(minutes=2), **acting)
        ids: dict[str, Any] = {"source_id": site.id, "operator_id": site.anna}
        weight_settings.set_weight(s, **ids, weight=50, now=NOW + timedelta(minutes=3), **acting)
        departure.remove(s, operator_id=site.boris, now=NOW + timedelta(days=2), **acting)
        return site

    site = await db.write(story)
    past = history(await db.read(read_rows, since=NOW, until=NOW + timedelta(days=1)))
    assert past.weights == {site.id: {site.anna: 7, site.boris: 30}}
    assert past.operators[site.anna] == OperatorState(1)
    assert past.operators[site.boris] == OperatorState(1, is_online=False)


async def test_offers_begin_as_they_were_last_set_before_the_period(db: Database) -> None:
    def story(s: Session) -> int:
        source_id = open_site(s).id
        for hours, values in (
            (-2, {"offer_seconds": 60, "miss_limit": 1}),
            (-1, {"offer_rounds": 5}),
            (1, {"miss_limit": 2}),
            (30, {"offer_seconds": 0, "offer_rounds": 1}),
        ):
            at = NOW + timedelta(hours=hours)
            offer_settings.set_offers(s, source_id=source_id, values=values, actor=SYSTEM, now=at)
        return source_id

    source_id = await db.write(story)
    past = history(await db.read(read_rows, since=NOW, until=NOW + timedelta(days=1)))
    source = past.sources[source_id]
    assert (source.offer_seconds, source.offer_rounds, source.miss_limit, source.duty_operator_id) == (60, 5, 1, None)


async def test_offers_are_answered_as_soon_as_requests_were_taken(db: Database) -> None:
    def story(s: Session) -> tuple[Site, list[int]]:
        site, late = open_site(s), NOW + timedelta(days=1)
        contacts = []
        for minutes, taken in ((1, NOW + timedelta(seconds=90)), (2, late)):
            contacts.append(register(s, site.id, NOW + timedelta(minutes=minutes)))
            lifecycle.take(s, contact_id=contacts[-1], version=None, actor=LOCAL_API, now=taken)
        return site, contacts

    site, contacts = await db.write(story)
    past = history(await db.read(read_rows, since=NOW, until=NOW + timedelta(days=1)))
    assert past.contacts[contacts[1]].taken_later == milliseconds(NOW + timedelta(days=1))
    outcome = play(past, changes(sources={site.id: {"offer_seconds": 60}}))
    assert (outcome.courses[contacts[0]].operator_id, outcome.courses[contacts[0]].since) == (
        site.boris,
        milliseconds(NOW + timedelta(seconds=90)),
    )
    outcome = play(past, changes(sources={site.id: {"offer_seconds": 20, "miss_limit": 0}}))
    assert outcome.missed > 1
    assert play(past, Changes()).missed == 0


async def test_removed_operator_gives_back_what_only_the_replay_gave_them(db: Database) -> None:
    def story(s: Session) -> tuple[Site, int]:
        site = open_site(s)
        contact_id = register(s, site.id, NOW + timedelta(minutes=1))  # Boris gets it
        departure.remove(s, operator_id=site.anna, actor=SYSTEM, now=NOW + timedelta(minutes=5), rng=lambda: 0.5)
        return site, contact_id

    site, contact_id = await db.write(story)
    past = history(await db.read(read_rows, since=NOW, until=NOW + timedelta(days=1)))
    assert play(past, Changes()).courses[contact_id].operator_id == site.boris
    course = play(past, changes(weights={(site.id, site.boris): 0})).courses[contact_id]
    assert course.assigned == course.created  # by Anna
    assert course.operator_id is None


@pytest.mark.slow
@pytest.mark.parametrize("wished", [changes(weights={(1, 1): 90}), changes(sources={1: {"offer_seconds": 1800}})])
def test_ten_thousand_contacts_are_played_within_five_seconds_of_cpu(wished: Changes) -> None:
    past = busy_history(10_000)
    started = time.process_time()
    assert play(past, Changes()).courses.keys() == play(past, wished).courses.keys()
    assert time.process_time() - started < 5
