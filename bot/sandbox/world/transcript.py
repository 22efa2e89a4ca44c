"""A chronological record of what people saw, for tests and the demo."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

import asyncio
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

NEW, EDITED, DELETED, CALLBACK_ANSWER, REACTION = "new", "edited", "deleted", "callback_answer", "reaction"


class Entry:
    """One visible change in a chat.

    `message` is the message as it was then (Bot API JSON). `bot_id` is the bot of a private chat, or the bot that
    acted in a group, or None. `request_id` is the number of the bot's request, None for actions of people.
    """

    __slots__ = ("bot_id", "chat_id", "copied_from", "data", "event", "kind", "message", "request_id", "seq", "time")

    def __init__(
        self,
        time: float,
        event: str,
        bot_id: int | None,
        chat_id: int,
        kind: str,
        message: Json,
        copied_from: tuple[int, int] | None,
        request_id: int | None,
        data: Json | None,
    ) -> None:
        self.seq = 0
        self.time = time
        self.event = event
        self.bot_id = bot_id
        self.chat_id = chat_id
        self.kind = kind
        self.message = message
        self.copied_from = copied_from
        self.request_id = request_id
        self.data = data

    def as_json(self) -> Json:
        """Everything about the entry as plain values."""
        message = self.message
        return {
            "seq": self.seq,
            "time": self.time,
            "event": self.event,
            "bot": self.bot_id,
            "chat": self.chat_id,
            "message_id": message.get("message_id"),
            "sender": message.get("from", {}).get("id"),
            "kind": self.kind,
            "album": message.get("media_group_id"),
            "text": message.get("text", message.get("caption", "")),
            "entities": message.get("entities", message.get("caption_entities", [])),
            "buttons": button_labels(message),
            "presses": button_data(message),
            "reply_to": message.get("reply_to_message", {}).get("message_id"),
            "copied_from": list(self.copied_from) if self.copied_from else None,
            "request_id": self.request_id,
            "data": self.data,
        }


def button_labels(message: Json) -> list[list[str]]:
    """The labels of a message's inline buttons, row by row."""
    markup = message.get("reply_markup")
    return [[button["text"] for button in row] for row in markup.get("inline_keyboard", [])] if markup else []


def button_data(message: Json) -> list[str]:
    """The callback data of a message's inline buttons, in one list."""
    markup = message.get("reply_markup") or {}
    every = [button for row in markup.get("inline_keyboard", []) for button in row]
    return [button["callback_data"] for button in every if "callback_data" in button]


class Transcript:
    """An append-only list of entries that can be waited for."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._waiting: dict[tuple[int | None, int], list[asyncio.Future[None]]] = {}
        self.listeners: list[Callable[[Entry], None]] = []

    @property
    def seq(self) -> int:
        """The number of the last entry, 0 if there is none."""
        return len(self.entries)

    def add(self, entry: Entry) -> int:
        """Append an entry and wake those who wait for its chat. Returns its number."""
        self.entries.append(entry)
        entry.seq = len(self.entries)
        self.wake(entry.bot_id, entry.chat_id)
        for listener in self.listeners:
            listener(entry)
        return entry.seq

    def wake(self, bot_id: int | None, chat_id: int) -> None:
        """Wake those who wait for a chat: it looks different now, also if nothing was written ("typing…")."""
        if self._waiting:
            self._wake((bot_id, chat_id))
            self._wake((None, chat_id))

    def _wake(self, place: tuple[int | None, int]) -> None:
        for future in self._waiting.pop(place, ()):
            if not future.done():
                future.set_result(None)

    def since(self, seq: int, limit: int | None = None) -> list[Entry]:
        """Entries after number `seq`, at most `limit`."""
        return self.entries[seq:] if limit is None else self.entries[seq : seq + limit]

    async def changed(self, bot_id: int | None, chat_id: int, timeout: float) -> bool:
        """Wait for an entry of a chat, at most `timeout` seconds; whether there was one.

        Args:
            bot_id: the bot of a private chat; None for a group
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((bot_id, chat_id), []).append(future)
        done, _ = await asyncio.wait([future], timeout=timeout)
        return bool(done)
