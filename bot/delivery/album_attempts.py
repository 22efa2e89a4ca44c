"""One attempt to send the parts of an album together: one request, and what its answer means for each part."""

from collections.abc import Sequence

import structlog
from aiogram.methods import DeleteMessages

from bot.delivery.albums import Apart, Together, together
from bot.delivery.attempts import Attempted, Attempts
from bot.delivery.circuit import Circuit
from bot.delivery.copies import FINAL
from bot.telegram.verdict import Sent, Undeliverable, Verdict
from crm_core.delivery.claimed_rows import ClaimedRow

log = structlog.get_logger("delivery")

# What these refuse, they would refuse of each part.
FINAL_FOR_ALL = FINAL - {"original_gone"}

Verdicts = dict[int, Verdict | Apart]
"""What an attempt meant for each row, by its id."""


class AlbumAttempts:
    """Makes the requests of one bot's sender that send albums."""

    def __init__(self, attempts: Attempts, circuit: Circuit) -> None:
        self._attempts, self._circuit = attempts, circuit

    async def attempt(self, parts: Sequence[ClaimedRow], after: float) -> list[Attempted]:
        """Sends the parts of an album, and returns what came of each.

        Args:
            after: seconds until their turn, as booked with the rate limiter.
        """
        head = parts[0]
        try:
            verdicts, is_own = await self._attempt(parts, after)
        finally:
            end = self._attempts.end(head)
        return [
            Attempted(verdicts[row.id], is_own, *end) if row is head else Attempted(verdicts[row.id], is_own, 1)
            for row in parts
        ]

    async def _attempt(self, parts: Sequence[ClaimedRow], after: float) -> tuple[Verdicts, bool]:
        head = parts[0]
        held = await self._attempts.wait(head.chat_id, after)
        album = None if held else together(parts, self._attempts.translator(head))
        if album is not None:
            held = await self._attempts.wait_turn(head.chat_id, len(album.rows))
        if held is not None:
            self._circuit.end_trial(head.id)
            return dict.fromkeys((row.id for row in parts), held), False
        apart: dict[int, Verdict | Apart] = dict.fromkeys((row.id for row in parts), Apart())
        if album is None:
            verdict, is_own = await self._attempts.send(head, 0.0)
            return apart | {head.id: verdict}, is_own
        began = self._circuit.began()
        verdict = self._circuit.read(await self._attempts.request(head, album.method, None), head.kind)
        is_own = self._circuit.note(head.id, verdict, began, kind=head.kind)
        return apart | await self._for_each(head, album, verdict), is_own

    async def _for_each(self, head: ClaimedRow, album: Together, verdict: Verdict) -> Verdicts:
        """What the answer to the request means for each part."""
        ids = [row.id for row in album.rows]
        if isinstance(verdict, Sent):
            return await self._arrived(head, album, verdict)
        if isinstance(verdict, Undeliverable) and verdict.reason not in FINAL_FOR_ALL:
            return dict.fromkeys(ids, Apart(is_ambiguous=verdict.reason == "partly_sent"))
        return dict.fromkeys(ids, verdict)

    async def _arrived(self, head: ClaimedRow, album: Together, sent: Sent) -> Verdicts:
        numbers = [number for number in (sent.message_id, *sent.also) if number is not None]
        if len(numbers) != len(album.rows):
            return dict.fromkeys((row.id for row in album.rows), await self._take_out(head, numbers))
        return {row.id: Sent(number or None) for row, number in zip(album.rows, numbers, strict=True)}

    async def _take_out(self, head: ClaimedRow, numbers: list[int]) -> Apart:
        """Telegram has left parts out and does not say which: what is there goes, and each part comes by itself."""
        log.warning("album_incomplete", outbox_id=head.id, kind=head.kind, arrived=len(numbers))
        if not numbers:  # where none can be copied, Telegram says so
            return Apart(is_ambiguous=True)
        deleting = DeleteMessages(chat_id=head.chat_id, message_ids=numbers)
        if isinstance(await self._attempts.request(head, deleting, None, is_paced=False), Sent):
            return Apart()
        self._attempts.note_parts(head, numbers)
        return Apart(is_ambiguous=True)
