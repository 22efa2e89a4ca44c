"""Copies of an album: how its parts are sent together, and which of them arrived. Pure.

`copyMessages` keeps an album as it is, with one request. Its copies can't be replies, though, and keep their captions.
So an album that answers a message, whose first parts are there already, or from whose caption a number was taken, is
sent anew from its files; and where it is not clear to an operator whose album it is, a line beneath it says so
(`crm_core.delivery.sent_messages`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.delivery.copies import copy_of, is_copied
from bot.telegram.methods import CopyAlbum, CopyContent, SendAlbum
from bot.texts import Translator
from crm_core.delivery.claimed_rows import ClaimedRow, MessageData

Json = dict[str, Any]

SENDABLE = frozenset({"photo", "video", "document", "audio"})  # by sendMediaGroup


@dataclass(frozen=True, slots=True)
class Apart:
    """A part of an album is to be sent by itself from now on; if `is_ambiguous`, it may be there already."""

    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Together:
    """A request that sends parts of an album, in the order of the messages that it makes."""

    method: CopyAlbum | SendAlbum
    rows: tuple[ClaimedRow, ...]


def grouped(rows: Sequence[ClaimedRow]) -> list[list[ClaimedRow]]:
    """Claimed rows, the parts of an album together; each chat has one row at a time, or one album."""
    if len(rows) == 1:
        return [list(rows)]
    found: dict[int, list[ClaimedRow]] = {}
    for row in sorted(rows, key=lambda one: one.id):
        found.setdefault(row.chat_id, []).append(row)
    return list(found.values())


def together(parts: Sequence[ClaimedRow], _: Translator) -> Together | None:
    """The request that sends all parts of an album that can be sent together; None if these are fewer than two."""
    found: dict[int, tuple[ClaimedRow, MessageData]] = {}
    for row in parts:
        message = row.message
        if message is not None and message.message_id is not None and row.album is not None and is_copied(row, _):
            found.setdefault(message.message_id, (row, message))
    places = {message.chat_id for _row, message in found.values() if message.chat_id is not None}
    if len(places) != 1 or len(found) < 2:
        return None
    numbers = sorted(found)  # they must rise, or Telegram refuses all of it
    rows = tuple(found[number][0] for number in numbers)
    is_reply = rows[0].album is not None and rows[0].album.reply_to is not None
    if not is_reply and not any(row.payload.get("is_rewritten") for row in rows):
        copies = CopyAlbum(chat_id=rows[0].chat_id, from_chat_id=places.pop(), message_ids=numbers)
        return Together(copies, rows)
    media = [_media(row) for row in rows]
    if not all(media):
        return None
    first = copy_of(rows[0], _)
    reply = first.reply_parameters if is_reply and isinstance(first, CopyContent) else None
    return Together(SendAlbum(chat_id=rows[0].chat_id, media=media, reply_parameters=reply), rows)


def _media(row: ClaimedRow) -> Json | None:
    """A part as sendMediaGroup takes it; None if its file is not known."""
    message = row.message
    file = None if message is None else (message.media or {}).get("file")
    if message is None or file is None or message.kind not in SENDABLE:
        return None
    media: Json = {"type": message.kind, "media": file}
    if message.text:
        media["caption"] = message.text
        if message.entities:
            media["caption_entities"] = message.entities
    return media
