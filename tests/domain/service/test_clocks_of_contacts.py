"""The clocks of contacts as they are read from events and messages, against the reference model."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, reopening
from crm_core.conversation import client_messages, sending_to_client
from crm_core.errors import CrmError
from crm_core.hours.calendar import Calendar
from crm_core.routing import opening_hours, source_settings
from crm_core.service import histories, terms
from crm_core.service.clocks import read
from crm_core.storage.database import Database
from tests.domain.arranging import Office, open_office, saying
from tests.domain.team.test_shifts import at, hours
from tests.model import clocks as model
from tests.model.hours import Shifts
from tests.support.random_hours import as_model

CLIENT = 7
HOURS: tuple[str | None, ...] = (None, "mon-fri 9-18 break 13-14", "daily 22-6", "24/7", "mon-sat 8-12, Europe/Berlin")


def arrange(s: Session) -> Office:
    office = open_office(s, weights=[1], limit=9)
    source_settings.set_late_hours(s, source_id=office.source_id, late_hours=700, actor=SYSTEM, now=at(8))
    return office


def set_source_hours(s: Session, office: Office, calendar: Calendar | None, now: datetime) -> None:
    opening_hours.set_hours(s, source_id=office.source_id, hours=calendar, actor=SYSTEM, now=now, rng=random.random)


def act(s: Session, office: Office, kind: str, number: int, now: datetime) -> None:
    """Something that a client or their operator does; what is not possible then is left out."""
    contact_id, who = 1, telegram(office.account(office.operator_ids[0]))
    match kind:
        case "wrote":
            client_messages.receive(s, **saying(CLIENT, number, now=now))
        case "replied":
            sending_to_client.reply_via_api(s, contact_id=contact_id, text="An answer", actor=who, now=now)
        case "taken":
            lifecycle.take(s, contact_id=contact_id, version=None, actor=who, now=now)
        case "closed":
            lifecycle.close(s, contact_id=contact_id, version=None, actor=who, now=now, rng=random.random)
        case "reopened":
            reopening.reopen(s, contact_id=contact_id, version=None, actor=who, now=now)


def for_the_model(done: Sequence[tuple[datetime, str]]) -> list[model.Happened]:
    """The same for the model: words after closing count once the contact is opened again, and a take is no reply."""
    found = [model.Happened(int(done[0][0].timestamp()), "opened")]
    is_closed = wrote_late = False
    for moment, kind in done[1:]:
        second = int(moment.timestamp())
        if kind == "taken":
            continue
        if kind == "wrote" and is_closed:
            wrote_late = True
            continue
        is_closed = kind == "closed" or (is_closed and kind != "reopened")
        found.append(model.Happened(second, kind))
        if kind == "reopened" and wrote_late:
            wrote_late = False
            found.append(model.Happened(second, "wrote"))
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.fault("F190")
async def test_clocks_of_a_contact_are_those_of_the_model(db: Database, seed: int) -> None:
    rng, shifts, now = Random(seed), Shifts(), at(9)
    office = await db.write(arrange)
    done: list[tuple[datetime, str]] = []
    for number in range(1, 25):
        if rng.random() < 0.15:
            typed = rng.choice(HOURS)
            calendar = None if typed is None else hours(typed)
            await db.write(set_source_hours, office, calendar, now)
            shifts.change(int(now.timestamp()), None if calendar is None else as_model(calendar))
        kind = "wrote" if not done else rng.choice(("wrote", "wrote", "replied", "taken", "closed", "reopened"))
        try:
            await db.write(act, office, kind, number, now)
        except CrmError:
            continue
        if kind == "wrote" and done and (await db.read(_newest)) != 1:
            break  # what was written late has opened another contact
        done.append((now, kind))
        now += timedelta(seconds=rng.choice((1, 40, 600, 5_000, 40_000, 200_000)))
    expected = model.read(for_the_model(done), shifts, int(now.timestamp()))
    held = (await db.read(terms.of_sources, [office.source_id]))[office.source_id]
    [history] = await db.read(lambda s: list(histories.of_contacts(s, [1])))
    assert [
        (one.measure.value, one.since, held.on(one, now), one.runs_since is not None, one.ended_at is not None)
        for one in read(history.happened)
    ] == [
        (
            one.name,
            at(0) + timedelta(seconds=one.since - int(at(0).timestamp())),
            timedelta(seconds=one.seconds),
            one.runs,
            one.is_over,
        )
        for one in expected
    ]


def _newest(s: Session) -> int:
    return int(s.execute(text("SELECT max(contact_id) FROM messages")).scalar_one())
