"""A plain text message in a private chat, which is most of what clients send, without aiogram's validation.

The model of a message has 127 fields, and each of them is looked for: with one message at a time, whose validators are
in no cache, that takes a twentieth of the way to the operator (docs/performance.md). Here the fields that a plain
message has are put into a copy of an empty one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot
from aiogram.types import Chat, Message, User

_NO_CHAT = Chat(id=0, type="private")
_NOBODY = User(id=0, is_bot=False, first_name="")
_NOTHING = Message(message_id=0, date=datetime.fromtimestamp(0, UTC), chat=_NO_CHAT)

_CHAT = {"id": int, "type": str, "first_name": str, "last_name": str, "username": str}
_USER = {"id": int, "is_bot": bool, "first_name": str, "last_name": str, "username": str, "language_code": str}
_MESSAGE = {"message_id": int, "from": dict, "chat": dict, "date": int, "text": str}
_NEEDED = ("id", "is_bot", "first_name")
_LATEST = 2**31  # of a larger number pydantic takes milliseconds


def read_plain(raw: Mapping[str, Any], *, bot: Bot) -> Message | None:
    """The message that validation would make of these fields; None for one that is not plain."""
    if len(raw) != len(_MESSAGE) or not _is_of(raw, _MESSAGE):
        return None
    chat, writer, date = raw["chat"], raw["from"], raw["date"]
    if not (_is_of(chat, _CHAT) and _is_of(writer, _USER) and 0 <= date < _LATEST):
        return None
    if chat.get("type") != "private" or "id" not in chat or not all(name in writer for name in _NEEDED):
        return None
    fields = {
        "message_id": raw["message_id"],
        "date": datetime.fromtimestamp(date, UTC),
        "chat": _NO_CHAT.model_copy(update=chat).as_(bot),
        "from_user": _NOBODY.model_copy(update=writer).as_(bot),
        "text": raw["text"],
    }
    return _NOTHING.model_copy(update=fields).as_(bot)


def _is_of(raw: Mapping[str, Any], types: Mapping[str, type]) -> bool:
    return all(type(value) is types.get(name) for name, value in raw.items())
