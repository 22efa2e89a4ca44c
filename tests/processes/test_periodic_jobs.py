"""F60: periodic jobs, run by several processes at once: whatever they find to do is done once."""

import asyncio

from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.app import App
from bot.sandbox import Sandbox
from crm_core import statistics
from crm_core.storage.database import Database
from tests.domain.invariants import check_loads, check_one_open_contact_each, check_states
from tests.processes.restarts import HURRIED
from tests.support.people import RunningApp

WAITING = 8


async def test_concurrent_runs_of_periodic_jobs_take_effect_once(sandbox: Sandbox, database_url: str) -> None:
    """F60: the sweeper finds what nobody was told of, sums are folded, old rows deleted, by whoever comes first.

    On a file there is one process; there the same job comes twice.
    """
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna", limit=WAITING)
        await anna.says("/offline", to=crm.shop)
        for number in range(WAITING):
            await crm.client(f"Client {number}").says(f"Hello {number}", to=crm.shop)
        await crm.settled()
        # As a lost wake-up would leave it: the operator is there, and contacts wait.
        await crm.db.write(lambda s: s.execute(text("UPDATE operators SET is_online = true")))
        other = crm.app
        if not database_url.startswith("sqlite"):
            other = App(crm.settings, limited=False, retry_delays=HURRIED)
            await other.__aenter__()
            await other.supervisor.settled()
            assert other.supervisor.sessions[0].state == "standby"
        try:
            for job in ("sweep", "tally", "purge"):
                await asyncio.gather(*(app.schedule.run(job) for app in (crm.app, other) * 4))
            await asyncio.gather(*(app.db.write(statistics.fold) for app in (crm.app, other) * 4))
            for number in range(WAITING):
                await anna.sees(f"Hello {number}", bot=crm.shop)
            await crm.settled()
        finally:
            if other is not crm.app:
                await other.__aexit__(None, None, None)
        cards = [seen.text for seen in anna.chat(crm.shop) if "Hello" in seen.text]
        assert len(cards) == WAITING
        await _look(crm.db)


async def _look(db: Database) -> None:
    def look(s: Session) -> None:
        check_loads(s)
        check_one_open_contact_each(s)
        check_states(s)
        assigned = s.execute(text("SELECT count(*) FROM events WHERE kind = 'contact_assigned'")).scalar_one()
        assert assigned == WAITING
        assert statistics.differences(s) == []

    await db.read(look)
