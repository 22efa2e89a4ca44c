"""The bots of an installation, each running by itself: one that is refused, unreachable or failing stops no other."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiogram import Bot
from aiogram.methods import DeleteWebhook

from bot.runtime.bot_session import BotSession, SessionParts
from crm_core.monitoring.process_counters import BotSeen

log = structlog.get_logger("fleet")


class BotSupervisor:
    """Starts, watches and stops the bots."""

    def __init__(self, parts: SessionParts) -> None:
        self.parts = parts
        self.sessions: list[BotSession] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, bots: Iterable[Bot]) -> Sequence[asyncio.Task[None]]:
        """Begins to run bots, each in a task of its own that lasts until `stop`, in the order of their tokens.

        Returns these tasks.
        """
        self.sessions = [BotSession(bot, position, self.parts) for position, bot in enumerate(bots)]
        self.parts.config.counts.bots = self._seen
        for session in self.sessions:
            self._tasks.append(asyncio.create_task(session.run(), name=f"bot-{session.bot.id}"))
        return self._tasks

    def _seen(self) -> dict[int, BotSeen]:
        return {session.bot.id: session.seen() for session in self.sessions}

    async def settled(self, *, within: float = 15) -> None:
        """Waits until the state of each bot is known, but not longer than `within` seconds."""
        waits = [asyncio.create_task(session.settled.wait()) for session in self.sessions]
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
        return [self.parts.worker.idle, *(session.sender.idle for session in self.sessions if session.sender)]

    async def look_again(self) -> None:
        """Finds what another process wrote: rows to send, and updates that a webhook brought to it."""
        for session in self.sessions:
            if session.sender is not None:
                await session.sender.look_again()
                if self.parts.webhook is not None:
                    await self.parts.worker.look_again(session.bot.id)

    def working_bots(self) -> list[tuple[Bot, int]]:
        """The bots that this process works for now, each with the fencing token of its session."""
        return [(session.bot, session.sender.fencing_token) for session in self.sessions if session.sender is not None]

    def shut(self, bot_id: int, method: str, chat_id: int | None, after: float) -> None:
        """Telegram said to wait `after` seconds: before anything is sent to a chat, or (None) a method is called."""
        for session in self.sessions:
            if session.bot.id == bot_id and session.sender is not None:
                session.sender.shut(method, chat_id, after)

    async def check_ownership(self) -> None:
        """Makes every bot start over where the locks by which this process works for them are lost."""
        if not await self.parts.owner.is_held():
            log.error("ownership_lost")
            for session in self.sessions:
                session.lost.set()

    async def stop(self) -> None:
        """Stops receiving, then finishes what is under way; what is not begun waits in the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def remove_webhook(bot: Bot) -> None:
    """Lets a bot be polled again; what waits for it at Telegram is kept."""
    await bot(DeleteWebhook(drop_pending_updates=False))
