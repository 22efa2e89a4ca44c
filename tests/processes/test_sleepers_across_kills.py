"""Five hundred snoozed contacts, and a process that is killed while they wake: each of them wakes once."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from sqlalchemy.orm import Session

from bot.sandbox import Sandbox
from crm_core.access.actors import telegram
from crm_core.contacts import lifecycle, snoozing
from crm_core.contacts.leads import LeadFacts
from tests.processes.installation import Eyes, Installation
from tests.support.people import TOKEN, RunningApp
from tests.support.waiting import until_polled

SLEEPERS, KILLED_AFTER = 500, (100, 200, 300)  # lines that say that one is back


def register(s: Session, number: int) -> tuple[int, int]:
    """A contact of a site, and its operator."""
    lead = LeadFacts(external_id=f"client-{number}")
    made = lifecycle.register(s, source_id=1, lead=lead, now=datetime.now(UTC), rng=random.random)
    assert made.operator_id is not None
    return made.id, made.operator_id


def put_to_sleep(s: Session, made: list[tuple[int, int]], *, accounts: list[int]) -> None:
    """Their operators snooze them; forty wake in each second."""
    now = datetime.now(UTC)
    for number, (contact_id, operator_id) in enumerate(made):
        until = now + timedelta(seconds=10, milliseconds=25 * number)
        who = telegram(accounts[operator_id - 1])
        snoozing.snooze(s, contact_id=contact_id, version=None, until=until, actor=who, now=now, rng=random.random)


@pytest.mark.fault("F195", "F196")
@pytest.mark.timeout(300)
async def test_five_hundred_sleepers_wake_once_across_kills_and_a_clock_set_back(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        people = [await crm.operator(f"Operator {number}", limit=200) for number in range(3)]
        made = [await crm.db.write(register, number) for number in range(SLEEPERS)]
        await crm.db.write(put_to_sleep, made, accounts=[one.id for one in people])
    eyes = Eyes(sandbox, [one.id for one in people])
    engine = create_engine(make_url(database_url).set(drivername=_driver(database_url)), poolclass=NullPool)

    def back() -> int:
        return sum(" is back." in one.message.get("text", "") for one in eyes.seen)

    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for number in KILLED_AFTER:
            await installation.start()
            await eyes.until(partial(_reached, back, number), within=60)
            await installation.kill()
            with engine.begin() as connection:  # what is still to come is as far away as after a clock was set back
                connection.execute(text("UPDATE contacts SET wakes_at = wakes_at + 2000 WHERE wakes_at IS NOT NULL"))
        await installation.start()
        await until_polled(partial(_nobody_sleeps, engine), within=120)  # a line may be lost with its process, no wake
        assert await installation.stop() == 0
    with engine.connect() as connection:
        query = "SELECT contact_id, count(*) FROM events WHERE kind = 'contact_woke' GROUP BY contact_id"
        woke = [tuple(row) for row in connection.execute(text(query))]
        left = connection.execute(text("SELECT count(*) FROM contacts WHERE wakes_at IS NOT NULL")).scalar_one()
        query = "SELECT sum(current_leads), sum(snoozed) FROM operators"
        loads = tuple(connection.execute(text(query)).one())
    assert sorted(woke) == [(one, 1) for one in range(1, SLEEPERS + 1)]
    assert (left, loads) == (0, (SLEEPERS, 0))


async def _nobody_sleeps(engine: Engine) -> bool:
    with engine.connect() as connection:
        return not connection.execute(text("SELECT count(*) FROM contacts WHERE wakes_at IS NOT NULL")).scalar_one()


def _reached(count: Callable[[], int], number: int) -> bool:
    return count() >= number


def _driver(database_url: str) -> str:
    return "sqlite" if database_url.startswith("sqlite") else "postgresql+psycopg"
