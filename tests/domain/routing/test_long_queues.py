"""A long queue is given out in slices, between which others get their turn; the order and the limits stay."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.runtime.queue_slices import QueueSlices
from crm_core import events
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages
from crm_core.events import Logged
from crm_core.routing import giving_out
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import MoreToAssign
from crm_core.storage.database import Database
from crm_core.team import departure, operators
from tests.domain.arranging import NOW, Office, open_office, say, saying
from tests.domain.invariants import check_all

LATE = 9_000  # a client who writes while the queue is given out


@pytest.fixture
async def slices(db: Database) -> AsyncIterator[QueueSlices]:
    """What goes on with a queue, as in a running process."""
    running = QueueSlices(db, clock=lambda: NOW, rng=random.random)
    yield running
    await running.stop()


async def rows(db: Database, query: str) -> list[Any]:
    return await db.read(lambda s: [tuple(row) for row in s.execute(text(query))])


async def arrange(db: Database, *, waiting: int, operators: int = 1) -> Office:
    """Operators with a limit of 0, and so many clients who wait."""
    office = await db.write(open_office, weights=[1] * operators, limit=0)

    def arrive(s: Session) -> None:
        for client in range(1, waiting + 1):
            say(s, client)

    await db.write(arrive)
    return office


async def limit(db: Database, operator_id: int, most: int) -> giving_out.Assigned:
    return await db.write(
        operators.set_limit, operator_id=operator_id, max_leads=most, actor=SYSTEM, now=NOW, rng=random.random
    )


async def test_failed_slice_keeps_no_other_source_waiting(db: Database, slices: QueueSlices) -> None:
    asked: list[frozenset[int]] = []

    def fail_once(s: Session, *, source_ids: frozenset[int], now: datetime, rng: Rng) -> None:
        asked.append(frozenset(source_ids))
        if len(asked) == 1:
            slices._on_commit([MoreToAssign(frozenset([2]))])
            raise RuntimeError("nobody expected this")

    with patch.object(giving_out, "assign_more", fail_once):
        slices._on_commit([MoreToAssign(frozenset([1]))])
        await until_done(slices)
    assert asked == [{1}, {2}]


async def until_done(slices: QueueSlices) -> None:
    async with asyncio.timeout(20):
        await slices.idle.wait()


async def assigned_in_order(db: Database) -> list[int]:
    return [
        row[0] for row in await rows(db, "SELECT contact_id FROM events WHERE kind = 'contact_assigned' ORDER BY id")
    ]


@pytest.mark.fault("F121")
async def test_others_write_between_the_slices_of_a_long_queue(db: Database, slices: QueueSlices) -> None:
    size = 4 * giving_out.AT_ONCE + 7
    office = await arrange(db, waiting=size)
    commits: list[list[str]] = []
    writing: list[asyncio.Task[Any]] = []

    def note(announcements: list[Any]) -> None:
        commits.append([one.fields["kind"] for one in announcements if isinstance(one, Logged)])
        if not writing and any(isinstance(one, MoreToAssign) for one in announcements):
            writing.append(asyncio.create_task(db.write(client_messages.receive, **saying(LATE))))

    db.listeners.append(note)
    assert await limit(db, office.operator_ids[0], 1_000) == giving_out.Assigned(giving_out.AT_ONCE, goes_on=True)
    await until_done(slices)
    given = [kinds.count(events.CONTACT_ASSIGNED) for kinds in commits]
    assert max(given) == giving_out.AT_ONCE
    assert sum(given) == size + 1
    came = next(number for number, kinds in enumerate(commits) if events.CONTACT_CREATED in kinds)
    assert sum(given[:came]) <= 3 * giving_out.AT_ONCE  # before the last slices
    assert (await writing[0]).contact_id == size + 1
    assert await assigned_in_order(db) == list(range(1, size + 2))  # and yet nobody was overtaken
    await db.read(check_all)


@pytest.mark.fault("F121")
async def test_limits_and_order_hold_while_two_operators_take_a_long_queue(
    db: Database, slices: QueueSlices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 4)
    office = await arrange(db, waiting=40, operators=2)
    first, second = office.operator_ids
    newcomers = (db.write(client_messages.receive, **saying(LATE + number)) for number in range(12))
    await asyncio.gather(limit(db, first, 15), limit(db, second, 20), *newcomers)
    await until_done(slices)
    assert await rows(db, "SELECT current_leads FROM operators ORDER BY id") == [(15,), (20,)]
    assert await assigned_in_order(db) == list(range(1, 36))
    await db.read(check_all)


@pytest.mark.fault("F121")
async def test_close_between_slices_gives_its_place_to_the_oldest(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 2)
    office = await arrange(db, waiting=7)
    (anna,) = office.operator_ids
    await limit(db, anna, 5)  # and the process goes on with something else
    actor = telegram(office.account(anna))
    await db.write(lifecycle.close, contact_id=1, version=None, actor=actor, now=NOW, rng=random.random)
    assert await assigned_in_order(db) == [1, 2, 3, 4]


@pytest.mark.fault("F121")
async def test_queue_left_by_a_crash_is_given_out_in_order_by_the_sweep(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process goes on with the slices here, as after one was killed."""
    monkeypatch.setattr(giving_out, "AT_ONCE", 3)
    office = await arrange(db, waiting=8)
    assert (await limit(db, office.operator_ids[0], 20)).goes_on
    await db.write(client_messages.receive, **saying(LATE))
    assert await assigned_in_order(db) == [1, 2, 3]  # whoever is new waits behind the others
    given = [await db.write(giving_out.sweep, now=NOW, rng=random.random) for _ in range(3)]
    assert given == [3, 3, 0]
    assert await assigned_in_order(db) == list(range(1, 10))
    await db.read(check_all)


