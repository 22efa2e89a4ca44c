"""One bot of this process: connects, receives and sends, and starts over whenever something ends that."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import structlog
from aiogram import Bot

from bot.delivery.circuit import Way
from bot.delivery.config import SenderConfig
from bot.delivery.menus import show_default_menus
from bot.delivery.rate_limit import LONGEST_WINDOW, RateLimiter
from bot.delivery.rate_limit_middleware import RateLimitMiddleware
from bot.delivery.sender import Sender
from bot.delivery.senders import Senders
from bot.logs import describe_error
from bot.receiving.dispatcher import UpdateDispatcher
from bot.receiving.last_received import LastReceived
from bot.receiving.polling import Poller
from bot.receiving.shown_state import ShownState
from bot.receiving.webhook_setting import WebhookSetting, warn_of_webhook
from bot.receiving.worker import ConversationWorker
from bot.telegram.pauses import Pauses
from bot.telegram.reach import is_outage, until_telegram_answers
from bot.telegram.verdict import FloodWait, TokenRefused, judge
from crm_core.delivery import bots
from crm_core.delivery.bots import Identity
from crm_core.messaging import outbox
from crm_core.monitoring.process_counters import BotSeen
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from crm_core.storage.ownership import Ownership

log = structlog.get_logger("fleet")


class OwnershipLost(Exception):
    """The lock by which this process worked for a bot is lost; another process may be working for it by now."""


def _is_cancelled() -> bool:
    """Whether the present task itself was cancelled, and not only something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where Telegram should deliver updates: `<address>/telegram/<bot id>`."""

    address: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What the sessions of all bots of a process share.

    Attributes:
        config: what senders take from the process; sessions use its clock, language and delays.
        limited: whether to keep to Telegram's limits on sending.
        webhook: where updates are delivered; None if they are polled.
    """

    db: Database
    owner: Ownership
    dispatcher: UpdateDispatcher
    worker: ConversationWorker
    rate_limit_middleware: RateLimitMiddleware
    senders: Senders
    config: SenderConfig
    limited: bool = True
    webhook: Webhook | None = None

    @property
    def clock(self) -> Callable[[], datetime]:
        """The present moment."""
        return self.config.clock


