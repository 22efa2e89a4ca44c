"""From the database to the senders: rows are handed over when they are committed, or claimed while they are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from bot.delivery.sender import Sender
from crm_core.delivery.claims import ClaimedRow
from crm_core.messaging.outbox import PendingRow
from crm_core.storage.database import Database, pending_on_commit


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that one bot will send as soon as the transaction that makes them is committed."""

    sender: Sender
    jobs: Sequence[ClaimedRow]


class Senders:
    """The senders that work in this process, by the bots' Telegram ids."""

    def __init__(self, db: Database) -> None:
        self.senders: dict[int, Sender] = {}
        db.listeners.append(self._hand_over)

    def claim_within(self, s: Session) -> list[Claim]:
        """Claims what a transaction has announced so far and nothing stands in the way of.

        That saves a commit between a message and its card. The caller sends or takes back, as the commit turns out.
        """
        claims = []
        for sender, rows in self._by_sender(pending_on_commit(s)):
            jobs = sender.claim_within(s, rows)
            if jobs:
                claims.append(Claim(sender, jobs))
        return claims

    def send(self, claims: Sequence[Claim]) -> None:
        """The transaction was committed."""
        for claim in claims:
            claim.sender.send_promised(claim.jobs)

    def take_back(self, claims: Sequence[Claim]) -> None:
        """The transaction was not committed, as far as anybody knows."""
        for claim in claims:
            claim.sender.unclaim(claim.jobs)

    def _hand_over(self, announcements: Sequence[Any]) -> None:
        for sender, rows in self._by_sender(announcements):
            sender.add(rows)

    def _by_sender(self, announcements: Sequence[Any]) -> list[tuple[Sender, list[PendingRow]]]:
        queued: dict[int, list[PendingRow]] = {}
        for one in announcements:
            if isinstance(one, PendingRow):
                queued.setdefault(one.bot_id, []).append(one)
        return [(self.senders[bot_id], rows) for bot_id, rows in queued.items() if bot_id in self.senders]
