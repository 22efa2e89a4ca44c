"""One attempt to handle an update, and what its failure means: retry later, or keep the update as a dead letter."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from bot.logs import describe_error
from bot.receiving.conversation_queue import ConversationQueue, ReplyWait
from crm_core.messaging import inbox
from crm_core.messaging.inbox import AlreadyFinished, IncomingUpdate, StoredUpdate
from crm_core.messaging.messages import NotRecordedYet
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

RETRIES = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0)  # seconds before each further attempt; after them it is a dead letter
DATABASE_DELAY = 1.0  # seconds until the database is tried again
REPEAT_DELAY = 1.0  # seconds before an update is handled again whose person's role goes on changing
# Seconds between looks for a message that is replied to, and after how many seconds it counts as unknown: Telegram may
# take half a minute to answer a request, and the person sees the message before we know its id.
REPLY_LOOKS, REPLY_LONGEST = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), 30.0


class RetryNow(Exception):
    """The update must be handled again at once, as its person's role has changed. No failure: it is never given up."""


class Attempts:
    """Handles updates once each, and stores what became of those that failed."""

    def __init__(
        self,
        *,
        db: Database,
        handle: Callable[[IncomingUpdate], Awaitable[None]],
        clock: Callable[[], datetime],
        on_finished: Callable[[IncomingUpdate], None],
        retries: Sequence[float],
        stopping: asyncio.Event,
    ) -> None:
        """
        Args:
            handle: handles an update and finishes it in the same transaction.
            on_finished: called after that.
            retries: seconds before each further attempt.
            stopping: set when the process stops: no delay lasts longer.
        """
        self._db, self._handle, self._clock, self._on_finished = db, handle, clock, on_finished
        self._retries, self._stopping = retries, stopping

    async def attempt(self, row: StoredUpdate, queue: ConversationQueue) -> float | None:
        """Handles an update. Returns None once it is finished: handled, or a dead letter.

        If it is to be tried again, returns after how many seconds. The caller waits, in no one else's way.
        """
        is_unknown = queue.reply_wait is not None and queue.reply_wait.is_over
        try:
            await self._handle(replace(row, is_reply_unknown=True) if is_unknown else row)
        except AlreadyFinished:
            return None
        except NotRecordedYet as error:
            return self._look_later(row, queue, error)
        except RetryNow:
            queue.repeats += 1
            return 0.0 if queue.repeats == 1 else REPEAT_DELAY
        except DATABASE_UNAVAILABLE as error:
            # Not the update's fault: it waits as long as it takes, and never becomes a dead letter for it.
            log.error("database_unavailable", inbox_id=row.id, error=describe_error(error))
            return DATABASE_DELAY
        except ValidationError:
            return await self._mark_dead(row, "unparsable")
        except Exception as error:
            return await self._failed(row, queue, error)
        self._on_finished(row)
        return None

    def _look_later(self, row: StoredUpdate, queue: ConversationQueue, error: NotRecordedYet) -> float:
        now = asyncio.get_running_loop().time()
        if queue.reply_wait is None:
            queue.reply_wait = ReplyWait(now, error.rows)
        wait = queue.reply_wait
        wait.look(error, now=now, longest=REPLY_LONGEST)
        if wait.is_over:
            log.info("reply_to_unknown", inbox_id=row.id)
            return 0.0
        return REPLY_LOOKS[min(wait.looks, len(REPLY_LOOKS)) - 1]

    async def _failed(self, row: StoredUpdate, queue: ConversationQueue, error: Exception) -> float | None:
        queue.attempts += 1
        name = type(error).__name__
        log.error("update_failed", inbox_id=row.id, attempt=queue.attempts, error=describe_error(error))
        if queue.attempts > len(self._retries):
            return await self._mark_dead(row, name)
        delay = self._retries[queue.attempts - 1]
        try:
            due = self._clock() + timedelta(seconds=delay)
            if not await self._db.write(inbox.retry, inbox_id=row.id, error=name, not_before=due):
                return None
        except DATABASE_UNAVAILABLE as failure:
            log.error("retry_not_stored", inbox_id=row.id, error=describe_error(failure))
        return delay

    async def _mark_dead(self, row: StoredUpdate, error: str) -> float | None:
        log.error("update_dead_lettered", inbox_id=row.id, reason=error)
        try:
            await self._db.write(inbox.mark_dead, inbox_id=row.id, bot_id=row.bot_id, error=error, now=self._clock())
        except DATABASE_UNAVAILABLE as failure:
            log.error("dead_letter_not_stored", inbox_id=row.id, error=describe_error(failure))
            return DATABASE_DELAY
        return None

    async def sleep_before_database(self) -> None:
        """Waits until the database is worth another try."""
        await self.sleep(DATABASE_DELAY)

    async def sleep(self, seconds: float) -> None:
        """Waits, but not beyond the stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
