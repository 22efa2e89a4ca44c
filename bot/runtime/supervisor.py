"""The bots of an installation, each running by itself: one that is refused, cut off or wrong stops no other."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteWebhook, GetMe, GetWebhookInfo, SetMyCommands, SetWebhook
from aiogram.types import BotCommandScopeDefault

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.delivery.config import SenderConfig
from bot.delivery.pictures import Pictures
from bot.delivery.rate_limit import LONGEST_WINDOW, RateLimiter
from bot.delivery.rate_limit_middleware import RateLimitMiddleware
from bot.delivery.sender import Sender
from bot.delivery.senders import Senders
from bot.logs import describe_error
from bot.receiving.dispatcher import UpdateDispatcher
from bot.receiving.last_received import LastReceived
from bot.receiving.polling import Poller
from bot.receiving.worker import ConversationWorker
from bot.screens.menus import commands_for
from bot.telegram.methods import ALLOWED_UPDATES
from bot.texts import LANGUAGES, translator
from crm_core.delivery import bots
from crm_core.messaging import outbox
from crm_core.monitoring.process_counters import BotSeen, ProcessCounters
from crm_core.storage.database import Database
from crm_core.storage.ownership import Ownership

log = structlog.get_logger("fleet")

REFUSED_PAUSE = 300.0  # seconds between tries of a token that is refused: it may have been restored
WATCH_EVERY = 60.0  # seconds between looks at a bot that Telegram delivers to: nothing else would show a refused token


class OwnershipLost(Exception):
    """The lock by which this process worked for a bot is lost; another process may be working for it by now."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Telegram should deliver updates: `<address>/telegram/<bot id>`."""

    address: str
    secret: str


@dataclass
class BotSession:
    """One bot from its token on.

    Attributes:
        state: `starting`, then as in `crm_core.delivery.bots`, or `standby` while another process works for it.
        settled: set when it is known for the first time how the bot fares.
        doubted: set when Telegram refused the token to the sender.
        lost: set when this process may not work for the bot any more.
    """

    bot: Bot
    position: int
    state: str = "starting"
    username: str | None = None
    sender: Sender | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    doubted: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, state: str) -> None:
        """Notes a state for whoever waits to see it."""
        self.state = state
        self.settled.set()


