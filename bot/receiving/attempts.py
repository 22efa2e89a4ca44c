"""One attempt to handle an update, and what its failure means: retry later, or keep the update as a dead letter."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from bot.logs import describe_error
from bot.receiving.conversation_queue import ConversationQueue
from crm_core.messaging import inbox
from crm_core.messaging.inbox import AlreadyFinished, IncomingUpdate, StoredUpdate
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

RETRIES = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0)  # seconds before each further attempt; after them it is a dead letter
DATABASE_DELAY = 1.0  # seconds until the database is tried again


class RetryNow(Exception):
    """The update must be handled again at once: a role has changed, or what it replies to is not recorded yet."""


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

    async def attempt(self, row: StoredUpdate, queue: ConversationQueue) -> bool:
        """Handles an update. Returns True once it is finished: handled, or a dead letter.

        If it is to be tried again, returns False when the delay before that has passed.
        """
        try:
            await self._handle(row)
        except AlreadyFinished:
            return True
        except DATABASE_UNAVAILABLE as error:
            # Not the update's fault: it waits as long as it takes, and never becomes a dead letter for it.
            log.error("database_unavailable", inbox_id=row.id, error=describe_error(error))
            await self.sleep_before_database()
            return False
        except ValidationError:
            return await self._mark_dead(row, "unparsable")
        except Exception as error:
            return await self._failed(row, queue, error)
        self._on_finished(row)
        return True

    async def _failed(self, row: StoredUpdate, queue: ConversationQueue, error: Exception) -> bool:
        queue.attempts += 1
        name = type(error).__name__
        if not isinstance(error, RetryNow):
            log.error("update_failed", inbox_id=row.id, attempt=queue.attempts, error=describe_error(error))
        if queue.attempts > len(self._retries):
            return await self._mark_dead(row, name)
        delay = 0.0 if isinstance(error, RetryNow) else self._retries[queue.attempts - 1]
        try:
            due = self._clock() + timedelta(seconds=delay)
            if not await self._db.write(inbox.retry, inbox_id=row.id, error=name, not_before=due):
                return True
        except DATABASE_UNAVAILABLE as failure:
            log.error("retry_not_stored", inbox_id=row.id, error=describe_error(failure))
        await self.sleep(delay)
        return False

    async def _mark_dead(self, row: StoredUpdate, error: str) -> bool:
        log.error("update_dead_lettered", inbox_id=row.id, reason=error)
        try:
            await self._db.write(inbox.mark_dead, inbox_id=row.id, bot_id=row.bot_id, error=error, now=self._clock())
        except DATABASE_UNAVAILABLE as failure:
            log.error("dead_letter_not_stored", inbox_id=row.id, error=describe_error(failure))
            await self.sleep_before_database()
            return False
        return True

    async def sleep_before_database(self) -> None:
        """Waits until the database is worth another try."""
        await self.sleep(DATABASE_DELAY)

    async def sleep(self, seconds: float) -> None:
        """Waits, but not beyond the stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
