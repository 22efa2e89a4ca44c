"""What every process has, with bots or without: database, HTTP server, schedule. It does not import aiogram."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Self

import structlog
from fastapi import FastAPI
from sqlalchemy import make_url
from starlette.routing import BaseRoute

from bot import __version__
from bot.logs import describe_error, report_loop_error
from bot.random_codes import new_key
from bot.runtime import control
from bot.runtime.clock_monitor import ClockMonitor
from bot.runtime.first_key import ensure_api_key
from bot.runtime.jobs import JOBS, PeriodicJob, Scope
from bot.runtime.last_resort import LastResort
from bot.runtime.migrating import prepare
from bot.runtime.nightly_backup import NightlyBackup
from bot.runtime.queue_slices import QueueSlices
from bot.runtime.schedule import Schedule
from bot.settings import Settings
from crm_core import statistics
from crm_core.access import api_keys
from crm_core.api.app import create_app
from crm_core.api.local_calls import LocalCalls
from crm_core.api.server import HttpServer
from crm_core.events import Logged
from crm_core.messaging import alerts
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.storage.config import Pool, through
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import Ownership, ownership
from crm_core.team import accounts

log = structlog.get_logger("app")


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class Installation:
    """A process that serves the HTTP API over a database. `async with Installation(settings):` starts and stops it.

    `bot.app.App` adds the bots.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        rng: Callable[[], float] = random.random,
        jobs: Sequence[PeriodicJob] = JOBS,
    ) -> None:
        """
        Args:
            settings: see `bot.settings`.
            clock, rng: the present moment and rolls in [0, 1); tests bring their own.
            jobs: what is done periodically; tests shorten intervals (`bot.runtime.jobs.with_intervals`).
        """
        self.settings, self.clock, self.rng = settings, clock, rng
        self.counts = ProcessCounters()
        self.last_resort = LastResort()
        # With a webhook, something in front of us passes calls of the Internet on.
        self.local_calls = LocalCalls(is_open=settings.webhook_url is None)
        self.nightly_backup: NightlyBackup | None = None
        self._jobs = jobs
        self._stack = AsyncExitStack()

    db: Database
    owner: Ownership
    api: FastAPI
    http: HttpServer
    schedule: Schedule
    queue_slices: QueueSlices
    first_key_path: str | None = None
    """The file with the first API key, if this start made it."""
    had_key: bool
    """Whether there ever was an API key when this process started."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            self.last_resort.release()
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.last_resort.release()
        await self._stack.aclose()

    async def _start(self) -> None:
        await self._open()
        await self._serve()
        self._start_schedule()

    async def _open(self) -> None:
        """Takes ownership of the database, upgrades its schema and opens it."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(report_loop_error)
        self.owner = ownership(make_url(settings.database_url))
        self._stack.push_async_callback(self.owner.release)
        await asyncio.to_thread(
            prepare,
            settings.database_url,
            settings.backup_dir,
            migrating_url=settings.migration_database_url,
            region=settings.default_region,
        )
        self.db = open_database(settings.database_url)
        self._stack.push_async_callback(self.db.close)
        self.db.listeners.append(_log_events)
        self.queue_slices = QueueSlices(self.db, clock=self.clock, rng=self.rng)
        self._stack.push_async_callback(self.queue_slices.stop)
        if settings.database_url.startswith("sqlite") and settings.backup_keep:
            self.nightly_backup = NightlyBackup(self.db, settings, self.clock)
        self.first_key_path = await ensure_api_key(self.db, settings, now=self.clock())
        for telegram_id in await self.db.write(
            accounts.ensure_admins, telegram_ids=settings.admin_ids, now=self.clock()
        ):
            log.warning("removed_admin_in_settings", telegram_id=telegram_id)
        self.had_key = await self.db.read(api_keys.exist)
        with through(Pool.BACKGROUND):
            await self.db.write(statistics.prepare, zone=settings.timezone)

    async def _serve(self, own_routes: Sequence[BaseRoute] = ()) -> None:
        """Starts the HTTP server, with the API and the routes that a subclass adds. Raises PortTaken."""
        settings = self.settings
        has_control = settings.database_url.startswith("sqlite")
        control_key = control.MARK + new_key() if has_control else None
        self.api = create_app(
            db=self.db,
            clock=self.clock,
            rng=self.rng,
            new_key=new_key,
            timezone=settings.timezone,
            region=settings.default_region,
            bot_ids=settings.bot_ids,
            cors_origins=settings.cors_origins,
            own_routes=own_routes,
            version=__version__,
            control_key=control_key,
            local_calls=self.local_calls,
            trusted_proxies=settings.trusted_proxies,
            counts=self.counts,
        )
        self._stack.push_async_callback(self.api.state.keyring.note_use)
        self.http = HttpServer(self.api, host=settings.http_host, port=settings.http_port)
        self.last_resort.watch(await self.http.start())
        self._stack.push_async_callback(self.http.stop)
        if control_key is not None:
            path = control.publish_control_address(settings.database_url, address=self.http.address, key=control_key)
            self._stack.callback(path.unlink, missing_ok=True)

    def _start_schedule(self) -> None:
        self.schedule = Schedule(self._jobs, self, scopes=self._scopes())
        self.schedule.start()
        self._stack.push_async_callback(self.schedule.stop)
        monitor = ClockMonitor(on_clock_set=self.schedule.restart_intervals, on_stalled=self._report_stall)
        monitoring = asyncio.create_task(monitor.run(), name="clock-monitor")
        self.last_resort.watch(monitoring)
        self._stack.push_async_callback(_end, monitoring)

    def _scopes(self) -> frozenset[Scope]:
        """Which periodic jobs this process runs."""
        own = {Scope.EVERY_PROCESS}
        if self.nightly_backup is not None:
            own.add(Scope.WITH_BACKUPS)
        return frozenset(own)

    async def _report_stall(self, seconds: float) -> None:
        try:
            await self.db.write(alerts.notify_stalled, seconds=round(seconds), now=self.clock())
        except DATABASE_UNAVAILABLE as error:  # the log has it
            log.error("alert_not_noted", error=describe_error(error))


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for its end: it may be in the middle of a statement."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _log_events(announcements: list[Any]) -> None:
    if not logging.getLogger("crm").isEnabledFor(logging.INFO):  # three lines for each contact that nobody would see
        return
    events = structlog.get_logger("crm")
    for one in announcements:
        if isinstance(one, Logged):
            fields = {
                key: value
                for key, value in one.fields.items()
                if value is not None and key not in ("kind", "at", "decision")
            }
            events.info(one.fields["kind"], **fields)
