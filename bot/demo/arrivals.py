"""Waiting until people see what a bot sends: a card, or a copy of a message."""

import asyncio
import re
from dataclasses import dataclass

from bot.sandbox.world.transcript import NEW, Entry

_NAME = re.compile(r"#\d+ (.+?)(?: @\w+)?\n📥 ")
_NUMBER = re.compile(r"#(\d+)")


@dataclass(frozen=True, slots=True)
class Card:
    """A card, as it came into an operator's chat.

    Attributes:
        number: of the contact.
        client: the full name on it.
        text: the client's first message as shown on it; for anything but text, its kind in brackets.
    """

    number: int
    client: str
    text: str


def read_card(text: str) -> Card | None:
    """A card's facts from its text; None for any other message."""
    number, name = _NUMBER.match(text), _NAME.match(text)
    if number is None or name is None:
        return None
    parts = text.split("\n\n")
    return Card(int(number[1]), name[1], "\n\n".join(parts[1:-1]))


def number_in(text: str) -> int | None:
    """The contact that a message of a bot is about, by its number."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else None


class Arrivals:
    """Listens to the sandbox's transcript and wakes those who wait."""

    def __init__(self) -> None:
        self._cards: dict[tuple[int | None, str], asyncio.Queue[tuple[int, int]]] = {}
        self._copies: dict[tuple[int | None, int, int], asyncio.Event] = {}

    def notice(self, entry: Entry) -> None:
        """Notes an entry of the transcript."""
        if entry.event != NEW or entry.message.get("from", {}).get("id") != entry.bot_id:
            return
        if entry.copied_from is not None:
            self._copy(entry.bot_id, *entry.copied_from).set()
            return
        card = read_card(entry.message.get("text", ""))
        if card is not None:
            self._queue(entry.bot_id, card.client).put_nowait((entry.chat_id, entry.message["message_id"]))

    async def card(self, bot_id: int, client: str, *, within: float) -> tuple[int, int]:
        """The card of a client's contact: (the operator's chat, the message). Raises TimeoutError."""
        return await asyncio.wait_for(self._queue(bot_id, client).get(), within)

    async def copy(self, bot_id: int, chat_id: int, message_id: int, *, within: float) -> None:
        """Waits until somebody's message has reached the other side. Raises TimeoutError."""
        await asyncio.wait_for(self._copy(bot_id, chat_id, message_id).wait(), within)

    def _queue(self, bot_id: int | None, client: str) -> asyncio.Queue[tuple[int, int]]:
        return self._cards.setdefault((bot_id, client), asyncio.Queue())

    def _copy(self, bot_id: int | None, chat_id: int, message_id: int) -> asyncio.Event:
        return self._copies.setdefault((bot_id, chat_id, message_id), asyncio.Event())
