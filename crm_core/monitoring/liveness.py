"""Liveness: unhealthy means that work is due and nothing has been finished for minutes; waiting work alone is normal.

Plain SQL over either driver, without SQLAlchemy: `mini-crm health` runs it twice a minute, `/readyz` at each request.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Ask = Callable[..., list[tuple[Any, ...]]]
"""`ask("SELECT … WHERE id = ?", 5)` returns rows."""

# An update may wait 2 minutes between attempts, a message after an ambiguous outcome 5 minutes: pauses of that length
# are normal, so the limits are twice as long.
INBOX_SECONDS, OUTBOX_SECONDS = 240, 600

_OLDEST_UPDATE = """
    SELECT min(received_at) FROM inbox
    WHERE state = 'new' AND (not_before IS NULL OR not_before <= ?) AND bot_id IN ({bots})
"""
# What is stored as finished in the future was finished under a clock that was ahead, and says nothing about now.
_LAST_UPDATE = "SELECT max(finished_at) FROM inbox WHERE finished_at IS NOT NULL AND finished_at <= ?"
# Rows held back by a flood wait are not late, nor are those of a bot that cannot run.
_OLDEST_SENDING = """
    SELECT min(CASE WHEN o.not_before > o.created_at THEN o.not_before ELSE o.created_at END)
    FROM outbox o JOIN bots b ON b.id = o.bot_id
    WHERE o.state IN ('pending', 'sending') AND (o.not_before IS NULL OR o.not_before <= ?)
      AND b.state = 'running' AND (b.not_before IS NULL OR b.not_before <= ?) AND b.id IN ({bots})
      AND NOT EXISTS (SELECT 1 FROM gates g WHERE g.bot_id = o.bot_id AND g.chat_id = o.chat_id AND g.not_before > ?)
"""
# Of Telegram alone: rows sent to other receivers say nothing about it.
_LAST_SENT = """
    SELECT max(settled_at) FROM outbox WHERE settled_at IS NOT NULL AND settled_at <= ? AND bot_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of work, in seconds.

    Attributes:
        oldest_update, oldest_unsent: for how long the oldest due work has been due; 0 if nothing is due.
        updates_stalled, sending_stalled: for how long work has been due while nothing was finished.
    """

    oldest_update: float
    oldest_unsent: float
    updates_stalled: float
    sending_stalled: float

    def troubles(self) -> list[str]:
        """What is wrong, a sentence each; empty if healthy."""
        found = []
        if self.updates_stalled >= INBOX_SECONDS:
            found.append(f"An update has waited for {self.updates_stalled:.0f} s and none was finished meanwhile.")
        if self.sending_stalled >= OUTBOX_SECONDS:
            found.append(
                f"A message has waited to be sent for {self.sending_stalled:.0f} s and none was sent meanwhile."
            )
        return found


def look(ask: Ask, *, now: datetime, bot_ids: Collection[int]) -> Progress:
    """The progress of these bots."""
    moment = int(now.timestamp() * 1000)
    bots = ", ".join(str(int(one)) for one in bot_ids) or "NULL"
    update, updates_stalled = _due(ask, moment, _OLDEST_UPDATE.format(bots=bots), (moment,), _LAST_UPDATE)
    unsent, sending_stalled = _due(ask, moment, _OLDEST_SENDING.format(bots=bots), (moment,) * 3, _LAST_SENT)
    return Progress(update, unsent, updates_stalled, sending_stalled)


def _due(ask: Ask, now: int, oldest: str, values: tuple[int, ...], last: str) -> tuple[float, float]:
    """For how many seconds work has been due, and for how many of them nothing was finished."""
    ((due,),) = ask(oldest, *values)
    if due is None:
        return 0.0, 0.0
    ((finished,),) = ask(last, now)
    return (now - due) / 1000, (now - max(due, finished or 0)) / 1000
