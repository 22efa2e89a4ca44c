"""Methods of Telegram in a cheaper form than aiogram's: those that every message and every poll calls."""

from typing import Any

from aiogram.methods.base import TelegramMethod

from bot.telegram.session import PlainAlbumMethod, PlainMethod

# Telegram remembers this between calls; it is sent with every call, so that it is always what stands here.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member", "message_reaction"]

POLL_LIMIT = 100  # updates in an answer at most


class GetRawUpdates(TelegramMethod[list[Any]]):
    """getUpdates, answered with plain dictionaries: one update that does not parse must not stop the rest."""

    __returning__ = list[Any]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = POLL_LIMIT
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
    protect_content: bool | None = None
    message_thread_id: int | None = None
    disable_notification: bool | None = None


class CopyContent(PlainMethod):
    """copyMessage."""

    __api_method__ = "copyMessage"

    chat_id: int
    from_chat_id: int
    message_id: int
    caption: Any = None
    caption_entities: Any = None
    reply_parameters: Any = None
    protect_content: bool | None = None
    message_thread_id: int | None = None
    disable_notification: bool | None = None


class CopyAlbum(PlainAlbumMethod):
    """copyMessages, which keeps albums together; what cannot be copied is left out without a word."""

    __api_method__ = "copyMessages"

    chat_id: int
    from_chat_id: int
    message_ids: list[int]
    protect_content: bool | None = None
    message_thread_id: int | None = None


class SendAlbum(PlainAlbumMethod):
    """sendMediaGroup: unlike a copy, an album that is sent can be a reply, and have other captions."""

    __api_method__ = "sendMediaGroup"

    chat_id: int
    media: list[Any]
    reply_parameters: Any = None
    protect_content: bool | None = None
    message_thread_id: int | None = None
    disable_notification: bool | None = None


def protected(method: TelegramMethod[Any]) -> TelegramMethod[Any]:
    """The same request for a message that can be neither forwarded nor saved; one that sends nothing is left as it is.

    An edit cannot say so: a message stays as it was sent.
    """
    if "protect_content" not in type(method).model_fields:
        return method
    return method.model_copy(update={"protect_content": True})


def in_topic(method: TelegramMethod[Any], topic_id: int) -> TelegramMethod[Any]:
    """The same request for a message in a topic; one that sends nothing is left as it is."""
    if "message_thread_id" not in type(method).model_fields:
        return method
    return method.model_copy(update={"message_thread_id": topic_id})
