"""Periodic jobs: one list has them all, and each runs by itself."""

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.runtime.jobs import JOBS, PeriodicJob, Scope, with_intervals
from bot.runtime.schedule import Schedule
from bot.sandbox import Sandbox
from crm_core import statistics
from tests.support.people import RunningApp

ROOT = Path(__file__).parents[2]

# Files with loops that wait between their turns, and why those are no periodic jobs of a process.
TIMERS = ("add_job", "call_later", "AsyncIOScheduler")
PAUSES = ("sleep", "wait_for")
OTHER_LOOPS = {
    "bot/commands/run.py": "waits for a bot that can carry a link",
    "bot/delivery/circuit.py": "asks Telegram while it does not answer",
    "bot/delivery/menus.py": "sets a menu again when Telegram may be asked again",
    "bot/delivery/rate_limit.py": "waits for a turn",
    "bot/delivery/recorder.py": "retries while the database is unavailable",
    "bot/delivery/sender.py": "sends what is due",
    "bot/receiving/polling.py": "receives",
    "bot/receiving/webhook_setting.py": "sets and watches a webhook, and asks again whether one was left set",
    "bot/runtime/bot_session.py": "starts sessions of one bot",
    "bot/runtime/clock_monitor.py": "measures whether the scheduler itself can be relied on",
    "bot/runtime/jobs.py": "one run of a job, in steps",
    "bot/telegram/reach.py": "asks Telegram until it answers",
    "crm_core/api/server.py": "renews the date header of uvicorn",
    "crm_core/exports/in_subprocess.py": "reads the progress of a subprocess",
    "crm_core/storage/sqlite.py": "retries while the file is locked",
}


class Counting:
    """Counts the runs of a job."""

    def __init__(self) -> None:
        self.runs = 0
        self._more = asyncio.Event()

    async def __call__(self, process: Any) -> None:
        self.runs += 1
        self._more.set()

    async def wait_for(self, runs: int) -> None:
        async with asyncio.timeout(10):
            while self.runs < runs:
                self._more.clear()
                await self._more.wait()


def job(name: str, run: Callable[[Any], Awaitable[object]], scope: Scope = Scope.EVERY_PROCESS) -> PeriodicJob:
    return PeriodicJob(name, 0.01, scope, run)


async def fails(process: Any) -> None:
    raise RuntimeError("cannot be done")


async def never_ends(process: Any) -> None:
    await asyncio.Event().wait()


async def test_failing_or_stuck_job_does_not_stop_the_others() -> None:
    counted = Counting()
    schedule = Schedule(
        [job("fails", fails), job("stuck", never_ends), job("counts", counted)],
        process=None,  # type: ignore[arg-type]
        scopes=frozenset({Scope.EVERY_PROCESS}),
    )
    schedule.start()
    try:
        await counted.wait_for(3)
    finally:
        await schedule.stop()


async def test_failed_job_runs_again_at_its_next_time() -> None:
    counted = Counting()

    async def fails_first(process: Any) -> None:
        await counted(process)
        if counted.runs == 1:
            raise RuntimeError("the database is away")

    schedule = Schedule([job("fails_first", fails_first)], None, scopes=frozenset(Scope))  # type: ignore[arg-type]
    schedule.start()
    try:
        await counted.wait_for(2)
    finally:
        await schedule.stop()


def test_jobs_have_unique_names_and_intervals() -> None:
    assert len({one.name for one in JOBS}) == len(JOBS)
    assert all(one.every >= 1 for one in JOBS)
    assert [one.every for one in with_intervals(JOBS, sweep=0.5) if one.name == "sweep"] == [0.5]


@pytest.mark.parametrize("keep", [7, 0])
async def test_process_runs_the_jobs_of_its_scopes(sandbox: Sandbox, database_url: str, keep: int) -> None:
    async with await RunningApp.open(sandbox, database_url, settings={"backup_keep": keep}) as crm:
        has_backups = database_url.startswith("sqlite") and keep > 0
        left_out = set() if has_backups else {Scope.WITH_BACKUPS}
        assert set(crm.app.schedule.jobs) == {one.name for one in JOBS if one.scope not in left_out}


