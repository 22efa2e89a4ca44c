"""The senders of this process, by bot: each is handed its rows as soon as they are committed."""

from collections.abc import Sequence
from typing import Any

from bot.delivery.sender import Sender
from crm_core.messaging.outbox import PendingRow
from crm_core.storage.database import Database


class Senders:
    """The senders that work in this process, by the bots' Telegram ids."""

    def __init__(self, db: Database) -> None:
        self.by_bot: dict[int, Sender] = {}
        db.listeners.append(self._hand_over)

    def _hand_over(self, announcements: Sequence[Any]) -> None:
        for sender, rows in self.rows_of_each(announcements):
            sender.add(rows)

    def rows_of_each(self, announcements: Sequence[Any]) -> list[tuple[Sender, list[PendingRow]]]:
        """The outbox rows among the announcements of a transaction, with the sender of each. Other bots' are left out.

        Args:
            announcements: see `crm_core.storage.database.on_commit`.
        """
        rows: dict[int, list[PendingRow]] = {}
        for one in announcements:
            if isinstance(one, PendingRow):
                rows.setdefault(one.bot_id, []).append(one)
        return [(self.by_bot[bot_id], of_bot) for bot_id, of_bot in rows.items() if bot_id in self.by_bot]
