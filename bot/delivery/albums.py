"""Copies of an album: how its parts are sent together, and which of them arrived. Pure.

`copyMessages` keeps an album as it is, with one request. Its copies can't be replies, though, and keep their captions.
So an album that answers a message, whose first parts are there already, or from whose caption a number was taken, is
sent anew from its files; and where it is not clear to an operator whose album it is, a line beneath it says so
(`crm_core.delivery.sent_messages`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.delivery.copies import NothingToSend, copy_of
from bot.telegram.methods import CopyAlbum, CopyContent, SendAlbum
from bot.texts import Translator
from crm_core.delivery.claimed_rows import ClaimedRow

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
    found: dict[int, tuple[ClaimedRow, CopyContent]] = {}
    for row in parts:
        copy = _copy(row, _)
        if copy is not None and row.album is not None:
            found.setdefault(copy.message_id, (row, copy))  # their numbers must rise, or Telegram refuses all of it
    if len({copy.from_chat_id for _row, copy in found.values()}) != 1 or len(found) < 2:
        return None
    rows = tuple(found[number][0] for number in sorted(found))
    first = found[min(found)][1]
    is_reply = rows[0].album is not None and rows[0].album.reply_to is not None
    if not is_reply and not any(row.payload.get("is_rewritten") for row in rows):
        copies = CopyAlbum(chat_id=first.chat_id, from_chat_id=first.from_chat_id, message_ids=sorted(found))
        return Together(copies, rows)
    media = [_media(row) for row in rows]
    if not all(media):
        return None
    reply = first.reply_parameters if is_reply else None
    return Together(SendAlbum(chat_id=first.chat_id, media=media, reply_parameters=reply), rows)


def _copy(row: ClaimedRow, _: Translator) -> CopyContent | None:
    """The copy of a part by itself; None for one that is not sent, or in another way."""
    try:
        method = copy_of(row, _)
    except NothingToSend:
        return None
    return method if isinstance(method, CopyContent) else None


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
