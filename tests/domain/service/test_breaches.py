"""The report of the service level: what was kept, what was not and why; and who is told of it."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, reopening
from crm_core.conversation import client_messages, sending_to_client
from crm_core.routing import opening_hours
from crm_core.service import breaches, overdue, setting, watch
from crm_core.service.breaches import BreachCause
from crm_core.service.targets import Measure, Targets
from crm_core.storage.database import Database
from crm_core.team import operators, shifts
from tests.domain.arranging import Office, hire, open_office, saying
from tests.domain.team.test_shifts import at, hours, set_hours

FIRST, NEXT, RESOLVED = Measure
MINUTE = timedelta(minutes=1)


def arrange(s: Session, /, *, limit: int = 9, targets: Targets, typed: str | None = None) -> Office:
    """An office of one operator, with targets from eight and perhaps hours from nine on."""
    office = open_office(s, weights=[1], limit=limit)
    setting.set_targets(s, source_id=office.source_id, targets=targets, actor=SYSTEM, now=at(8))
    if typed is not None:
        open_from(s, office, typed, at(9))
    return office


def open_from(s: Session, office: Office, typed: str, now: datetime) -> None:
    opening_hours.set_hours(s, source_id=office.source_id, hours=hours(typed), actor=SYSTEM, now=now, rng=random.random)


def answer(s: Session, office: Office, contact_id: int, now: datetime) -> None:
    who = telegram(office.account(office.operator_ids[0]))
    sending_to_client.reply_via_api(s, contact_id=contact_id, text="An answer", actor=who, now=now)


def close(s: Session, office: Office, contact_id: int, now: datetime) -> None:
    who = telegram(office.account(office.operator_ids[0]))
    lifecycle.close(s, contact_id=contact_id, version=None, actor=who, now=now, rng=random.random)


async def kept(db: Database, now: datetime, **period: Any) -> dict[Measure, tuple[int, int, int]]:
    found = await db.read(breaches.report, since=period.get("since"), now=now, until=period.get("until"))
    return {measure: (one.met, one.breached, one.running) for (_, measure), one in found.kept.items()}


async def test_report_counts_what_was_kept_and_what_was_not(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=15, next_reply=30, resolution=60))
    for client in (7, 8):
        await db.write(client_messages.receive, **saying(client, now=at(9)))
    await db.write(answer, office, 1, at(9, 10))
    assert await kept(db, at(9, 12)) == {FIRST: (1, 0, 1), RESOLVED: (0, 0, 2)}
    await db.write(answer, office, 2, at(9, 20))
    await db.write(client_messages.receive, **saying(7, 2, now=at(11)))
    await db.write(answer, office, 1, at(11, 31))
    await db.write(close, office, 1, at(12))
    assert await kept(db, at(12)) == {FIRST: (1, 1, 0), NEXT: (0, 1, 0), RESOLVED: (1, 0, 1)}
    found = await db.read(breaches.report, since=None, now=at(12))
    assert [(one.contact_id, one.measure, one.took, one.cause) for one in found.breaches] == [
        (1, NEXT, 31 * MINUTE, BreachCause.OPERATOR_SLOW),
        (2, FIRST, 20 * MINUTE, BreachCause.OPERATOR_SLOW),
    ]
    assert await kept(db, at(12), since=at(10)) == {NEXT: (0, 1, 0)}
    assert await kept(db, at(12), until=at(9)) == {}


@pytest.mark.fault("F190")
async def test_change_of_hours_or_targets_repaints_nothing_of_the_past(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=15), typed="mon-fri 9-18")
    await db.write(client_messages.receive, **saying(7, now=at(17, 50)))
    await db.write(answer, office, 1, at(9, 4, day=1))  # 14 minutes of working time
    before = await db.read(breaches.report, since=None, now=at(12, day=1))
    assert [(one.met, one.breached) for one in before.kept.values()] == [(1, 0)]
    await db.write(open_from, office, "24/7", at(12, day=1))
    other = Targets(first_reply=1, next_reply=1)
    changed: dict[str, Any] = {"source_id": office.source_id, "targets": other, "actor": SYSTEM}
    await db.write(setting.set_targets, **changed, now=at(12, day=1))
    assert await db.read(breaches.report, since=None, now=at(12, day=1)) == before
    await db.write(setting.set_targets, **{**changed, "targets": Targets()}, now=at(13, day=1))
    assert await db.read(breaches.report, since=None, now=at(13, day=1)) == before


async def test_reopening_starts_another_resolution_and_never_the_first_clock(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=15, resolution=60))
    who = telegram(office.account(office.operator_ids[0]))
    await db.write(client_messages.receive, **saying(7, now=at(9)))
    await db.write(answer, office, 1, at(9, 5))
    await db.write(close, office, 1, at(9, 10))
    await db.write(reopening.reopen, contact_id=1, version=None, actor=who, now=at(9, day=3))
    assert await kept(db, at(12, day=3)) == {FIRST: (1, 0, 0), RESOLVED: (1, 0, 1)}
    await db.write(client_messages.receive, **saying(7, 2, now=at(12, day=3)))
    assert await kept(db, at(12, 59, day=3)) == {FIRST: (1, 0, 0), RESOLVED: (1, 0, 1)}
    assert await kept(db, at(13, 1, day=3)) == {FIRST: (1, 0, 0), RESOLVED: (1, 1, 0)}


async def test_cause_is_what_most_of_the_time_went_by_with(db: Database) -> None:
    office = await db.write(arrange, limit=1, targets=Targets(first_reply=10))
    (anna,) = office.operator_ids
    await db.write(client_messages.receive, **saying(7, now=at(9)))
    await db.write(client_messages.receive, **saying(8, now=at(9)))  # Anna is full
    await db.write(lambda s: operators.set_online(
        s, is_online=False, actor=telegram(office.account(anna)), now=at(9, 4), rng=random.random
    ))  # fmt: skip
    await db.write(client_messages.receive, **saying(9, now=at(9, 5)))  # and away
    found = await db.read(breaches.report, since=None, now=at(9, 20))
    assert {one.contact_id: one.cause for one in found.breaches} == {
        1: BreachCause.OPERATOR_AWAY,  # 16 of 20 minutes
        2: BreachCause.QUEUE,
        3: BreachCause.NOBODY_THERE,
    }
    [kept_here] = found.kept.values()
    assert sorted(kept_here.causes.values()) == [1, 1, 1]
    assert {one.contact_id: one.operator_id for one in found.breaches} == {1: anna, 2: None, 3: None}


async def test_shift_that_has_ended_is_no_slowness_of_the_operator(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=60))
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    await db.write(shifts.turn, operator_ids=[anna], now=at(9), rng=random.random)
    await db.write(client_messages.receive, **saying(7, now=at(17, 50)))
    await db.write(shifts.turn, operator_ids=[anna], now=at(18), rng=random.random)
    [breach] = (await db.read(breaches.report, since=None, now=at(20))).breaches
    assert breach.parts == {BreachCause.OPERATOR_SLOW: 10 * MINUTE, BreachCause.OPERATOR_AWAY: 120 * MINUTE}
    assert breach.cause is BreachCause.OPERATOR_AWAY


@pytest.mark.fault("F191")
async def test_several_processes_tell_of_a_target_once(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=10))
    who = telegram(office.account(office.operator_ids[0]))
    await db.write(client_messages.receive, **saying(7, now=at(9)))
    for moment in (at(9), at(9, 7), at(9, 8), at(9, 10), at(9, 30)):
        if moment == at(9, 8):  # something happens to the contact, which is looked at anew
            await db.write(lifecycle.take, contact_id=1, version=None, actor=who, now=moment)
        if moment == at(9, 30):
            await db.write(operators.set_online, is_online=False, actor=who, now=moment, rng=random.random)
        ids = await db.read(watch.due, now=moment)
        looks = [db.write(watch.look, contact_id=one, now=moment) for one in ids for _ in range(3)]
        assert sum(await asyncio.gather(*looks)) == len(ids)
        await asyncio.gather(*(db.write(overdue.tell_admins, now=moment) for _ in range(3)))
    reminders = "SELECT count(*) FROM outbox WHERE kind = 'staff_notice' AND CAST(payload AS TEXT) LIKE '%service_due%'"
    assert await db.read(lambda s: s.execute(text(reminders)).scalar_one()) == 1
    noted = await db.read(lambda s: s.execute(text("SELECT percent, told_at FROM service_notices ORDER BY 1")).all())
    assert [one.percent for one in noted] == [70, 100]
    assert None not in [one.told_at for one in noted]
    assert await db.read(overdue.by_source) == {(1, FIRST): 1}
    columns = "kind, reason, contact_id, source_id, operator_id"
    reached = f"SELECT {columns} FROM events WHERE kind LIKE 'target%' ORDER BY id"  # noqa: S608
    these = (1, office.source_id, office.operator_ids[0])
    found = [tuple(one) for one in await db.read(lambda s: s.execute(text(reached)).all())]
    assert found == [("target_near", "first_reply", *these), ("target_missed", "first_reply", *these)]


async def test_colleague_who_takes_over_late_is_reminded_at_once(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=100))
    (anna,) = office.operator_ids
    await db.write(client_messages.receive, **saying(7, now=at(9)))
    await db.write(_look, at(9))
    leaves = telegram(office.account(anna))
    await db.write(operators.set_online, is_online=False, actor=leaves, now=at(9, 10), rng=random.random)
    await db.write(_look, at(10, 15))  # 75 %, and Anna is away
    sent = text("SELECT count(*) FROM outbox WHERE CAST(payload AS TEXT) LIKE '%service_due%'")
    assert await db.read(lambda s: s.execute(sent).scalar_one()) == 0
    await db.write(operators.set_online, is_online=True, actor=leaves, now=at(10, 20), rng=random.random)
    await db.write(_look, at(10, 20))
    assert await db.read(lambda s: s.execute(sent).scalar_one()) == 1


def _look(s: Session, now: datetime) -> None:
    for contact_id in watch.due(s, now=now):
        watch.look(s, contact_id=contact_id, now=now)


async def test_what_was_told_of_closed_contacts_is_purged(db: Database) -> None:
    office = await db.write(arrange, targets=Targets(first_reply=10))
    await db.write(hire, office, "Boris", weight=0, limit=5)
    await db.write(client_messages.receive, **saying(7, now=at(9)))
    await db.write(_look, at(9, 30))
    assert await db.write(watch.purge, now=at(10)) == 0
    await db.write(close, office, 1, at(10))
    assert await db.write(watch.purge, now=at(10)) == 1
    assert await db.read(watch.due, now=at(11)) == []
    left = "SELECT (SELECT count(*) FROM service_watches) + (SELECT count(*) FROM service_notices)"
    assert await db.read(lambda s: s.execute(text(left)).scalar_one()) == 0
