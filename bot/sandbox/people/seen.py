"""What a person sees: messages with their buttons, and the answer to a button press."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

import re
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.people.control_client import ControlClient
from bot.sandbox.world.transcript import button_labels

Json = dict[str, Any]

Wanted = "str | re.Pattern[str] | Callable[[SeenMessage], bool] | None"


@dataclass(frozen=True)
class SeenMessage:
    """A message as it was when it was read.

    Attributes:
        id: message id in its chat
        place: the bot of the private chat, or the negative id of the group
        sender: user id of the sender
        kind: "text", "photo", …, "service"
        text: text or caption, "" without one
        buttons: labels of the inline buttons, row by row
        reply_to: id of the message it replies to
        copied_from: (chat id, message id) of the original of a copy or a forward, or of an album sent by its file ids
        request_id: number of the bot's request that last changed it, None for people's messages
        raw: the Bot API's Message
    """

    id: int
    chat_id: int
    place: int
    sender: int
    kind: str
    text: str
    raw: Json = field(repr=False)
    copied_from: tuple[int, int] | None
    request_id: int | None
    reactions: list[str]

    @classmethod
    def from_wire(cls, wire: Json) -> "SeenMessage":
        """From what the actions return."""
        message = wire["message"]
        copied = wire["copied_from"]
        return cls(
            id=message["message_id"],
            chat_id=wire["chat"],
            place=wire["place"],
            sender=message.get("from", {}).get("id", 0),
            kind=wire["kind"],
            text=message.get("text", message.get("caption", "")),
            raw=message,
            copied_from=tuple(copied) if copied else None,
            request_id=wire["request_id"],
            reactions=[reaction.get("emoji", "") for reaction in wire["reactions"]],
        )

    @property
    def entities(self) -> list[Json]:
        found: list[Json] = self.raw.get("entities") or self.raw.get("caption_entities") or []
        return found

    @property
    def buttons(self) -> list[list[str]]:
        return button_labels(self.raw)

    @property
    def labels(self) -> list[str]:
        """The labels of all inline buttons in one list."""
        return [label for row in self.buttons for label in row]

    @property
    def reply_to(self) -> int | None:
        found: int | None = self.raw.get("reply_to_message", {}).get("message_id")
        return found

    @property
    def edited(self) -> bool:
        return "edit_date" in self.raw

    @property
    def is_protected(self) -> bool:
        """Whether it can be neither forwarded nor saved."""
        return bool(self.raw.get("has_protected_content"))

    @property
    def thread(self) -> int | None:
        """The forum topic."""
        found: int | None = self.raw.get("message_thread_id")
        return found

    def button(self, label: str | None = None, callback_data: str | None = None) -> Json | None:
        """The inline button with this label, or a label that contains it, or with this data."""
        rows = self.raw.get("reply_markup", {}).get("inline_keyboard", [])
        every: list[Json] = [button for row in rows for button in row]
        if callback_data is not None:
            return next((button for button in every if button.get("callback_data") == callback_data), None)
        exact = next((button for button in every if button["text"] == label), None)
        return exact or next((button for button in every if label is not None and label in button["text"]), None)

    def matches(self, wanted: Any) -> bool:
        """Whether it contains a text, matches a pattern anywhere, or satisfies a function; None matches anything."""
        if wanted is None:
            return True
        if isinstance(wanted, str):
            return wanted in self.text
        if isinstance(wanted, re.Pattern):
            return wanted.search(self.text) is not None
        return bool(wanted(self))

    def __str__(self) -> str:
        label = f" {self.buttons}" if self.buttons else ""
        kind = "" if self.kind == "text" else f"<{self.kind}> "
        return f"{self.id} from {self.sender}: {kind}{self.text!r}{label}"


class CallbackPress:
    """A button press; the bot may not have answered yet."""

    def __init__(self, control: ControlClient, callback_id: str, data: str) -> None:
        self._control = control
        self.id = callback_id
        self.data = data

    async def answer(self, timeout: float = 20) -> str | None:
        """Wait for the toast or alert; its text, None if the bot answered without one.

        Args:
            timeout: seconds

        Raises AssertionError if the bot does not answer in time.
        """
        found = await self.full_answer(timeout)
        text: str | None = found["text"]
        return text

    async def full_answer(self, timeout: float = 20) -> Json:
        """Like `answer`, as {"text", "show_alert", "url"}."""
        found: Json | None = await self._control.wait("callback_answer", callback_id=self.id, timeout=timeout)
        if found is None:
            raise AssertionError(f"the bot did not answer the button {self.data!r} within {timeout} s")
        return found

    @property
    def answered(self) -> bool:
        """Whether the bot has answered."""
        return self._control.ask("callback", callback_id=self.id) is not None
