"""Who is on the staff, remembered for a moment so that a client's message costs no look-up.

It only picks the handlers; the right to an effect is asked again inside its transaction (`crm_core.access`).
"""

import asyncio
from typing import Any

from crm_core import events, staff
from crm_core.events import Logged
from crm_core.staff import Member
from crm_core.storage.database import Database

REMEMBERED = 5.0  # seconds; changes made by this process are seen at once, those of another within this time


class Roster:
    """The staff by Telegram id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._members: dict[int, Member] = {}
        self._stale_at = 0.0
        self._changes = 0
        self._lock = asyncio.Lock()
        db.listeners.append(self._notice)

    async def member(self, telegram_id: int) -> Member | None:
        """The member of staff that an account is, None for everybody else.

        While it is being read, everybody waits: who was taken for a client because nothing is known yet would press
        his buttons in vain.
        """
        now = asyncio.get_running_loop().time
        if now() >= self._stale_at:
            async with self._lock:
                if now() >= self._stale_at:
                    began, changes = now(), self._changes
                    self._members = {one.telegram_id: one for one in await self._db.read(staff.members)}
                    if changes == self._changes:  # a change during the read leaves it stale
                        self._stale_at = began + REMEMBERED
        return self._members.get(telegram_id)

    def forget(self) -> None:
        """Looks again at the next question."""
        self._stale_at = 0.0
        self._changes += 1

    def _notice(self, announcements: list[Any]) -> None:
        for one in announcements:
            if isinstance(one, Logged) and one.fields["kind"] in (events.STAFF_CHANGED, events.OPERATOR_CHANGED):
                self.forget()
