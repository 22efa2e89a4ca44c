"""Methods of Telegram in a cheaper form than aiogram's: those that every message and every poll calls."""

from typing import Any

from aiogram.methods.base import TelegramMethod

from bot.telegram.session import PlainMethod

# Telegram remembers this between calls; it is sent with every call, so that it is always what stands here.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]


class GetRawUpdates(TelegramMethod[list[Any]]):
    """getUpdates, answered with plain dictionaries: one update that does not parse must not stop the rest."""

    __returning__ = list[Any]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] = ALLOWED_UPDATES


class SendText(PlainMethod):
    """sendMessage."""

    __api_method__ = "sendMessage"

    chat_id: int
    text: str
    entities: Any = None
    reply_markup: Any = None
    reply_parameters: Any = None
    link_preview_options: Any = None


class CopyContent(PlainMethod):
    """copyMessage."""

    __api_method__ = "copyMessage"

    chat_id: int
    from_chat_id: int
    message_id: int
    caption: Any = None
    caption_entities: Any = None
    reply_parameters: Any = None
