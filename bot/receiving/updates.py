"""Which conversation an update belongs to, and when it happened."""

import contextlib
from typing import Any

from bot.telegram.methods import ALLOWED_UPDATES
from crm_core.messaging.inbox import Update

LARGEST_ID = 2**63 - 1  # what databases hold; Telegram's ids are smaller by far


def to_update(bot_id: int, raw: dict[str, Any]) -> Update:
    """A raw update with its conversation: the bot and the chat where it happened.

    A button press belongs to the chat of its button, so that it never runs beside a message of that chat. Whatever has
    no chat, does not look like an update, or happened in a group, where the bot does nothing, is a conversation of its
    own: it delays no other, and waits for none.
    """
    update_id = _number(raw.get("update_id")) or 0
    chat_id = _chat_id(raw)
    key = f"{bot_id}:{chat_id}" if chat_id is not None else f"{bot_id}:update:{update_id}"
    with contextlib.suppress(RecursionError):  # no update of Telegram is nested so deep
        raw = _without_nul(raw)
    return Update(update_id, key, raw)


def _without_nul(value: Any) -> Any:
    """The same without NUL characters, which nobody can see and PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, dict):
        return {name: _without_nul(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    return value


def happened_at(raw: dict[str, Any]) -> int | None:
    """When a message was written or edited, or a bot blocked, in seconds since 1970; None for what has no moment."""
    for name in ("message", "edited_message", "my_chat_member"):
        happened = raw.get(name)
        if isinstance(happened, dict):
            return _number(happened.get("edit_date")) or _number(happened.get("date"))
    return None


def has_impossible_number(value: Any) -> bool:
    """Whether a raw update has a whole number, anywhere in it, that no database holds: Telegram sends none such."""
    if isinstance(value, dict):
        return any(map(has_impossible_number, value.values()))
    if isinstance(value, list):
        return any(map(has_impossible_number, value))
    return isinstance(value, int) and abs(value) > LARGEST_ID


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) <= LARGEST_ID else None


def _chat_id(raw: dict[str, Any]) -> int | None:
    for name in ALLOWED_UPDATES:
        happened = raw.get(name)
        if isinstance(happened, dict):
            message = happened.get("message") if name == "callback_query" else happened
            chat = message.get("chat") if isinstance(message, dict) else None
            chat = chat if isinstance(chat, dict) else happened.get("from")
            if not isinstance(chat, dict) or chat.get("type", "private") != "private":
                return None
            return _number(chat.get("id"))
    return None
