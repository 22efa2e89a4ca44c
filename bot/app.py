"""The composition root: plain constructor calls in the order of dependence, and their end in the reverse order."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.delivery.rate_limit_middleware import RateLimitMiddleware
from bot.delivery.senders import Senders
from bot.receiving.dispatcher import UpdateDispatcher
from bot.receiving.staff_cache import StaffCache
from bot.receiving.updates import happened_at
from bot.receiving.webhook import webhook_routes
from bot.receiving.worker import ConversationWorker
from bot.reports.export_files import Exporter
from bot.reports.statistics_picture import Pictures
from bot.runtime.installation import LOOK_EVERY, OWNERSHIP_EVERY, Installation, Job, utc_now
from bot.runtime.supervisor import BotSession, BotSupervisor, Webhook
from bot.screens.links import ADMIN_PAYLOAD, link, new_code
from bot.settings import Settings
from bot.telegram.session import Telegram
from crm_core.access.actors import SYSTEM
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.team import accounts, invitations

log = structlog.get_logger("app")

STOP_WITHIN = 6.0  # seconds for what is under way at a stop; with the HTTP server's two the whole stays under ten


class App(Installation):
    """A running installation with its bots. `async with App(settings) as app:` starts and stops it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        rng: Callable[[], float] = random.random,
        limited: bool = True,
        pauses: RetryDelays = DEFAULT_RETRY_DELAYS,
    ) -> None:
        """
        Args:
            settings: see `bot.settings`.
            clock, rng: the present moment and rolls in [0, 1); tests bring their own.
            limited: whether to keep to Telegram's limits; False only against a sandbox that has none.
            pauses: how long is waited before something is sent again.
        """
        super().__init__(settings, clock=clock, rng=rng)
        self._limited, self._pauses = limited, pauses

    fleet: BotSupervisor
    worker: ConversationWorker
    exporter: Exporter

    async def _start(self) -> None:
        settings = self.settings
        await self._open()
        gatekeeper = RateLimitMiddleware(self._on_flood, self.counts)
        session = self._telegram()
        session.middleware(gatekeeper)
        self._stack.push_async_callback(session.close)
        outlet = Senders(self.db)
        handler = UpdateDispatcher(
            self.db,
            outlet,
            {},
            StaffCache(self.db),
            self.clock,
            self.rng,
            settings.default_language,
            extra={"timezone": settings.timezone},
        )
        self.worker = ConversationWorker(
            db=self.db,
            handle=handler,
            clock=self.clock,
            is_paced=handler.is_paced,
            on_slowed=handler.tell_slowed,
            on_finished=self._on_finished,
        )
        webhook = Webhook(settings.webhook_url, settings.webhook_secret or "") if settings.webhook_url else None
        self.fleet = BotSupervisor(
            self.db,
            self.owner,
            handler,
            self.worker,
            gatekeeper,
            outlet,
            self.clock,
            self.rng,
            settings.default_language,
            self._limited,
            webhook,
            self._pauses,
            Pictures(db=self.db, clock=self.clock, zone=ZoneInfo(settings.timezone)),
            self.counts,
        )
        self.exporter = Exporter(
            db=self.db, lives=self.fleet.lives, clock=self.clock, zone=settings.timezone, pauses=self._pauses
        )
        self._stack.push_async_callback(handler.finish_toasts)
        self._stack.push_async_callback(self._stop_working)
        runners = [
            BotSession(Bot(token, session=session), position) for position, token in enumerate(settings.bot_tokens)
        ]
        routes = (
            webhook_routes(
                db=self.db,
                worker=self.worker,
                bots={runner.bot.id for runner in runners},
                secret=webhook.secret,
                clock=self.clock,
            )
            if webhook is not None
            else ()
        )
        await self._serve(routes)
        self.fleet.start(runners)
        self.exporter.start()
        self._start_clock(self._jobs())

    def _telegram(self) -> Telegram:
        return Telegram(url=self.settings.telegram_api_url, proxy=self.settings.telegram_proxy)

    async def _stop_working(self) -> None:
        stopping = asyncio.gather(self.exporter.stop(), self.fleet.stop(), self.worker.stop())
        try:
            await asyncio.wait_for(stopping, STOP_WITHIN)
        except TimeoutError:
            log.warning("stopped_before_all_was_done")  # what is left is in the database, as after any crash

    def _jobs(self) -> list[Job]:
        look, check = self.fleet.look_again, self.fleet.check_ownership
        exports = (self.exporter.wake, LOOK_EVERY)
        return [(look, LOOK_EVERY), (check, OWNERSHIP_EVERY), exports, *super()._jobs()]

    def _on_flood(self, bot_id: int, chat_id: int | None, after: float) -> None:
        for runner in self.fleet.runners:
            if runner.bot.id == bot_id and runner.sender is not None:
                runner.sender.shut(chat_id, after)

    def _on_finished(self, row: IncomingUpdate) -> None:
        at = happened_at(row.raw)
        if at is not None:
            self.counts.count_update(row.bot_id, lag=self.clock().timestamp() - at)

    async def first_admin_link(self) -> str | None:
        """The one-time link by which the first admin claims the installation; None once there is an admin.

        A link of an earlier start stops working when this one is made.
        """
        usernames = [runner.username for runner in self.fleet.runners if runner.state == "running" and runner.username]
        if not usernames or await self.db.read(accounts.has_admin):
            return None
        code = new_code()
        await self.db.write(invitations.invite, code=code, role="first_admin", actor=SYSTEM, now=self.clock())
        return link(usernames[0], ADMIN_PAYLOAD + code)
