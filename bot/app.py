"""The composition root: creates everything in the order of dependence, and stops it in the reverse order."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot
from starlette.routing import BaseRoute

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.delivery.config import SenderConfig
from bot.delivery.rate_limit_middleware import RateLimitMiddleware
from bot.delivery.senders import Senders
from bot.random_codes import new_code
from bot.receiving.dispatcher import UpdateDispatcher
from bot.receiving.staff_cache import StaffCache
from bot.receiving.updates import happened_at
from bot.receiving.webhook import webhook_routes
from bot.receiving.worker import ConversationWorker
from bot.reports.export_files import Exporter
from bot.reports.statistics_picture import StatisticsPictures
from bot.runtime.bot_session import SessionParts, Webhook
from bot.runtime.installation import Installation, utc_now
from bot.runtime.jobs import JOBS, PeriodicJob, Scope
from bot.runtime.supervisor import BotSupervisor
from bot.screens.links import ADMIN_PAYLOAD, link
from bot.settings import Settings
from bot.telegram.session import Telegram
from crm_core.access.actors import SYSTEM
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.team import accounts, invitations

log = structlog.get_logger("app")

STOP_WITHIN = 6.0  # seconds for what is under way at a stop; with the HTTP server's two it stays under ten


class App(Installation):
    """A running installation with its bots. `async with App(settings) as app:` starts and stops it."""

    supervisor: BotSupervisor
    worker: ConversationWorker
    exporter: Exporter

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        rng: Callable[[], float] = random.random,
        limited: bool = True,
        retry_delays: RetryDelays = DEFAULT_RETRY_DELAYS,
        jobs: Sequence[PeriodicJob] = JOBS,
    ) -> None:
        """
        Args:
            settings, clock, rng, jobs: see `Installation`.
            limited: whether to keep to Telegram's limits; False only against a sandbox that has none.
            retry_delays: how long is waited before something is sent again.
        """
        super().__init__(settings, clock=clock, rng=rng, jobs=jobs)
        self._limited, self._retry_delays = limited, retry_delays

    async def _start(self) -> None:
        await self._open()
        telegram = self._telegram()
        rate_limit_middleware = RateLimitMiddleware(self._on_flood, self.counts)
        telegram.middleware(rate_limit_middleware)
        self._stack.push_async_callback(telegram.close)
        senders = Senders(self.db)
        dispatcher = self._dispatcher(senders)
        self.worker = self._worker(dispatcher)
        self.supervisor = BotSupervisor(self._session_parts(dispatcher, rate_limit_middleware, senders))
        self.exporter = self._exporter()
        self._stack.push_async_callback(dispatcher.finish_toasts)
        self._stack.push_async_callback(self._stop_working)
        await self._serve(self._webhook_routes())
        running = self.supervisor.start(Bot(token, session=telegram) for token in self.settings.bot_tokens)
        for task in (*running, self.exporter.start()):
            self.last_resort.watch(task)
        self._start_schedule()

    def _telegram(self) -> Telegram:
        return Telegram(url=self.settings.telegram_api_url, proxy=self.settings.telegram_proxy)

    def _dispatcher(self, senders: Senders) -> UpdateDispatcher:
        return UpdateDispatcher(
            db=self.db,
            senders=senders,
            staff_cache=StaffCache(self.db),
            clock=self.clock,
            rng=self.rng,
            default_language=self.settings.default_language,
            extra={"timezone": self.settings.timezone},
        )

    def _worker(self, dispatcher: UpdateDispatcher) -> ConversationWorker:
        return ConversationWorker(
            db=self.db,
            handle=dispatcher,
            together=dispatcher.together,
            clock=self.clock,
            is_paced=dispatcher.is_paced,
            on_slowed=dispatcher.notify_slowed,
            on_finished=self._on_finished,
        )

    def _session_parts(
        self, dispatcher: UpdateDispatcher, rate_limit_middleware: RateLimitMiddleware, senders: Senders
    ) -> SessionParts:
        return SessionParts(
            db=self.db,
            owner=self.owner,
            dispatcher=dispatcher,
            worker=self.worker,
            rate_limit_middleware=rate_limit_middleware,
            senders=senders,
            config=self._sender_config(),
            limited=self._limited,
            webhook=self._webhook(),
        )

    def _sender_config(self) -> SenderConfig:
        zone = ZoneInfo(self.settings.timezone)
        return SenderConfig(
            clock=self.clock,
            rng=self.rng,
            zone=zone,
            default_language=self.settings.default_language,
            delays=self._retry_delays,
            pictures=StatisticsPictures(db=self.db, clock=self.clock, zone=zone),
            counts=self.counts,
        )

    def _exporter(self) -> Exporter:
        return Exporter(
            db=self.db,
            sessions=self.supervisor.working_bots,
            clock=self.clock,
            zone=self.settings.timezone,
            delays=self._retry_delays,
        )

    def _webhook(self) -> Webhook | None:
        settings = self.settings
        return Webhook(settings.webhook_url, settings.webhook_secret or "") if settings.webhook_url else None

    def _webhook_routes(self) -> Sequence[BaseRoute]:
        webhook = self._webhook()
        if webhook is None:
            return ()
        bots = set(self.settings.bot_ids)
        return webhook_routes(db=self.db, worker=self.worker, bots=bots, secret=webhook.secret, clock=self.clock)

    async def _stop_working(self) -> None:
        stopping = asyncio.gather(self.exporter.stop(), self.supervisor.stop(), self.worker.stop())
        try:
            await asyncio.wait_for(stopping, STOP_WITHIN)
        except TimeoutError:
            log.warning("stopped_before_all_was_done")  # what is left is in the database, as after any crash

    def _scopes(self) -> frozenset[Scope]:
        return super()._scopes() | {Scope.WITH_BOTS}

    def _on_flood(self, bot_id: int, method: str, chat_id: int | None, after: float) -> None:
        self.supervisor.shut(bot_id, method, chat_id, after)

    def _on_finished(self, row: IncomingUpdate) -> None:
        at = happened_at(row.raw)
        if at is not None:
            self.counts.count_update(row.bot_id, lag=self.clock().timestamp() - at)

    async def first_admin_link(self) -> str | None:
        """The one-time link by which the first admin claims the installation; None once there is an admin.

        A link of an earlier start stops working when this one is made.
        """
        running = [one.username for one in self.supervisor.sessions if one.state == "running" and one.username]
        if not running or await self.db.read(accounts.has_admin):
            return None
        code = new_code()
        await self.db.write(invitations.invite, code=code, role="first_admin", actor=SYSTEM, now=self.clock())
        return link(running[0], ADMIN_PAYLOAD + code)