@pytest.mark.slow
async def test_every_job_works_on_a_running_app(crm: RunningApp) -> None:
    for one in crm.app.schedule.jobs.values():
        await one.run(crm.app)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Error lines of whichever logger, and lines with a traceback."""
    return [one.getMessage() for one in caplog.records if one.levelname in ("ERROR", "CRITICAL") or one.exc_info]


class Long:
    """A job that works until it is cancelled, and then still has something to do."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), False

    async def __call__(self, process: Any) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # such as the end of a transaction
            self.ended = True


@pytest.mark.fault("F123")
async def test_stop_ends_a_running_job_without_an_error(caplog: pytest.LogCaptureFixture) -> None:
    long = Long()
    schedule = Schedule([job("long", long)], None, scopes=frozenset(Scope))  # type: ignore[arg-type]
    schedule.start()
    await long.begun.wait()
    await schedule.stop()
    assert long.ended
    assert errors(caplog) == []


@pytest.mark.fault("F123")
async def test_stop_before_the_first_step_of_a_job_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """APScheduler looks for what is due, and is told to stop, in the same turn of the loop."""
    counted = Counting()
    due = PeriodicJob("due", 1e-6, Scope.EVERY_PROCESS, counted)
    schedule = Schedule([due], None, scopes=frozenset(Scope))  # type: ignore[arg-type]
    schedule.start()
    await schedule.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    assert counted.runs == 0
    assert errors(caplog) == []


@pytest.mark.fault("F123")
async def test_app_stopped_during_its_jobs_ends_them_without_an_error(
    sandbox: Sandbox, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    long, writing = Long(), Counting()

    async def writes(process: Any) -> None:
        """Is in the middle of a transaction, or waits for its turn, whenever it is stopped."""
        while True:
            await process.db.write(statistics.fold)
            await writing(process)

    jobs = (*with_intervals(JOBS, tally=0.001), job("long", long), job("writes", writes))
    async with await RunningApp.open(sandbox, database_url, jobs=jobs) as crm:
        await long.begun.wait()
        await writing.wait_for(3)
        with capture_logs() as lines:
            await crm.app.schedule.stop()
            assert long.ended
    assert [one for one in lines if one["log_level"] in ("error", "critical")] == []
    assert errors(caplog) == []


@pytest.mark.fault("F123")
async def test_job_whose_awaited_task_was_cancelled_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    counted = Counting()

    async def awaits_what_is_cancelled(process: Any) -> None:
        await counted(process)
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    schedule = Schedule([job("awaits", awaits_what_is_cancelled)], None, scopes=frozenset(Scope))  # type: ignore[arg-type]
    schedule.start()
    with capture_logs() as lines:
        await counted.wait_for(2)
        await schedule.stop()
    assert {one["event"] for one in lines} == {"job_failed"}
    assert errors(caplog) == []


def test_interval_of_an_unknown_job_is_refused() -> None:
    with pytest.raises(ValueError, match="no such jobs: sweeep"):
        with_intervals(JOBS, sweeep=1)


def sources(*names: str) -> Iterator[tuple[str, ast.Module]]:
    """The parsed modules that mention one of the names."""
    for package in ("bot", "crm_core"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = "" if {"sandbox", "demo"} & {*path.parts} else path.read_text(encoding="utf-8")
            if any(name in text for name in names):
                yield path.relative_to(ROOT).as_posix(), ast.parse(text)


def calls(node: ast.AST, *names: str) -> bool:
    found = (ast.unparse(one.func).rsplit(".", 1)[-1] for one in ast.walk(node) if isinstance(one, ast.Call))
    return not set(names).isdisjoint(found)


def has_loop_with_a_pause(tree: ast.AST) -> bool:
    return any(isinstance(one, ast.While) and calls(one, *PAUSES) for one in ast.walk(tree))


def test_nothing_but_the_schedule_starts_periodic_jobs() -> None:
    timers = {path for path, tree in sources(*TIMERS) if calls(tree, *TIMERS)}
    assert timers == {
        "bot/runtime/schedule.py",
        "crm_core/api/bounded_protocol.py",  # ends a connection whose head does not arrive
        "crm_core/storage/deadlines.py",  # ends a connection that does not answer
    }


def test_every_other_loop_with_a_pause_is_known() -> None:
    """A new one is either a job of the schedule or gets its reason in the list."""
    assert {path for path, tree in sources(*PAUSES) if has_loop_with_a_pause(tree)} == set(OTHER_LOOPS)
