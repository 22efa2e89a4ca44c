"""Which updates Telegram is asked for, and which conversation an update belongs to."""

from typing import Any

from aiogram.methods.base import TelegramMethod

from crm_core.messaging.inbox import Update

# Telegram keeps the list between calls; it is sent with every call, so that a change here takes effect.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]


class GetRawUpdates(TelegramMethod[list[Any]]):
    """getUpdates, answered with plain dictionaries: one update that does not parse must not stop the rest."""

    __returning__ = list[Any]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] = ALLOWED_UPDATES


LARGEST_ID = 2**63 - 1  # what databases hold; Telegram's ids are smaller by far


def to_update(bot_id: int, raw: dict[str, Any]) -> Update:
    """A raw update with its conversation: the bot and the chat where it happened.

    A button press belongs to the chat of its button, so that it never runs beside a message of that chat. Whatever has
    no chat, or does not look like an update, is a conversation of its own and cannot delay another.
    """
    update_id = _number(raw.get("update_id")) or 0
    chat_id = _chat_id(raw)
    key = f"{bot_id}:{chat_id}" if chat_id is not None else f"{bot_id}:update:{update_id}"
    return Update(update_id, key, raw)


def happened_at(raw: dict[str, Any]) -> int | None:
    """When a message was written or edited, or a bot blocked, in seconds since 1970; None for what has no moment."""
    for name in ("message", "edited_message", "my_chat_member"):
        event = raw.get(name)
        if isinstance(event, dict):
            return _number(event.get("edit_date")) or _number(event.get("date"))
    return None


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) <= LARGEST_ID else None


def _chat_id(raw: dict[str, Any]) -> int | None:
    for name in ALLOWED_UPDATES:
        event = raw.get(name)
        if isinstance(event, dict):
            message = event.get("message") if name == "callback_query" else event
            chat = message.get("chat") if isinstance(message, dict) else None
            chat = chat if isinstance(chat, dict) else event.get("from")
            return _number(chat.get("id")) if isinstance(chat, dict) else None
    return None
