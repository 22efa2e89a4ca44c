"""The bots of an installation, each running by itself: one that is refused, cut off or wrong stops no other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError
from aiogram.methods import DeleteWebhook, GetMe, GetWebhookInfo, SetMyCommands, SetWebhook
from aiogram.types import BotCommandScopeDefault

from bot.delivery.gatekeeper import Gatekeeper
from bot.delivery.pace import Pace
from bot.delivery.sender import Sender
from bot.handling import Handler
from bot.logs import describe_error
from bot.menus import commands_for
from bot.receiving.polling import Poller
from bot.receiving.updates import ALLOWED_UPDATES
from bot.receiving.worker import Worker
from bot.texts import LANGUAGES, translator
from crm_core import bots
from crm_core.outbox import Queued
from crm_core.storage.database import Database
from crm_core.storage.ownership import Ownership

log = structlog.get_logger("fleet")

CONNECT_PAUSE = 5.0  # seconds between tries of a bot that cannot be reached yet
REFUSED_PAUSE = 300.0  # seconds between tries of a token that is refused: it may have been restored
STANDBY_PAUSE = 3.0  # seconds between looks whether the process that works for a bot has gone


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Telegram should deliver updates: `<address>/telegram/<bot id>`."""

    address: str
    secret: str


@dataclass
class Runner:
    """One bot from its token on.

    Attributes:
        state: `starting`, then as in `crm_core.bots`, or `standby` while another process works for it.
        settled: set when it is known for the first time how the bot fares.
    """

    bot: Bot
    position: int
    state: str = "starting"
    username: str | None = None
    sender: Sender | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, state: str) -> None:
        """Notes a state for whoever waits to see it."""
        self.state = state
        self.settled.set()


@dataclass
class Fleet:
    """Starts, watches and stops the bots."""

    db: Database
    owner: Ownership
    handler: Handler
    worker: Worker
    gatekeeper: Gatekeeper
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    default_language: str
    limited: bool
    webhook: Webhook | None = None
    runners: list[Runner] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, runners: list[Runner]) -> None:
        """Begins to run bots, each in a task of its own."""
        self.db.listeners.append(self._announce)
        self.runners = runners
        for runner in runners:
            self._tasks.append(asyncio.create_task(self._run(runner), name=f"bot-{runner.bot.id}"))

    async def settled(self, *, timeout: float = 15) -> None:
        """Waits until it is known of each bot how it fares, but not longer than `timeout` seconds."""
        waits = [asyncio.create_task(runner.settled.wait()) for runner in self.runners]
        if waits:
            _, pending = await asyncio.wait(waits, timeout=timeout)
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
        """Finds rows to send that another process wrote, or that a raised moment made due."""
        for runner in self.runners:
            if runner.sender is not None:
                await runner.sender.look_again()

    async def stop(self) -> None:
        """Stops receiving, then finishes what is under way; what is not begun waits in the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- one bot ---------------------------------------------------------------------------------------------------

    async def _run(self, runner: Runner) -> None:
        """Runs one bot until it is cancelled, from whatever state it is in."""
        while True:
            try:
                await self._connect(runner)
                await self._work(runner)
            except (TelegramUnauthorizedError, TelegramNotFound):
                runner.show(bots.REFUSED)
                log.error("token_refused", bot_id=runner.bot.id)
                await self.db.write(bots.refuse, bot_id=runner.bot.id, now=self.clock())
                await asyncio.sleep(REFUSED_PAUSE)
            except TelegramRetryAfter as error:
                await asyncio.sleep(error.retry_after)
            except Exception as error:
                runner.show(bots.AWAY)
                log.warning("bot_away", bot_id=runner.bot.id, error=describe_error(error))
                await asyncio.sleep(CONNECT_PAUSE)

    async def _connect(self, runner: Runner) -> None:
        me = await runner.bot(GetMe(), request_timeout=15)
        runner.username = me.username
        while not await self.owner.claim(me.id):
            runner.show("standby")
            await asyncio.sleep(STANDBY_PAUSE)
        fence = await self.db.write(
            bots.start, bot_id=me.id, username=me.username or str(me.id), name=me.full_name, position=runner.position,
            now=self.clock(),
        )  # fmt: skip
        own, chats = await self.db.read(bots.gates, bot_id=me.id, now=self.clock())
        pace = Pace(self.clock, self.limited, own, chats)
        self.gatekeeper.paces[me.id] = pace
        runner.sender = Sender(
            bot=runner.bot, fence=fence, db=self.db, pace=pace, clock=self.clock, chance=self.chance,
            default_language=self.default_language,
        )  # fmt: skip
        self.handler.bots[me.id] = runner.bot

    async def _work(self, runner: Runner) -> None:
        assert runner.sender is not None
        sending = asyncio.create_task(runner.sender.run(), name=f"sender-{runner.bot.id}")
        try:
            await self.worker.start(runner.bot.id)
            runner.show(bots.RUNNING)
            log.info("bot_running", bot_id=runner.bot.id, username=runner.username)
            await self._show_default_menu(runner.bot)
            receiving = asyncio.create_task(self._receive(runner), name=f"receiver-{runner.bot.id}")
            try:
                await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
            for task in (receiving, sending):  # neither ends by itself: whatever ended it is told to `_run`
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            sender, runner.sender = runner.sender, None
            sender.stop()
            await asyncio.gather(sending, return_exceptions=True)

    async def _receive(self, runner: Runner) -> None:
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
            await asyncio.Event().wait()  # the HTTP server receives

    async def _show_default_menu(self, bot: Bot) -> None:
        """The menu of those who have no role: in each language, and in the default one for all others."""
        for language in (*LANGUAGES, None):
            commands = commands_for((), translator(language or self.default_language))
            try:
                await bot(SetMyCommands(commands=commands, scope=BotCommandScopeDefault(), language_code=language))
            except Exception as error:  # a menu is no reason not to work
                log.warning("menu_not_set", bot_id=bot.id, error=describe_error(error))
                return

    def _announce(self, announcements: list[Any]) -> None:
        """Hands rows that were just committed to the senders of their bots."""
        queued: dict[int, list[Queued]] = {}
        for one in announcements:
            if isinstance(one, Queued):
                queued.setdefault(one.bot_id, []).append(one)
        for runner in self.runners:
            rows = queued.get(runner.bot.id)
            if rows and runner.sender is not None:
                runner.sender.add(rows)


async def remove_webhook(bot: Bot) -> None:
    """Lets a bot be polled again; what waits for it at Telegram is kept."""
    await bot(DeleteWebhook(drop_pending_updates=False))
