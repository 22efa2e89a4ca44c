"""The methods of Telegram that every message calls, as plain as they go over the wire."""

from typing import Any

from bot.telegram.session import PlainMethod


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
    reply_parameters: Any = None