class BotSession:
    """One bot, whose token may be refused and whose ownership may be lost and gained again.

    Attributes:
        state: `starting`, then as in `crm_core.delivery.bots`, or `standby` while another process works for it.
        sender: while this process works for the bot; it has the fencing token.
        settled: set when the state is known for the first time.
        doubted: set when Telegram refused the token to the sender.
        lost: set when this process may not work for the bot any more.
    """

    def __init__(self, bot: Bot, position: int, parts: SessionParts) -> None:
        """
        Args:
            bot: with its token.
            position: of the token among all, from 0; the first bot is the one that links open.
            parts: what it works with.
        """
        self.bot, self.position, self._parts = bot, position, parts
        self.state = "starting"
        self.username: str | None = None
        self.sender: Sender | None = None
        self._poller: Poller | None = None
        self._found = bots.RUNNING  # the state as whoever receives finds it, which an outage only covers
        self._refusals = Pauses()
        self.settled, self.doubted, self.lost = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def show(self, state: str) -> None:
        """Sets the state, for whoever waits to see it."""
        self.state = state
        self.settled.set()

    def seen(self) -> BotSeen:
        """The bot as metrics show it."""
        if self.sender is None:
            return BotSeen(self.username, self.state)
        gates = self.sender.rate_limiter.shut_gates()
        return BotSeen(self.username, self.state, self.sender.circuit.way.value, gates)

    async def run(self) -> None:
        """Works for the bot until it is cancelled, from whatever state it is in."""
        while True:
            try:
                await asyncio.sleep(await self._run_session())
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                log.error("session_failed", bot_id=self.bot.id, error="a task of it was cancelled")
                await asyncio.sleep(self._parts.config.delays.connect)
            except Exception as error:  # the state could not be stored: the database is unavailable
                log.error("state_not_shown", bot_id=self.bot.id, error=describe_error(error))
                await asyncio.sleep(self._parts.config.delays.connect)

    async def _run_session(self) -> float:
        """One session, from connecting to its end. Returns after how many seconds the next one may begin."""
        parts = self._parts
        self.lost.clear()
        self.doubted.clear()
        try:
            await self._connect()
            await self._work()
        except OwnershipLost:
            parts.worker.leave(self.bot.id)
            self.show("standby")
            return 0.0
        except Exception as error:
            return await self._pause_after(error)

    async def _pause_after(self, error: Exception) -> float:
        """Shows why a session ended. Returns after how many seconds the next one may begin."""
        parts = self._parts
        match judge(error):
            case TokenRefused():
                if self.state != bots.REFUSED:
                    log.error("token_refused", bot_id=self.bot.id)
                self.show(bots.REFUSED)
                await parts.db.write(bots.refuse, bot_id=self.bot.id, now=parts.clock())
                return self._refusals.next()
            case FloodWait(after):
                self.show(bots.AWAY)
                log.warning("bot_told_to_wait", bot_id=self.bot.id, seconds=after)
                return after
            case _:
                self.show(bots.AWAY)
                if is_outage(error) or isinstance(error, DATABASE_UNAVAILABLE):
                    log.warning("bot_away", bot_id=self.bot.id, error=describe_error(error))
                else:
                    log.error("session_failed", bot_id=self.bot.id, error=describe_error(error))
                return parts.config.delays.connect

    async def _connect(self) -> None:
        """Waits until this process owns the bot, and gets it a sender with a new fencing token."""
        parts = self._parts
        me = await self._identity()
        self.username = me.username
        while not await parts.owner.claim(self.bot.id):
            self.show("standby")
            await asyncio.sleep(parts.config.delays.standby)
        fencing_token = await self._start(me)
        rate_limiter = await self._rate_limiter()
        self.sender = Sender(
            bot=self.bot,
            fencing_token=fencing_token,
            db=parts.db,
            rate_limiter=rate_limiter,
            config=parts.config,
            on_refused=self.doubted.set,
            on_way=self._on_way,
        )
        parts.senders.by_bot[self.bot.id] = self.sender
        parts.dispatcher.bots[self.bot.id] = self.bot

    async def _identity(self) -> Identity:
        """Who the bot is: as Telegram says or, where it wants to be asked less often, as it said before."""
        try:
            me = await until_telegram_answers(self.bot, pause=self._pause, on_silence=self._show_away)
        except Exception as error:
            verdict = judge(error)
            if not isinstance(verdict, FloodWait):
                raise
            known = await self._parts.db.read(bots.identity, bot_id=self.bot.id)
            if known is None:
                raise
            log.warning("identity_not_asked", bot_id=self.bot.id, seconds=verdict.after)
            return known
        return Identity(me.username or str(me.id), me.full_name)

    def _pause(self) -> float:
        return self._parts.config.delays.outage_pause(self._parts.config.rng)

    async def _until_answered(self) -> None:
        try:
            await until_telegram_answers(self.bot, pause=self._pause)
        except Exception as error:
            if not isinstance(judge(error), FloodWait):  # which is an answer: only this question is to wait
                raise

    def _on_way(self, way: Way) -> None:
        """The way to Telegram has failed, or works again."""
        if way is Way.OPEN:
            self._show_away()
        elif way is Way.CLOSED:
            if self.state == bots.AWAY:
                self.show(self._found)
            if self._poller is not None:
                self._poller.poll_anew()

    def _show_away(self) -> None:
        if self.state != bots.AWAY:
            self.show(bots.AWAY)
            log.warning("bot_away", bot_id=self.bot.id)

    def _show_found(self, state: str) -> None:
        self._found = state
        self.show(state)

    async def _start(self, me: Identity) -> int:
        """Stores who the bot is, and that a new session of it begins. Returns its fencing token."""
        return await self._parts.db.write(
            bots.start,
            bot_id=self.bot.id,
            username=me.username,
            name=me.name,
            position=self.position,
            now=self._parts.clock(),
        )

    async def _rate_limiter(self) -> RateLimiter:
        """The bot's rate limiter, which outlives its sessions: what may be sent depends on what has just been sent."""
        parts, bot_id = self._parts, self.bot.id
        gates = await parts.db.read(bots.gates, bot_id=bot_id, now=parts.clock())
        limiter = parts.rate_limit_middleware.rate_limiters.get(bot_id)
        if limiter is None:
            limiter = parts.rate_limit_middleware.rate_limiters[bot_id] = RateLimiter(parts.clock, parts.limited)
            since = parts.clock() - LONGEST_WINDOW
            sent = await parts.db.read(outbox.sent_since, bot_id=bot_id, since=since, now=parts.clock())
            limiter.replay_recent(sent)
        limiter.shut_until, limiter.chats_shut, limiter.methods_shut = gates.bot, gates.chats, gates.methods
        return limiter

    async def _work(self) -> NoReturn:
        """Receives and sends until one of them fails or the ownership is lost; raises what ended it."""
        parts, sender = self._parts, self.sender
        assert sender is not None
        sending = asyncio.create_task(sender.run(), name=f"sender-{self.bot.id}")
        others: list[asyncio.Task[Any]] = []
        try:
            await parts.worker.start(self.bot.id)
            self._show_found(bots.RUNNING)
            self._refusals.reset()
            log.info("bot_running", bot_id=self.bot.id, username=self.username)
            receiving = asyncio.create_task(self._receive(), name=f"receiver-{self.bot.id}")
            losing = asyncio.create_task(self.lost.wait(), name=f"lost-{self.bot.id}")
            menus = show_default_menus(self.bot, sender.menus, default_language=parts.config.default_language)
            # Beside the work, and not before it: they may be told to wait, or fail for ever.
            others += [receiving, losing, asyncio.create_task(menus, name=f"menus-{self.bot.id}")]
            if parts.webhook is None:
                others.append(asyncio.create_task(warn_of_webhook(self.bot), name=f"webhook-{self.bot.id}"))
            await asyncio.wait({sending, receiving, losing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, receiving):  # neither ends by itself: whatever ended it is raised
                if task.done():
                    task.result()
            raise OwnershipLost
        finally:
            parts.senders.by_bot.pop(self.bot.id, None)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._poller = None
            sender.stop()
            await asyncio.gather(sending, return_exceptions=True)
            self.sender = None  # not before: what it was still sending may be answered with a flood wait, to be kept

    async def _receive(self) -> None:
        parts = self._parts
        if parts.webhook is None:
            self._poller = Poller(
                bot=self.bot,
                db=parts.db,
                worker=parts.worker,
                clock=parts.clock,
                ask=self._until_answered,
                pause=self._pause,
                on_state=self._show_found,
            )
            await self._poller.run()
        else:
            known: dict[str, Any] = {"db": parts.db, "bot_id": self.bot.id, "clock": parts.clock}
            setting = WebhookSetting(
                bot=self.bot,
                address=f"{parts.webhook.address}/telegram/{self.bot.id}",
                secret=parts.webhook.secret,
                state=ShownState(**known, on_state=self._show_found),
                last_received=LastReceived(**known),
                doubted=self.doubted,
            )
            await setting.run()
