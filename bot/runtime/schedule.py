"""When periodic jobs run, and what becomes of one that fails or is still running at the end."""

import asyncio
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import structlog
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.logs import describe_error
from bot.runtime.jobs import PeriodicJob, Process, Scope
from crm_core.storage.config import Pool, through

log = structlog.get_logger("app")

SCHEDULER_PAUSE = 1.0  # seconds until the scheduler looks for due jobs again after it failed


class _Scheduler(AsyncIOScheduler):  # type: ignore[misc]
    """Goes on after an error of its own: APScheduler's would never wake again, and no job would run any more."""

    def _process_jobs(self) -> float | None:
        try:
            wait: float | None = super()._process_jobs()
        except Exception as error:
            log.error("scheduler_failed", error=describe_error(error))
            return SCHEDULER_PAUSE
        return wait


class _Executor(AsyncIOExecutor):  # type: ignore[misc]
    """Leaves runs to `Schedule.stop`.

    APScheduler would cancel them at its shutdown, and logs one that was cancelled before its first step as an error.
    """

    def shutdown(self, wait: bool = True) -> None:
        """Cancels nothing."""

    async def finish(self) -> None:
        """Waits for the runs that were started, those that have not made their first step included."""
        while self._pending_futures:
            await asyncio.wait(self._pending_futures)


class Schedule:
    """Runs the jobs of one process, each by itself: one that fails or takes long delays no other."""

    def __init__(self, jobs: Sequence[PeriodicJob], process: Process, *, scopes: frozenset[Scope]) -> None:
        """
        Args:
            jobs: the list, usually `JOBS`.
            process: what they work on.
            scopes: those that apply to this process; jobs of others are left out.
        """
        self.jobs = {job.name: job for job in jobs if job.scope in scopes}
        self._process, self._stopping = process, asyncio.Event()
        self._running: set[asyncio.Task[Any]] = set()
        self._executor = _Executor()
        self._scheduler = _Scheduler(
            timezone=UTC,
            executors={"default": self._executor},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Begins to run them, each after its interval for the first time."""
        for job in self.jobs.values():
            self._scheduler.add_job(
                self.run, "interval", seconds=job.every, args=[job.name], id=job.name, name=job.name
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """Starts no further runs, cancels what is under way, and returns when all of it has ended."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # it does so one turn of the loop later; runs that it still starts return at once
        for task in self._running:
            task.cancel()
        await self._executor.finish()

    def restart_intervals(self) -> None:
        """Counts every interval from now on. To be called when the clock of the machine was set.

        APScheduler keeps moments, not intervals: with the clock an hour back it would run nothing for an hour.
        """
        for job in self.jobs.values():
            self._scheduler.reschedule_job(job.name, trigger="interval", seconds=job.every)

    async def run(self, name: str) -> None:
        """Runs a job once. A failure is logged, and the job is tried again at its next time."""
        if self._stopping.is_set():
            return
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            job = self.jobs[name]
            # Jobs of bots may begin sessions, whose work is not in the background.
            with through(Pool.BOT if job.scope is Scope.WITH_BOTS else Pool.BACKGROUND):
                await job.run(self._process)
        except (Exception, asyncio.CancelledError) as error:
            # Raised on, a cancellation would end here as well: APScheduler logs it and goes on.
            if not (self._stopping.is_set() and isinstance(error, asyncio.CancelledError)):
                log.error("job_failed", job=name, error=describe_error(error))
        finally:
            self._running.discard(task)
