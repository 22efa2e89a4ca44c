"""What every running process has, with bots or without: the database, the HTTP server, the clock. No aiogram here."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Self

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import FastAPI
from sqlalchemy import make_url
from starlette.routing import BaseRoute

from bot import __version__
from bot.logs import describe_error, report_loop_error
from bot.runtime import control
from bot.runtime.clock_monitor import ClockMonitor
from bot.runtime.first_key import ensure_api_key
from bot.runtime.migrating import prepare
from bot.runtime.nightly_backup import NightlyBackup
from bot.runtime.random_codes import new_key
from bot.settings import Settings
from crm_core import statistics
from crm_core.api import idempotency
from crm_core.api.app import create_app
from crm_core.api.server import HttpServer
from crm_core.conversation import operator_messages
from crm_core.events import Logged
from crm_core.messaging import alerts, inbox, outbox
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.routing import queue
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database, open_database
from crm_core.storage.ownership import Ownership, ownership
from crm_core.team import accounts

log = structlog.get_logger("app")

# seconds
SWEEP_EVERY, LOOK_EVERY, OWNERSHIP_EVERY, PURGE_EVERY, TALLY_EVERY, NOTE_KEYS_EVERY = 30, 2, 5, 3600, 1, 60
BACK_UP_EVERY = 60  # how often is looked whether a night's backup is missing
TALLY_FROM = 500  # events: reading so many besides costs two milliseconds, and a quiet installation writes seldom

Job = tuple[Callable[[], Awaitable[None]], int]
"""What is to be looked at, every so many seconds."""


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
    ) -> None:
        """
        Args:
            settings: see `bot.settings`.
            clock, rng: the present moment and rolls in [0, 1); tests bring their own.
        """
        self.settings, self.clock, self.rng = settings, clock, rng
        self.counts = ProcessCounters()
        self._stack = AsyncExitStack()

    db: Database
    owner: Ownership
    api: FastAPI
    http: HttpServer
    first_key_path: str | None = None
    """Where the first API key was written, if it was made by this start."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        await self._open()
        await self._serve()
        self._start_clock(self._jobs())

    async def _open(self) -> None:
        """Takes the database and brings it up to date."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(report_loop_error)
        self.owner = ownership(make_url(settings.database_url))
        self._stack.push_async_callback(self.owner.release)
        await asyncio.to_thread(prepare, settings.database_url, settings.backup_dir)
        self.db = open_database(settings.database_url)
        self._stack.push_async_callback(self.db.close)
        self.db.listeners.append(_log_events)
        self.first_key_path = await ensure_api_key(self.db, settings, now=self.clock())
        await self.db.write(accounts.ensure_admins, telegram_ids=settings.admin_ids, now=self.clock())
        await self.db.write(statistics.prepare, zone=settings.timezone)

    async def _serve(self, own_routes: Sequence[BaseRoute] = ()) -> None:
        """Begins to answer over HTTP, to the API and to what a subclass adds. Raises PortTaken."""
        settings = self.settings
        has_shell = settings.database_url.startswith("sqlite")
        shell_key = control.MARK + new_key() if has_shell else None
        self.api = create_app(
            db=self.db,
            clock=self.clock,
            rng=self.rng,
            new_key=new_key,
            timezone=settings.timezone,
            bot_ids=settings.bot_ids,
            cors_origins=settings.cors_origins,
            own_routes=own_routes,
            version=__version__,
            shell_key=shell_key,
            counts=self.counts,
        )
        self._stack.push_async_callback(self._note_keys)
        self.http = HttpServer(self.api, host=settings.http_host, port=settings.http_port)
        await self.http.start()
        self._stack.push_async_callback(self.http.stop)
        if shell_key is not None:
            path = control.publish_control_address(settings.database_url, address=self.http.address, key=shell_key)
            self._stack.callback(path.unlink, missing_ok=True)

    def _jobs(self) -> list[Job]:
        return [
            (self._sweep, SWEEP_EVERY),
            (self.db.wait_flushed, LOOK_EVERY),
            (self._purge, PURGE_EVERY),
            (self._tally, TALLY_EVERY),
            (self._note_keys, NOTE_KEYS_EVERY),
            *self._backups(),
        ]

    def _backups(self) -> list[Job]:
        if not self.settings.database_url.startswith("sqlite") or not self.settings.backup_keep:
            return []
        return [(NightlyBackup(self.db, self.settings, self.clock).back_up, BACK_UP_EVERY)]

    def _start_clock(self, jobs: Sequence[Job]) -> None:
        """The scheduler only wakes what may be due; what is due is rows."""
        clock = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        for job, seconds in jobs:
            clock.add_job(attempt, "interval", seconds=seconds, args=[job], id=job.__name__)
        clock.start()
        self._stack.callback(clock.shutdown, wait=False)

        def begin_anew() -> None:
            # It knows moments, not distances: an hour back, and it would do nothing for an hour.
            for job, seconds in jobs:
                clock.reschedule_job(job.__name__, trigger="interval", seconds=seconds)

        heart = ClockMonitor(on_clock_set=begin_anew, on_stood_still=self._tell_stood_still)
        beating = asyncio.create_task(heart.run(), name="heartbeat")
        self._stack.push_async_callback(_end, beating)

    async def _tell_stood_still(self, seconds: float) -> None:
        try:
            await self.db.write(alerts.notify_stalled, seconds=round(seconds), now=self.clock())
        except DATABASE_UNAVAILABLE as error:  # the log has it
            log.error("alert_not_noted", error=describe_error(error))

    async def _sweep(self) -> None:
        if await self.db.read(queue.length):
            found = await self.db.write(queue.sweep, now=self.clock(), rng=self.rng)
            if found:
                log.warning("sweeper_found_work", contacts=found)

    async def _tally(self) -> None:
        """Keeps few events beyond the sums that statistics are read from; where those are missing, makes them."""
        while await self.db.read(statistics.backlog) >= TALLY_FROM:
            loop = asyncio.get_running_loop()
            began = loop.time()
            if not await self.db.write_unflushed(statistics.fold):
                break  # somebody's transaction is still under way
            await asyncio.sleep(loop.time() - began)  # others get as much of the writer as this

    async def _purge(self) -> None:
        for purge in (inbox.purge, outbox.purge, operator_messages.purge, idempotency.purge):
            await self.db.write(purge, now=self.clock())

    async def _note_keys(self) -> None:
        await self.api.state.keyring.note_use()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for its end: it may be in the middle of a statement."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def attempt(job: Callable[[], Awaitable[None]]) -> None:
    """Runs a periodic job; what fails now is tried again at its next time."""
    try:
        await job()
    except Exception as error:
        log.error("job_failed", job=job.__name__.strip("_"), error=describe_error(error))


def _log_events(announcements: list[Any]) -> None:
    if not logging.getLogger("crm").isEnabledFor(logging.INFO):  # three lines for each contact, made for nobody
        return
    events = structlog.get_logger("crm")
    for one in announcements:
        if isinstance(one, Logged):
            fields = {
                key: value for key, value in one.fields.items() if value is not None and key not in ("kind", "at")
            }
            events.info(one.fields["kind"], **fields)
