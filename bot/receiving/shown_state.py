"""The state of one bot as whoever receives for it finds it: shown by this process, stored, told to admins."""

from collections.abc import Callable
from datetime import datetime

import structlog

from bot.logs import describe_error
from crm_core.delivery import bots
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")


class ShownState:
    """The state that was shown last; `running` at first."""

    def __init__(
        self, *, db: Database, bot_id: int, clock: Callable[[], datetime], on_state: Callable[[str], None]
    ) -> None:
        """
        Args:
            on_state: called with each new state.
        """
        self._db, self._bot_id, self._clock, self._on_state = db, bot_id, clock, on_state
        self._state = bots.RUNNING

    async def show(self, state: str) -> None:
        """Shows and stores a state, unless it is so already. If it cannot be stored, the next call tries again."""
        if state == self._state:
            return
        self._on_state(state)
        log.warning("bot_state", bot_id=self._bot_id, state=state)
        try:
            await self._db.write(bots.set_state, bot_id=self._bot_id, state=state, now=self._clock())
            self._state = state
        except DATABASE_UNAVAILABLE as error:
            log.error("state_not_shown", bot_id=self._bot_id, error=describe_error(error))
