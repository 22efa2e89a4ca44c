"""Stores, now and then, when all updates that waited at Telegram were last received: it keeps them for a day only."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.logs import describe_error
from crm_core.delivery import bots
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

STORED_EVERY = timedelta(minutes=10)  # a write for each poll would be most of what a quiet installation writes


class LastReceived:
    """The moment that one session of a bot has stored."""

    def __init__(self, *, db: Database, bot_id: int, clock: Callable[[], datetime]) -> None:
        self.db, self.bot_id, self.clock = db, bot_id, clock
        self._stored: datetime | None = None

    async def touch(self) -> None:
        """Everything that waited was received just now. Admins are notified if that was too late for some updates."""
        now = self.clock()
        if self._stored is not None and abs(now - self._stored) < STORED_EVERY:  # abs: a clock may be set back
            return
        try:
            await self.db.write(bots.note_received, bot_id=self.bot_id, now=now)
        except DATABASE_UNAVAILABLE as error:  # it is stored next time
            log.error("last_received_not_stored", bot_id=self.bot_id, error=describe_error(error))
        else:
            self._stored = now
