"""When an offer ends: in working time, over nights in which clocks change, and after a restart."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.hours.reading import read_hours
from crm_core.routing import offer_settings
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from crm_core.storage.tables import Contact
from crm_core.team import missed_offers, operators, shifts
from tests.domain.arranging import open_office

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)


def at_ten(evening: date) -> datetime:
    """22:00 of that day in Berlin, in UTC."""
    return datetime.combine(evening, time(22), BERLIN).astimezone(UTC)


def arrange(s: Session, *, now: datetime) -> tuple[int, int, int]:
    """Anna works from 22:00 to 6:00 and is offered a contact; Boris is full. Returns their ids, and the contact's."""
    office = open_office(s, weights=[9, 1], limit=1)
    anna, boris = office.operator_ids
    who: dict[str, Any] = {"actor": SYSTEM, "now": now, "rng": random.random}
    hours = read_hours("daily 22-6", zone="Europe/Berlin", today=now.date())
    shifts.set_hours(s, operator_id=anna, hours=hours, **who)
    operators.set_limit(s, operator_id=boris, max_leads=0, **who)
    values = {"offer_seconds": 30}
    offer_settings.set_offers(s, source_id=office.source_id, values=values, actor=SYSTEM, now=now)
    made = lifecycle.register(s, source_id=office.source_id, lead=LeadFacts("crm-1"), now=now, rng=random.random)
    return anna, boris, made.id


async def tick(db: Database, now: datetime) -> None:
    """What the periodic jobs of a process do in one second."""
    if turned := await db.read(shifts.due, now=now):
        await db.write(shifts.turn, operator_ids=turned, now=now, rng=random.random)
    for contact_id in await db.read(missed_offers.due, now=now):
        await db.write(missed_offers.end, contact_id=contact_id, now=now, rng=random.random)


def holder(s: Session, contact_id: int) -> int | None:
    return s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()


@pytest.mark.fault("F193")
@pytest.mark.parametrize(
    ("evening", "hours"),
    [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 11, 25), 8)],
    ids=["clocks go forward", "clocks go back", "usual night"],
)
async def test_offer_ends_in_its_second_over_a_night_and_a_restart(
    database_url: str, evening: date, hours: int
) -> None:
    """Ten seconds before the end of the night shift, and twenty more at the beginning of the next one."""
    ends = at_ten(evening) + timedelta(hours=hours)
    last = at_ten(evening + timedelta(days=1)) + 20 * SECOND
    assert ends.astimezone(BERLIN).hour == 6
    db = open_database(database_url)
    try:
        anna, boris, contact_id = await db.write(arrange, now=ends - 10 * SECOND)
        assert await db.read(holder, contact_id) == anna
        await tick(db, ends - SECOND)
        await db.close()  # nobody is there to see the shift end
        db = open_database(database_url)
        for moment in (last - 20 * SECOND, last - SECOND):
            await tick(db, moment)
        who: dict[str, Any] = {"actor": SYSTEM, "rng": random.random}
        await db.write(operators.set_limit, operator_id=boris, max_leads=1, now=last - SECOND, **who)
        await tick(db, last - SECOND / 1_000)
        assert await db.read(holder, contact_id) == anna
        await tick(db, last)
        assert await db.read(holder, contact_id) == boris
    finally:
        await db.close()
