"""Our messages: text with entities, and buttons. Values never become markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup, ReplyKeyboardRemove
from aiogram.utils.formatting import Text

from crm_core.graphemes import beginning
from crm_core.messaging import outbox

Keyboard = InlineKeyboardMarkup | ReplyKeyboardMarkup | ReplyKeyboardRemove


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A finished message of ours, as the outbox stores it."""

    payload: dict[str, Any]


def text_message(
    content: str | Text, *, keyboard: Keyboard | None = None, reply_to: int | None = None, is_protected: bool = False
) -> OutgoingMessage:
    """A message of text.

    Args:
        content: plain text, or formatting nodes; either may contain what people wrote, which stays literal.
        keyboard: buttons under it.
        reply_to: Telegram's id of the message in the same chat that it answers.
        is_protected: whether it can be neither forwarded nor saved, since it has what clients of such a source wrote.
    """
    node = content if isinstance(content, Text) else Text(content)
    text, entities = node.render()
    payload: dict[str, Any] = {"text": text}
    if entities:
        payload["entities"] = [entity.model_dump(exclude_none=True, mode="json") for entity in entities]
    if keyboard is not None:
        payload["keyboard"] = keyboard.model_dump(exclude_none=True, mode="json")
    if reply_to is not None:
        payload["reply_to"] = reply_to
    if is_protected:
        payload[outbox.PROTECTED] = True
    return OutgoingMessage(payload)


def with_picture(
    answer: OutgoingMessage, caption: OutgoingMessage, *, language: str, stands: bool, **about: Any
) -> OutgoingMessage:
    """The same message with a picture, which is made when it is sent; if that fails, the message is sent as it is.

    Args:
        caption: what stands under the picture instead, within `bot.telegram.limits.CAPTION_LONGEST`, with buttons.
        language: of the text in the picture.
        stands: whether the message whose button was pressed has a picture already.
        about: what the picture shows; see `bot.reports.statistics_picture`.
    """
    picture = {**caption.payload, **about, "stands": stands}
    return OutgoingMessage({**answer.payload, "language": language, "picture": picture})


def rows(buttons: Sequence[InlineKeyboardButton], *, each: int = 1) -> InlineKeyboardMarkup:
    """Inline buttons, `each` in a row."""
    lines = [list(buttons[start : start + each]) for start in range(0, len(buttons), each)]
    return InlineKeyboardMarkup(inline_keyboard=lines)


def shorten(text: str | None, length: int = 40) -> str:
    """The beginning of a text, in one line, for a button or a list."""
    line = " ".join((text or "").split())
    return line if len(line) <= length else beginning(line, length - 1).rstrip() + "…"
