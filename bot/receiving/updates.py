"""Which conversation an update belongs to, when it happened, and whether an album ends with it."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.receiving.reading import topic_of, whole
from bot.telegram.methods import ALLOWED_UPDATES, POLL_LIMIT
from crm_core.messaging.inbox import Update


def to_update(bot_id: int, raw: dict[str, Any]) -> Update:
    """A raw update with its conversation: the bot and the chat where it happened.

    A button press belongs to the chat of its button, so that it never runs beside a message of that chat. Of a group it
    is the topic, since words in it may go to a client, or the message that somebody reacts to. Whatever has no chat,
    does not look like an update, or happened elsewhere in a group, where the bot does nothing, is a conversation of its
    own: it delays no other, and waits for none.
    """
    update_id = whole(raw.get("update_id")) or 0
    place = _place(raw)
    key = f"{bot_id}:{place}" if place is not None else f"{bot_id}:update:{update_id}"
    with contextlib.suppress(RecursionError):  # no update of Telegram is nested so deep
        raw = _storable(raw)
    return Update(update_id, key, raw)


def with_album_ends(updates: Sequence[Update]) -> list[Update]:
    """The updates of one answer of Telegram's, those marked that are the last of several parts of an album.

    Telegram makes an album of one request, so its parts come together. If one comes alone nevertheless, it is not known
    whether others follow; and an answer that is full may have been cut within an album.
    """
    seen: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], int] = {}
    for place, one in enumerate(updates):
        album = album_of(one.raw)
        if album is not None:
            seen[one.conversation, album] += 1
            last[one.conversation, album] = place
    found = list(updates)
    for key, place in last.items():
        if seen[key] > 1 and len(updates) < POLL_LIMIT:
            found[place] = replace(found[place], ends_album=True)
    return found


def is_album(updates: Sequence[Update]) -> bool:
    """Whether these are all parts of one album, and nothing else."""
    first = updates[0]
    album = album_of(first.raw)
    return (
        album is not None
        and updates[-1].ends_album
        and all(album_of(one.raw) == album and one.conversation == first.conversation for one in updates)
    )


def album_of(raw: dict[str, Any]) -> str | None:
    """Telegram's id of the album that a new message is part of."""
    message = raw.get("message")
    album = message.get("media_group_id") if isinstance(message, dict) else None
    return album if isinstance(album, str) else None


def _storable(value: Any) -> Any:
    """The same without NUL characters, which nobody sees and PostgreSQL cannot store, and without half characters."""
    if isinstance(value, str):
        value = value.replace("\x00", "") if "\x00" in value else value
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):  # numbers are half of what it has: a call for each took a third of the time
        return {name: one if isinstance(one, int) else _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return value


def costs_turn(raw: dict[str, Any]) -> bool:
    """Whether an update counts when a client floods: a live location that moves by itself does not."""
    edited = raw.get("edited_message")
    return not (isinstance(edited, dict) and "location" in edited)


def happened_at(raw: dict[str, Any]) -> int | None:
    """When a message was written or edited, or a bot blocked, in seconds since 1970; None for what has no moment."""
    for name in ("message", "edited_message", "my_chat_member", "message_reaction"):
        happened = raw.get(name)
        if isinstance(happened, dict):
            return whole(happened.get("edit_date")) or whole(happened.get("date"))
    return None


def is_forum_command(text: Any) -> bool:
    """Whether a text of a group may bind it to a source."""
    return isinstance(text, str) and text.casefold().startswith("/forum")


def _place(raw: dict[str, Any]) -> int | str | None:
    for name in ALLOWED_UPDATES:
        happened = raw.get(name)
        if isinstance(happened, dict):
            message = happened.get("message") if name == "callback_query" else happened
            chat = message.get("chat") if isinstance(message, dict) else None
            chat = chat if isinstance(chat, dict) else happened.get("from")
            if not isinstance(chat, dict):
                return None
            chat_id = whole(chat.get("id"))
            return chat_id if chat.get("type", "private") == "private" else _in_group(raw, happened, chat_id)
    return None


def _in_group(raw: dict[str, Any], message: dict[str, Any], chat_id: int | None) -> int | str | None:
    if chat_id is None:
        return None
    if message is raw.get("message_reaction"):  # it names no topic
        return f"{chat_id}:reaction:{whole(message.get('message_id'))}"
    topic = topic_of(raw)
    if topic is None:
        return chat_id if is_forum_command(message.get("text")) else None
    return f"{chat_id}:{topic}"
