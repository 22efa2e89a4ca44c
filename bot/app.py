"""The composition root: plain constructor calls in the order of dependence, and their end in the reverse order."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import make_url

from bot.delivery.gatekeeper import Gatekeeper
from bot.delivery.pictures import Pictures
from bot.delivery.sender import DEFAULT_PAUSES, Pauses
from bot.fleet import Fleet, Runner, Webhook
from bot.handling import Handler
from bot.links import ADMIN_PAYLOAD, link, new_code
from bot.logs import describe_error, report_loop_error
from bot.receiving.web import WebServer
from bot.receiving.worker import Worker
from bot.roster import Roster
from bot.settings import Settings
from bot.telegram import Telegram
from crm_core import inbox, outbox, queue, replies, staff, statistics
from crm_core.access import SYSTEM
from crm_core.events import Logged
from crm_core.storage.database import Database, open_database
from crm_core.storage.migrate import migrate
from crm_core.storage.ownership import ownership

log = structlog.get_logger("app")

STOP_WITHIN = 6.0  # seconds for what is under way at a stop; with the web server's two the whole stays under ten
SWEEP_EVERY, LOOK_EVERY, OWNERSHIP_EVERY, PURGE_EVERY, TALLY_EVERY = 30, 2, 5, 3600, 1  # seconds
TALLY_FROM = 500  # events: reading so many besides costs two milliseconds, and a quiet installation writes seldom


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class App:
    """A running installation. `async with App(settings) as app:` starts and stops it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        chance: Callable[[], float] = random.random,
        limited: bool = True,
        pauses: Pauses = DEFAULT_PAUSES,
    ) -> None:
        """
        Args:
            settings: see `bot.settings`.
            clock, chance: the present moment and rolls in [0, 1); tests bring their own.
            limited: whether to keep to Telegram's limits; False only against a sandbox that has none.
            pauses: how long is waited before something is sent again.
        """
        self.settings, self.clock, self.chance = settings, clock, chance
        self._limited, self._pauses = limited, pauses
        self._stack = AsyncExitStack()

    db: Database
    fleet: Fleet
    worker: Worker
    web: WebServer | None = None

    async def __aenter__(self) -> "App":
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(report_loop_error)
        owner = ownership(make_url(settings.database_url))
        self._stack.push_async_callback(owner.release)
        await asyncio.to_thread(migrate, settings.database_url)
        self.db = open_database(settings.database_url)
        self._stack.push_async_callback(self.db.close)
        self.db.listeners.append(_log_events)
        await self.db.write(staff.ensure_admins, telegram_ids=settings.admin_ids, now=self.clock())
        await self.db.write(statistics.prepare, zone=settings.timezone)

        gatekeeper = Gatekeeper(self._on_flood)
        session = Telegram(url=settings.telegram_api_url, proxy=settings.telegram_proxy)
        session.middleware(gatekeeper)
        self._stack.push_async_callback(session.close)
        handler = Handler(self.db, {}, Roster(self.db), self.clock, self.chance, settings.default_language,
                          extra={"timezone": settings.timezone})  # fmt: skip
        self.worker = Worker(
            db=self.db, handle=handler, clock=self.clock, is_paced=handler.is_paced, on_slowed=handler.tell_slowed
        )
        webhook = Webhook(settings.webhook_url, settings.webhook_secret or "") if settings.webhook_url else None
        self.fleet = Fleet(
            self.db, owner, handler, self.worker, gatekeeper, self.clock, self.chance, settings.default_language,
            self._limited, webhook, self._pauses,
            Pictures(db=self.db, clock=self.clock, zone=ZoneInfo(settings.timezone)),
        )  # fmt: skip
        self._stack.push_async_callback(handler.finish_toasts)
        self._stack.push_async_callback(self._stop_working)
        runners = [Runner(Bot(token, session=session), position) for position, token in enumerate(settings.bot_tokens)]
        if webhook is not None:
            self.web = WebServer(
                db=self.db, worker=self.worker, bots={runner.bot.id for runner in runners}, secret=webhook.secret,
                host=settings.http_host, port=settings.http_port, clock=self.clock,
            )  # fmt: skip
            await self.web.start()
            self._stack.push_async_callback(self.web.stop)
        self.fleet.start(runners)
        self._start_clock()

    async def _stop_working(self) -> None:
        stopping = asyncio.gather(self.fleet.stop(), self.worker.stop())
        try:
            await asyncio.wait_for(stopping, STOP_WITHIN)
        except TimeoutError:
            log.warning("stopped_before_all_was_done")  # what is left is in the database, as after any crash

    def _start_clock(self) -> None:
        """The scheduler only wakes what may be due; what is due is rows."""
        clock = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        jobs: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._sweep, SWEEP_EVERY),
            (self.fleet.look_again, LOOK_EVERY),
            (self.db.flushed, LOOK_EVERY),
            (self.fleet.check_ownership, OWNERSHIP_EVERY),
            (self._purge, PURGE_EVERY),
            (self._tally, TALLY_EVERY),
        ]
        for job, seconds in jobs:
            clock.add_job(_attempt, "interval", seconds=seconds, args=[job], id=job.__name__)
        clock.start()
        self._stack.callback(clock.shutdown, wait=False)

    async def _sweep(self) -> None:
        if await self.db.read(queue.length):
            found = await self.db.write(queue.sweep, now=self.clock(), chance=self.chance)
            if found:
                log.warning("sweeper_found_work", contacts=found)

    async def _tally(self) -> None:
        """Keeps few events beyond the sums that statistics are read from; where those are missing, makes them."""
        while await self.db.read(statistics.backlog) >= TALLY_FROM:
            loop = asyncio.get_running_loop()
            began = loop.time()
            if not await self.db.note(statistics.fold):
                break  # somebody's transaction is still under way
            await asyncio.sleep(loop.time() - began)  # others get as much of the writer as this

    async def _purge(self) -> None:
        await self.db.write(inbox.purge, now=self.clock())
        await self.db.write(outbox.purge, now=self.clock())
        await self.db.write(replies.purge, now=self.clock())

    def _on_flood(self, bot_id: int, chat_id: int | None, after: float) -> None:
        for runner in self.fleet.runners:
            if runner.bot.id == bot_id and runner.sender is not None:
                runner.sender.shut(chat_id, after)

    async def first_admin_link(self) -> str | None:
        """The one-time link by which the first admin claims the installation; None once there is an admin.

        A link of an earlier start stops working when this one is made.
        """
        usernames = [runner.username for runner in self.fleet.runners if runner.state == "running" and runner.username]
        if not usernames or await self.db.read(staff.has_admin):
            return None
        code = new_code()
        await self.db.write(staff.invite, code=code, role="first_admin", actor=SYSTEM, now=self.clock())
        return link(usernames[0], ADMIN_PAYLOAD + code)


async def _attempt(job: Callable[[], Awaitable[None]]) -> None:
    """Runs a periodic job; what fails now is tried again at its next time."""
    try:
        await job()
    except Exception as error:
        log.error("job_failed", job=job.__name__.strip("_"), error=describe_error(error))


def _log_events(announcements: list[Any]) -> None:
    events = structlog.get_logger("crm")
    for one in announcements:
        if isinstance(one, Logged):
            fields = {
                key: value for key, value in one.fields.items() if value is not None and key not in ("kind", "at")
            }
            events.info(one.fields["kind"], **fields)
