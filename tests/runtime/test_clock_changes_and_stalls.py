"""When time goes wrong: clocks that are set while it runs, and a process that stands still."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval
import pytest

from bot.app import App
from bot.runtime import clock_monitor
from bot.runtime.jobs import JOBS, with_intervals
from bot.runtime.supervisor import BotSupervisor
from bot.sandbox import Sandbox
from tests.processes.restarts import HURRIED
from tests.stories.arranging import count, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


class WallClock:
    """The clock of the machine, as far as the scheduler and the clock monitor see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved = timedelta()
        wall = self

        class Shown(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.now(tz) + wall.moved

        for module in (apscheduler.schedulers.base, apscheduler.triggers.interval, apscheduler.executors.base):
            monkeypatch.setattr(module, "datetime", Shown)
        monkeypatch.setattr(clock_monitor, "wall_clock", lambda: time.time() + self.moved.total_seconds())


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    monkeypatch.setattr(clock_monitor, "CHECK_EVERY", 0.05)
    return WallClock(monkeypatch)


class Looks:
    """Waits for the periodic look into the outbox."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen = asyncio.Event()
        look: Callable[[BotSupervisor], Any] = BotSupervisor.look_again

        async def look_again(supervisor: BotSupervisor) -> None:
            await look(supervisor)
            self._seen.set()

        monkeypatch.setattr(BotSupervisor, "look_again", look_again)

    async def more(self, number: int) -> None:
        for _ in range(number):
            self._seen.clear()
            await asyncio.wait_for(self._seen.wait(), 5)


@pytest.mark.fault("F69")
@pytest.mark.parametrize("hours", [-1, 24], ids=["back an hour", "forward a day"])
async def test_periodic_work_continues_when_the_clock_is_set(
    sandbox: Sandbox,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    wall: WallClock,
    clock: MovableClock,
    hours: int,
) -> None:
    looks = Looks(monkeypatch)
    jobs = with_intervals(JOBS, look_again=0.5)
    async with await RunningApp.open(sandbox, database_url, clock=clock, jobs=jobs) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await looks.more(1)
        wall.moved += timedelta(hours=hours)
        clock.forward(hours=hours)
        await looks.more(1)
        await ivan.says("Which day is it?", to=crm.shop)
        card = await anna.sees("Which day is it?", bot=crm.shop)
        await anna.presses(card, "Take")
        await ivan.sees("Anna is now taking care")
        await crm.settled()
        assert await count(crm, "events", "kind = 'contact_assigned'") == 1
        assert len([seen for seen in ivan.chat() if "Anna is now taking care" in seen.text]) == 1


@pytest.mark.fault("F69")
async def test_clock_set_back_does_not_delay_retries(crm: RunningApp, clock: MovableClock) -> None:
    """It was to be tried again in a second; an hour back, and that second would last an hour."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="error", code=409, text="Conflict: try later", method="sendMessage", chat=anna, times=3)
    await ivan.says("My question", to=crm.shop)
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'card' AND not_before IS NOT NULL", 1)
    clock.forward(hours=-1)
    await crm.app.supervisor.look_again()
    clock.forward(minutes=10, seconds=1)
    await crm.app.supervisor.look_again()
    crm.sandbox.clear_fault()
    clock.forward(minutes=10, seconds=1)
    await crm.app.supervisor.look_again()
    await anna.sees("My question", bot=crm.shop)


@pytest.mark.fault("F70")
async def test_stalled_process_keeps_ownership_and_alerts_admins(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_monitor, "CHECK_EVERY", 0.05)
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        session, sender = crm.session, crm.sender
        fencing_token = sender.fencing_token
        second = None
        if not database_url.startswith("sqlite"):  # there a second process is refused at its start
            second = App(crm.settings, limited=False, retry_delays=HURRIED)
            await second.__aenter__()
            await second.supervisor.settled()
        try:
            await ivan.says("My question", to=crm.shop)
            monkeypatch.setattr(clock_monitor, "STALLED", 0.5)  # not before: a machine of many stories stands still too
            time.sleep(1)  # noqa: ASYNC251 - the very thing: nothing runs meanwhile
            await anna.sees("My question", bot=crm.shop)
            told = await crm.olga.sees("did not run for", bot=crm.shop)
            assert re.search(r"for [1-9]\d* second", told.text)
            assert "Nothing is lost" in told.text
            await crm.app.supervisor.check_ownership()
            assert session.state == "running"
            assert session.sender is not None
            assert session.sender.fencing_token == fencing_token  # nobody took over: a lock has no clock
            if second is not None:
                assert second.supervisor.sessions[0].state == "standby"
        finally:
            if second is not None:
                await second.__aexit__()


async def test_clock_monitor_goes_on_after_any_error(wall: WallClock) -> None:
    calls = asyncio.Queue[None]()

    def fail() -> None:
        calls.put_nowait(None)
        raise LookupError("a job that is gone")

    async def ignore(seconds: float) -> None:
        raise AssertionError(seconds)

    monitor = asyncio.create_task(clock_monitor.ClockMonitor(on_clock_set=fail, on_stalled=ignore).run())
    try:
        for _ in range(2):
            await asyncio.sleep(0)  # it has looked at the clock
            wall.moved += timedelta(hours=1)
            await asyncio.wait_for(calls.get(), 5)
        assert not monitor.done()
    finally:
        monitor.cancel()
        await asyncio.gather(monitor, return_exceptions=True)
