"""Long polling of one bot: fetch, store, commit, and only then fetch with the next offset, which confirms."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError, TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError

from bot.logs import describe_error
from bot.receiving.last_received import LastReceived
from bot.receiving.shown_state import ShownState
from bot.receiving.updates import is_album, to_update, with_album_ends
from bot.receiving.worker import ConversationWorker
from bot.telegram.methods import GetRawUpdates
from bot.telegram.pauses import Pauses
from bot.telegram.verdict import bounded_wait
from crm_core.delivery import bots
from crm_core.messaging import inbox
from crm_core.messaging.inbox import UnstoredUpdate, Update
from crm_core.storage.database import Database

log = structlog.get_logger("receiving")

# Seconds that Telegram may hold an empty answer (50 at most). Nobody can tell a held answer from one that was lost with
# its connection, so this is how long nothing is received after the shortest outage.
LONG_POLL = 3
HANGS_FIRST, HANGS_LAST = 2.0, 16.0  # seconds beyond that until the answer is lost; more where Telegram proves slow
ANSWERS_WITHIN = 30.0  # seconds for an answer that is not held
CONFLICT_OVER = timedelta(minutes=1)  # without another 409: two programs that poll the same bot succeed in turns
SAME_AGAIN = 0.5  # seconds before updates are asked for again that have just come


class _Abandoned(Exception):
    """A request was given up because a new one is worth more."""


class Poller:
    """Receives the updates of one bot until it is cancelled; cancelling it at any point loses nothing."""

    def __init__(
        self,
        *,
        bot: Bot,
        db: Database,
        worker: ConversationWorker,
        clock: Callable[[], datetime],
        ask: Callable[[], Awaitable[object]],
        pause: Callable[[], float],
        on_state: Callable[[str], None],
    ) -> None:
        """
        Args:
            ask: returns as soon as Telegram answers, however long that takes.
            pause: seconds until Telegram is tried again when it does not work, different ones each time.
            on_state: called with each new state.
        """
        self.bot, self.db, self.worker, self.clock = bot, db, worker, clock
        self._ask, self._pause = ask, pause
        # None at first: after a restart Telegram serves from the head of its queue, and stored updates are recognised.
        self._offset: int | None = None
        self._state = ShownState(db=db, bot_id=bot.id, clock=clock, on_state=on_state)
        self._last_received = LastReceived(db=db, bot_id=bot.id, clock=clock)
        self._refusals = Pauses()
        self._conflict_at: datetime | None = None
        self._is_failing = False
        self._hangs_after = HANGS_FIRST
        self._fetching: asyncio.Task[Any] | None = None
        self._is_abandoned = False

    async def run(self) -> None:
        """Polls until it is cancelled.

        After a failure it waits and retries; a refused token or a second poller is shown to admins.
        """
        while True:
            try:
                if self._is_failing:
                    await self._ask()
                await self._receive()
                if self._conflict_at is None or abs(self.clock() - self._conflict_at) >= CONFLICT_OVER:
                    self._conflict_at = None
                    await self._state.show(bots.RUNNING)
                await self._last_received.touch()
                self._is_failing = False
                self._refusals.reset()
            except TelegramRetryAfter as error:
                await asyncio.sleep(bounded_wait(error.retry_after))
            except (TelegramUnauthorizedError, TelegramNotFound):
                await self._state.show(bots.REFUSED)
                await asyncio.sleep(self._refusals.next())
            except TelegramConflictError:
                self._conflict_at = self.clock()
                await self._state.show(bots.CONFLICT)
                await asyncio.sleep(self._pause())
            except _Abandoned:
                log.debug("polling_anew", bot_id=self.bot.id)
            except Exception as error:
                if isinstance(error.__cause__, TimeoutError):
                    self._hangs_after = min(HANGS_LAST, 2 * self._hangs_after)
                if self._is_failing:
                    await asyncio.sleep(self._pause())
                else:  # Telegram is asked at once: it may have been this one request
                    log.warning("receiving_failed", bot_id=self.bot.id, error=describe_error(error))
                self._is_failing = True

    def poll_anew(self) -> None:
        """Telegram answers again after an outage: a request from before it may wait for nothing."""
        if self._fetching is not None:
            self._is_abandoned = True
            self._fetching.cancel()

    async def _receive(self) -> None:
        # Nothing more is fetched than can be held in memory: the rest is safe at Telegram.
        await self.worker.wait_for_room()
        batch = await self._fetch()
        updates = with_album_ends([to_update(self.bot.id, raw) for raw in batch if isinstance(raw, dict)])
        if not updates:
            if batch:  # it would come again at once, endlessly
                await asyncio.sleep(SAME_AGAIN)
            return
        is_new = await self._take_in(updates)
        # They are being handled already, but they are confirmed only once they would survive a power cut.
        await self.db.wait_flushed()
        offset = next((one.update_id + 1 for one in reversed(updates) if one.update_id), self._offset)
        if offset == self._offset and not is_new:  # confirmed updates come again: asking faster changes nothing
            await asyncio.sleep(SAME_AGAIN)
        self._offset = offset

    async def _fetch(self) -> list[Any]:
        hold = 0 if self._is_failing else LONG_POLL  # after a failure Telegram is to answer at once
        within = LONG_POLL + self._hangs_after if hold else ANSWERS_WITHIN
        self._fetching = asyncio.current_task()
        try:
            return await self.bot(GetRawUpdates(offset=self._offset, timeout=hold), request_timeout=within)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            # Cancelled by us alone, or by somebody else, too, who wants an end.
            if not self._is_abandoned or self._fetching is None or self._fetching.uncancel():
                raise
            raise _Abandoned from None
        finally:
            self._fetching, self._is_abandoned = None, False

    async def _take_in(self, updates: list[Update]) -> bool:
        """Stores updates and hands them to the worker. Returns whether any of them was new."""
        if len(updates) == 1 or is_album(updates):
            unstored = [
                UnstoredUpdate(self.bot.id, one.update_id, one.conversation, one.raw, ends_album=one.ends_album)
                for one in updates
            ]
            if await self.worker.at_once(unstored):
                return True
        stored = await self.db.write_unflushed(inbox.store, bot_id=self.bot.id, updates=updates, now=self.clock())
        self.worker.add(stored)
        return bool(stored)
