"""What we ask Telegram for, and which conversation an update belongs to."""

from typing import Any

from aiogram.methods.base import TelegramMethod

from crm_core.inbox import Update

# Telegram remembers this between calls; it is sent with every call, so that it is always what stands here.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]


class GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates, answered with plain dictionaries: one update that does not parse must not stop the rest."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] = ALLOWED_UPDATES


def to_update(bot_id: int, raw: dict[str, Any]) -> Update:
    """A raw update with its conversation: the bot and the chat where it happened.

    A press belongs to the chat of its button, so that it never runs beside a message of that chat. Whatever has no
    chat, or does not look like an update, is a conversation of its own and cannot hold up another.
    """
    update_id = raw.get("update_id")
    chat_id = _chat_id(raw)
    key = f"{bot_id}:{chat_id}" if chat_id is not None else f"{bot_id}:update:{update_id}"
    return Update(update_id if isinstance(update_id, int) else 0, key, raw)


def _chat_id(raw: dict[str, Any]) -> int | None:
    for name in ALLOWED_UPDATES:
        happened = raw.get(name)
        if isinstance(happened, dict):
            message = happened.get("message") if name == "callback_query" else happened
            chat = message.get("chat") if isinstance(message, dict) else None
            chat = chat if isinstance(chat, dict) else happened.get("from")
            found = chat.get("id") if isinstance(chat, dict) else None
            return found if isinstance(found, int) else None
    return None
