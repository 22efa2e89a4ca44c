"""Noting, every now and then, that what waited for a bot at Telegram was received: Telegram keeps it for a day only."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.logs import describe_error
from crm_core.delivery import bots
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

NOTED_EVERY = timedelta(minutes=10)  # a write for each poll would be most of what a quiet installation writes


class LastReceived:
    """What one life of a bot has noted."""

    def __init__(self, *, db: Database, bot_id: int, clock: Callable[[], datetime]) -> None:
        self.db, self.bot_id, self.clock = db, bot_id, clock
        self._noted: datetime | None = None

    async def touch(self) -> None:
        """Everything that waited was received a moment ago. Admins hear of it if that was too late for some."""
        now = self.clock()
        if self._noted is not None and abs(now - self._noted) < NOTED_EVERY:  # a clock may be set back, too
            return
        try:
            await self.db.write(bots.note_received, bot_id=self.bot_id, now=now)
        except DATABASE_UNAVAILABLE as error:  # it is noted at the next occasion
            log.error("hearing_not_noted", bot_id=self.bot_id, error=describe_error(error))
        else:
            self._noted = now