@dataclass
class BotSupervisor:
    """Starts, watches and stops the bots."""

    db: Database
    owner: Ownership
    handler: UpdateDispatcher
    worker: ConversationWorker
    rate_limit_middleware: RateLimitMiddleware
    senders: Senders
    clock: Callable[[], datetime]
    rng: Callable[[], float]
    default_language: str
    limited: bool
    webhook: Webhook | None = None
    pauses: RetryDelays = DEFAULT_RETRY_DELAYS
    pictures: Pictures | None = None
    counts: ProcessCounters = field(default_factory=ProcessCounters)
    runners: list[BotSession] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, runners: list[BotSession]) -> None:
        """Begins to run bots, each in a task of its own."""
        self.runners = runners
        self.counts.bots = self._seen
        for runner in runners:
            self._tasks.append(asyncio.create_task(self._run(runner), name=f"bot-{runner.bot.id}"))

    def _seen(self) -> dict[int, BotSeen]:
        return {runner.bot.id: BotSeen(runner.username, runner.state) for runner in self.runners}

    async def settled(self, *, within: float = 15) -> None:
        """Waits until it is known of each bot how it fares, but not longer than `within` seconds."""
        waits = [asyncio.create_task(runner.settled.wait()) for runner in self.runners]
        if waits:
            _, pending = await asyncio.wait(waits, timeout=within)
            for task in pending:
                task.cancel()

    async def idle(self) -> None:
        """Waits until every update that was received is finished and everything that it announced is sent."""
        while not all(event.is_set() for event in self._idle_events()):
            for event in self._idle_events():
                await event.wait()

    def _idle_events(self) -> list[asyncio.Event]:
        return [self.worker.idle, *(runner.sender.idle for runner in self.runners if runner.sender)]

    async def look_again(self) -> None:
        """Finds what another process wrote: rows to send, and updates that a webhook brought to it."""
        for runner in self.runners:
            if runner.sender is not None:
                await runner.sender.look_again()
                if self.webhook is not None:
                    await self.worker.look_again(runner.bot.id)

    def lives(self) -> list[tuple[Bot, int]]:
        """The bots that this process works for now, each with the number of its life."""
        return [(runner.bot, runner.sender.fencing_token) for runner in self.runners if runner.sender is not None]

    async def check_ownership(self) -> None:
        """Makes every bot start over where the locks by which this process works for them are lost."""
        if not await self.owner.is_held():
            log.error("ownership_lost")
            for runner in self.runners:
                runner.lost.set()

    async def stop(self) -> None:
        """Stops receiving, then finishes what is under way; what is not begun waits in the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- one bot ---------------------------------------------------------------------------------------------------

    async def _run(self, runner: BotSession) -> None:
        """Runs one bot until it is cancelled, from whatever state it is in."""
        while True:
            try:
                await asyncio.sleep(await self._live(runner))
            except Exception as error:  # showing how it fares failed: the database is away
                log.error("state_not_shown", bot_id=runner.bot.id, error=describe_error(error))
                await asyncio.sleep(self.pauses.connect)

    async def _live(self, runner: BotSession) -> float:
        """One life of a bot. Returns after how many seconds the next one may begin."""
        runner.lost.clear()
        runner.doubted.clear()
        try:
            await self._connect(runner)
            await self._work(runner)
        except OwnershipLost:
            self.worker.leave(runner.bot.id)
            runner.show("standby")
            return 0.0
        except (TelegramUnauthorizedError, TelegramNotFound):
            runner.show(bots.REFUSED)
            log.error("token_refused", bot_id=runner.bot.id)
            await self.db.write(bots.refuse, bot_id=runner.bot.id, now=self.clock())
            return REFUSED_PAUSE
        except TelegramRetryAfter as error:
            runner.show(bots.AWAY)
            log.warning("bot_told_to_wait", bot_id=runner.bot.id, seconds=error.retry_after)
            return float(error.retry_after)
        except Exception as error:
            runner.show(bots.AWAY)
            log.warning("bot_away", bot_id=runner.bot.id, error=describe_error(error))
        return self.pauses.connect

    async def _connect(self, runner: BotSession) -> None:
        me = await runner.bot(GetMe(), request_timeout=15)
        runner.username = me.username
        while not await self.owner.claim(me.id):
            runner.show("standby")
            await asyncio.sleep(self.pauses.standby)
        fencing_token = await self.db.write(
            bots.start,
            bot_id=me.id,
            username=me.username or str(me.id),
            name=me.full_name,
            position=runner.position,
            now=self.clock(),
        )
        own, chats = await self.db.read(bots.gates, bot_id=me.id, now=self.clock())
        # A bot that starts over has just been sending: what it may send now depends on that.
        rate_limiters = self.rate_limit_middleware.rate_limiters
        limiter = rate_limiters.get(me.id)
        if limiter is None:
            limiter = rate_limiters[me.id] = RateLimiter(self.clock, self.limited)
            since = self.clock() - LONGEST_WINDOW
            limiter.replay_recent(await self.db.read(outbox.sent_since, bot_id=me.id, since=since, now=self.clock()))
        limiter.shut_until, limiter.chats_shut = own, chats
        runner.sender = Sender(
            bot=runner.bot,
            fencing_token=fencing_token,
            db=self.db,
            rate_limiter=limiter,
            config=SenderConfig(
                clock=self.clock,
                rng=self.rng,
                default_language=self.default_language,
                delays=self.pauses,
                pictures=self.pictures,
                counts=self.counts,
            ),
            on_refused=runner.doubted.set,
        )
        self.senders.by_bot[me.id] = runner.sender
        self.handler.bots[me.id] = runner.bot

    async def _work(self, runner: BotSession) -> None:
        assert runner.sender is not None
        sending = asyncio.create_task(runner.sender.run(), name=f"sender-{runner.bot.id}")
        others: list[asyncio.Task[Any]] = []
        try:
            await self.worker.start(runner.bot.id)
            runner.show(bots.RUNNING)
            log.info("bot_running", bot_id=runner.bot.id, username=runner.username)
            await self._show_default_menu(runner.bot)
            others.append(asyncio.create_task(self._receive(runner), name=f"receiver-{runner.bot.id}"))
            others.append(asyncio.create_task(runner.lost.wait(), name=f"lost-{runner.bot.id}"))
            await asyncio.wait({sending, *others}, return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, others[0]):  # neither ends by itself: whatever ended it is told
                if task.done():
                    task.result()
            raise OwnershipLost
        finally:
            self.senders.by_bot.pop(runner.bot.id, None)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            runner.sender.stop()
            await asyncio.gather(sending, return_exceptions=True)
            runner.sender = None  # not before: what it was still sending may be answered with a flood wait, to be kept

    async def _receive(self, runner: BotSession) -> None:
        if self.webhook is None:
            info = await runner.bot(GetWebhookInfo(), request_timeout=15)
            if info.url:
                # Somebody may rely on it: it is not ours to take away without being told to.
                log.error("webhook_left_set", bot_id=runner.bot.id, hint="mini-crm doctor --remove-webhooks")
                runner.show(bots.CONFLICT)
            poller = Poller(bot=runner.bot, db=self.db, worker=self.worker, clock=self.clock, on_state=runner.show)
            await poller.run()
        else:
            address = f"{self.webhook.address}/telegram/{runner.bot.id}"
            await runner.bot(SetWebhook(url=address, secret_token=self.webhook.secret, allowed_updates=ALLOWED_UPDATES))
            await self._watch(runner, address)

    async def _watch(self, runner: BotSession, address: str) -> None:
        """While the HTTP server receives: raises once the token is refused, and shows when the webhook is not ours."""
        state, hearing = bots.RUNNING, LastReceived(db=self.db, bot_id=runner.bot.id, clock=self.clock)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(runner.doubted.wait(), WATCH_EVERY)
            runner.doubted.clear()
            try:
                info = await runner.bot(GetWebhookInfo(), request_timeout=15)
            except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as error:
                log.warning("bot_not_seen", bot_id=runner.bot.id, error=describe_error(error))
                continue
            seen = bots.RUNNING if info.url == address else bots.CONFLICT
            if seen == bots.RUNNING and not info.pending_update_count:
                await hearing.touch()
            if seen != state:
                state = seen
                runner.show(state)
                log.warning("bot_state", bot_id=runner.bot.id, state=state)
                await self.db.write(bots.set_state, bot_id=runner.bot.id, state=state, now=self.clock())

    async def _show_default_menu(self, bot: Bot) -> None:
        """The menu of those who have no role: in each language, and in the default one for all others."""
        for language in (*LANGUAGES, None):
            commands = commands_for((), translator(language or self.default_language))
            try:
                await bot(SetMyCommands(commands=commands, scope=BotCommandScopeDefault(), language_code=language))
            except Exception as error:  # a menu is no reason not to work
                log.warning("menu_not_set", bot_id=bot.id, error=describe_error(error))
                return


async def remove_webhook(bot: Bot) -> None:
    """Lets a bot be polled again; what waits for it at Telegram is kept."""
    await bot(DeleteWebhook(drop_pending_updates=False))