@pytest.mark.fault("F121")
async def test_new_client_restarts_what_a_crash_has_left(
    db: Database, slices: QueueSlices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 3)
    office = await arrange(db, waiting=8)
    goes_on, db.listeners = db.listeners, []
    await limit(db, office.operator_ids[0], 20)
    db.listeners = goes_on  # the next process
    await db.write(client_messages.receive, **saying(LATE))
    await until_done(slices)
    assert await assigned_in_order(db) == list(range(1, 10))


@pytest.mark.fault("F121")
async def test_slice_that_fails_ends_the_work_and_the_next_event_begins_it_again(
    db: Database, slices: QueueSlices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 3)
    office = await arrange(db, waiting=8)
    with monkeypatch.context() as patch:
        patch.setattr(giving_out, "assign_more", lambda s, **_: 1 / 0)
        await limit(db, office.operator_ids[0], 20)
        await until_done(slices)
    assert len(await assigned_in_order(db)) == 3
    await db.write(client_messages.receive, **saying(LATE))
    await until_done(slices)
    assert len(await assigned_in_order(db)) == 9


async def test_api_contact_takes_a_place_that_waiting_telegram_clients_cannot_have(db: Database) -> None:
    """An operator without a Telegram account is free: the clients who wait in Telegram are not for them."""
    office = await arrange(db, waiting=3)
    robot = await db.write(operators.add, name="Robot", max_leads=5, actor=SYSTEM, now=NOW)
    await db.write(_weigh, office.source_id, robot)
    lead = LeadFacts(external_id="crm:1", full_name="Kira")
    made = await db.write(
        lifecycle.register, source_id=office.source_id, lead=lead, now=NOW, rng=random.random, content=None
    )
    assert made.operator_id == robot


@pytest.mark.fault("F121")
async def test_contacts_of_a_removed_operator_go_on_in_slices_with_no_false_alert(
    db: Database, slices: QueueSlices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 4)
    office = await db.write(open_office, weights=[1, 0], limit=10)
    anna, boris = office.operator_ids
    await asyncio.gather(*(db.write(client_messages.receive, **saying(client)) for client in range(1, 11)))
    await db.write(_weigh, office.source_id, boris)
    alerts = "SELECT cause FROM alerts WHERE cause LIKE 'waits:%'"
    removed = await db.write(departure.remove, operator_id=anna, actor=SYSTEM, now=NOW, rng=random.random)
    assert removed.returned == 10
    assert await rows(db, alerts) == []  # somebody is free for them
    await until_done(slices)
    assert await rows(db, "SELECT current_leads FROM operators ORDER BY id") == [(0,), (10,)]
    assert await rows(db, alerts) == []


@pytest.mark.fault("F121")
async def test_admins_are_alerted_of_what_waits_after_the_last_slice(
    db: Database, slices: QueueSlices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 4)
    office = await arrange(db, waiting=12)
    await db.write(lambda s: s.execute(text("DELETE FROM alerts")) and None)
    await limit(db, office.operator_ids[0], 10)
    await until_done(slices)
    alerts = "SELECT cause FROM alerts WHERE cause LIKE 'waits:%'"
    assert await rows(db, alerts) == [(f"waits:{office.source_id}",)]


def _weigh(s: Session, source_id: int, operator_id: int) -> None:
    s.execute(
        text("INSERT INTO weights (source_id, operator_id, weight) VALUES (:source, :operator, 1)"),
        {"source": source_id, "operator": operator_id},
    )
