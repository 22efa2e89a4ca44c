"""Long polling of one bot: fetch, store, commit, and only then fetch with the next offset, which confirms."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError, TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError

from bot.logs import describe_error
from bot.receiving.last_received import LastReceived
from bot.receiving.updates import to_update
from bot.receiving.worker import ConversationWorker
from bot.telegram.methods import GetRawUpdates
from crm_core.delivery import bots
from crm_core.messaging import inbox
from crm_core.messaging.inbox import UnstoredUpdate, Update
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

LONG_POLL = 25  # seconds that Telegram may hold an empty answer (50 at most)
REFUSED_DELAY = 60.0  # seconds between tries of a token that was refused: a new one needs a restart anyway
RETRY_FIRST, RETRY_LAST = 0.5, 30.0  # seconds between tries when Telegram cannot be reached


class Poller:
    """Receives the updates of one bot until it is cancelled; cancelling it at any point loses nothing."""

    def __init__(
        self,
        *,
        bot: Bot,
        db: Database,
        worker: ConversationWorker,
        clock: Callable[[], datetime],
        on_state: Callable[[str], None],
    ) -> None:
        self.bot, self.db, self.worker, self.clock, self._on_state = bot, db, worker, clock, on_state
        # None at first: after a restart Telegram serves from the head of its queue, and stored updates are recognised.
        self._offset: int | None = None
        self._state = bots.RUNNING
        self._last_received = LastReceived(db=db, bot_id=bot.id, clock=clock)
        self._retry_delay = RETRY_FIRST

    async def run(self) -> None:
        """Polls until it is cancelled.

        After a failure it waits and retries; a refused token or a second poller is shown to admins.
        """
        while True:
            try:
                await self._receive()
                await self._show(bots.RUNNING)
                await self._last_received.touch()
                self._retry_delay = RETRY_FIRST
            except TelegramRetryAfter as error:
                await asyncio.sleep(error.retry_after)
            except (TelegramUnauthorizedError, TelegramNotFound):
                await self._show(bots.REFUSED)
                await asyncio.sleep(REFUSED_DELAY)
            except TelegramConflictError:
                await self._show(bots.CONFLICT)
                await self._wait_longer()
            except Exception as error:
                log.warning("receiving_failed", bot_id=self.bot.id, error=describe_error(error))
                await self._wait_longer()

    async def _receive(self) -> None:
        # Nothing more is fetched than can be held in memory: the rest is safe at Telegram.
        await self.worker.wait_for_room()
        method = GetRawUpdates(offset=self._offset, timeout=LONG_POLL)
        batch = await self.bot(method, request_timeout=LONG_POLL + 10)
        updates = [to_update(self.bot.id, raw) for raw in batch if isinstance(raw, dict)]
        if not updates:
            if batch:  # it would come again at once, endlessly
                await asyncio.sleep(RETRY_FIRST)
            return
        is_new = await self._take_in(updates)
        # They are being handled already, but they are confirmed only once they would survive a power cut.
        await self.db.wait_flushed()
        offset = next((one.update_id + 1 for one in reversed(updates) if one.update_id), self._offset)
        if offset == self._offset and not is_new:  # confirmed updates come again: asking faster changes nothing
            await asyncio.sleep(RETRY_FIRST)
        self._offset = offset

    async def _take_in(self, updates: list[Update]) -> bool:
        """Stores updates and hands them to the worker. Returns whether any of them was new."""
        if len(updates) == 1 and await self.worker.at_once(
            UnstoredUpdate(self.bot.id, updates[0].update_id, updates[0].conversation, updates[0].raw)
        ):
            return True
        stored = await self.db.write_unflushed(inbox.store, bot_id=self.bot.id, updates=updates, now=self.clock())
        self.worker.add(stored)
        return bool(stored)

    async def _show(self, state: str) -> None:
        if state != self._state:
            self._on_state(state)
            log.warning("bot_state", bot_id=self.bot.id, state=state)
            try:
                await self.db.write(bots.set_state, bot_id=self.bot.id, state=state, now=self.clock())
                self._state = state
            except DATABASE_UNAVAILABLE as error:  # it is stored next time
                log.error("state_not_shown", bot_id=self.bot.id, error=describe_error(error))

    async def _wait_longer(self) -> None:
        await asyncio.sleep(self._retry_delay)
        self._retry_delay = min(RETRY_LAST, self._retry_delay * 2)
