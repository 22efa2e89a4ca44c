"""When the first and the current operator got a contact: after hand-overs, after returns, and after the migration."""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.conversation import client_messages
from crm_core.storage.database import Database
from crm_core.storage.migrations.versions import v0008_current_assignment
from crm_core.team import departure, operators
from tests.domain.arranging import BOT, NOW, Office, open_office, saying
from tests.domain.invariants import check_states


def after(hours: int) -> int:
    """The stored form of a moment."""
    return round((NOW + timedelta(hours=hours)).timestamp() * 1000)


def moments(s: Session, contact_id: int) -> tuple[Any, ...]:
    """First assignment, current assignment, since when it waits."""
    check_states(s)
    query = f"SELECT assigned_at, current_assigned_at, queued_at FROM contacts WHERE id = {contact_id}"  # noqa: S608
    return tuple(s.execute(text(query)).one())


def give(s: Session, office: Office, contact_id: int, place: int, *, hours: int) -> None:
    transfer.assign_by_hand(
        s,
        contact_id=contact_id,
        operator_id=office.operator_ids[place],
        actor=SYSTEM,
        now=NOW + timedelta(hours=hours),
        rng=random.random,
        confirmed=True,
    )


def lose(s: Session, office: Office, place: int, *, hours: int) -> None:
    """An operator blocks the bot."""
    account = office.account(office.operator_ids[place])
    departure.mark_unreachable(s, telegram_id=account, bot_id=BOT, now=NOW + timedelta(hours=hours), rng=random.random)


async def test_current_assignment_follows_the_contact(db: Database) -> None:
    def story(s: Session) -> list[tuple[Any, ...]]:
        office = open_office(s, weights=[1, 1], limit=1)
        contact_id = client_messages.receive(s, **saying(1, rng=lambda: 0.0)).contact_id
        found = [moments(s, contact_id)]
        give(s, office, contact_id, 1, hours=1)
        found.append(moments(s, contact_id))
        lose(s, office, 1, hours=2)  # the first operator is free
        found.append(moments(s, contact_id))
        lose(s, office, 0, hours=3)
        found.append(moments(s, contact_id))
        return found

    assert await db.write(story) == [
        (after(0), after(0), None),
        (after(0), after(1), None),
        (after(0), after(2), None),
        (after(0), None, after(3)),
    ]


async def test_contact_gets_both_moments_when_assigned_and_keeps_them_when_closed(db: Database) -> None:
    def story(s: Session) -> list[tuple[Any, ...]]:
        office = open_office(s, weights=[1], limit=0)
        contact_id = client_messages.receive(s, **saying(1)).contact_id
        found = [moments(s, contact_id)]
        (operator_id,) = office.operator_ids
        operators.set_limit(
            s, operator_id=operator_id, max_leads=1, actor=SYSTEM, now=NOW + timedelta(hours=1), rng=random.random
        )
        found.append(moments(s, contact_id))
        actor = telegram(office.account(operator_id))
        closed = NOW + timedelta(hours=2)
        lifecycle.close(s, contact_id=contact_id, version=None, actor=actor, now=closed, rng=random.random)
        found.append(moments(s, contact_id))
        return found

    assert await db.write(story) == [
        (None, None, after(0)),
        (after(1), after(1), None),
        (after(1), after(1), None),
    ]


async def test_migration_finds_the_current_assignment_in_the_events(db: Database) -> None:
    def story(s: Session) -> tuple[list[Any], list[Any]]:
        office = open_office(s, weights=[1, 1], limit=2)
        for client in (1, 2, 3):  # two of them fill the first operator
            client_messages.receive(s, **saying(client, rng=lambda: 0.0))
        give(s, office, 1, 1, hours=1)
        lose(s, office, 0, hours=2)  # the second operator is full
        stored = _all(s)
        s.execute(text("UPDATE contacts SET current_assigned_at = NULL"))
        s.execute(text(v0008_current_assignment._BACKFILL))
        return stored, _all(s)

    stored, found = await db.write(story)
    assert found == stored == [(1, after(1)), (2, None), (3, after(0))]


async def test_migration_takes_the_first_assignment_where_events_are_missing(db: Database) -> None:
    def story(s: Session) -> tuple[Any, ...]:
        open_office(s, weights=[1], limit=1)
        contact_id = client_messages.receive(s, **saying(1)).contact_id
        s.execute(text("DELETE FROM events"))
        s.execute(text("UPDATE contacts SET current_assigned_at = NULL"))
        s.execute(text(v0008_current_assignment._BACKFILL))
        return moments(s, contact_id)

    assert await db.write(story) == (after(0), after(0), None)


def _all(s: Session) -> list[Any]:
    return [tuple(row) for row in s.execute(text("SELECT id, current_assigned_at FROM contacts ORDER BY id"))]
