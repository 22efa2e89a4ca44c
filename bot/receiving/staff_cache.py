"""The members of staff, cached for a few seconds so that a client's message costs no query.

The cache only picks the handlers; rights are checked again in the transaction (`crm_core.access.actors`).
"""

import asyncio
from typing import Any

from crm_core import events
from crm_core.events import Logged
from crm_core.storage.database import Database
from crm_core.team import accounts
from crm_core.team.accounts import Member

_CHANGES = (events.STAFF_CHANGED, events.OPERATOR_CHANGED, events.WEIGHT_CHANGED)
KEPT = 5.0  # seconds; changes made by this process are seen at once, those of another within this time


class StaffCache:
    """The staff by Telegram id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._members: dict[int, Member] = {}
        self._stale_at = 0.0
        self._changes = 0
        self._known = 0  # how many changes the cached members include
        self._reading: asyncio.Task[None] | None = None
        self._reading_knows = 0
        db.listeners.append(self._on_commit)

    async def member(self, telegram_id: int) -> Member | None:
        """The member of staff with this Telegram account, None for everybody else.

        While the staff is being read, everybody waits: an operator taken for a client would press buttons in vain.
        """
        if asyncio.get_running_loop().time() >= self._stale_at:
            if self._reading is None or self._reading.done() or self._reading_knows < self._changes:
                self._reading, self._reading_knows = asyncio.create_task(self._read()), self._changes
            await asyncio.shield(self._reading)  # all who wait go on together, in their order
        return self._members.get(telegram_id)

    async def _read(self) -> None:
        began, changes = asyncio.get_running_loop().time(), self._changes
        members = {one.telegram_id: one for one in await self._db.read(accounts.members)}
        if changes >= self._known:  # otherwise a later read was quicker
            self._members, self._known = members, changes
        if changes == self._changes:  # a change during the read leaves the cache stale
            self._stale_at = began + KEPT

    def forget(self) -> None:
        """Makes the next call of `member` read the staff again."""
        self._stale_at = 0.0
        self._changes += 1

    def _on_commit(self, announcements: list[Any]) -> None:
        for one in announcements:
            if isinstance(one, Logged) and one.fields["kind"] in _CHANGES:
                self.forget()
