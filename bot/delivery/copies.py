"""Copies of messages: how each is sent, what follows it, and what is tried where Telegram refuses it.

Telegram copies a message as it is; as a reply, it makes the message anew under the bot's own limits, and may refuse
what it would have copied. Its words are stored, so a copy that is refused is sent in parts before it is given up.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from aiogram.enums import ContentType
from aiogram.methods import (
    EditMessageCaption,
    EditMessageLiveLocation,
    EditMessageMedia,
    EditMessageText,
    SendLocation,
    SendMessage,
    StopMessageLiveLocation,
    TelegramMethod,
)
from aiogram.types import (
    InputMediaAnimation,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)
from aiogram.utils.formatting import Text, as_list

from bot.delivery.origins import from_operator, origin_lines
from bot.delivery.staff_notices import staff_notice
from bot.telegram.limits import CAPTION_LONGEST, CAPTIONED, MESSAGE_LONGEST
from bot.telegram.methods import CopyContent, SendText
from bot.texts import Translator
from crm_core.delivery.claimed_rows import ClaimedRow, MessageData
from crm_core.messaging import outbox
from crm_core.messaging.messages import fits_units, utf16_units

Json = dict[str, Any]

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
NO_PREVIEW_PLAIN = {"is_disabled": True}  # a link in a client's message must not open a picture on a card
QUOTED_CAPTION_LONGEST = 3_000  # UTF-16 units; Telegram's own limit is 1024, Premium's 2048
MEDIA = {
    "photo": InputMediaPhoto,
    "video": InputMediaVideo,
    "animation": InputMediaAnimation,
    "document": InputMediaDocument,
    "audio": InputMediaAudio,
}
LIVE_SHORTEST = 60  # seconds for which a bot may share a live location at least
# Reasons for which no other form of the same message would be accepted.
FINAL = frozenset(
    {
        "blocked",
        "deactivated",
        "not_started",
        "chat_not_found",
        "migrated",
        "original_gone",
        "nothing_to_send",
        "voice_forbidden",
    }
)


class NothingToSend(Exception):
    """What the row was about does not exist any more."""


# --- a copy -----------------------------------------------------------------------------------------------------------


def copy_of(row: ClaimedRow, _: Translator) -> TelegramMethod[Any]:
    """The request that sends a message to the other side. Raises NothingToSend."""
    message = row.message
    if message is None or message.is_withdrawn:
        raise NothingToSend(row.kind)
    reply, above = _reply(row, message), _above(row, message, _)
    other = _instead_of_copy(row, message, above, reply, _)
    if other is not None:
        return other
    assert message.chat_id is not None and message.message_id is not None  # noqa: PT018 - or it cannot be copied
    copy = CopyContent(
        chat_id=row.chat_id, from_chat_id=message.chat_id, message_id=message.message_id, reply_parameters=reply
    )
    is_rewritten = bool(row.payload.get("is_rewritten"))
    if is_rewritten or (above and message.kind in CAPTIONED and _fits(above, message, CAPTION_LONGEST)):
        copy.caption, copy.caption_entities = _beneath(above, message)
    return copy


def is_copied(row: ClaimedRow, _: Translator) -> bool:
    """Whether `copy_of` would copy the message of a row, and not send something else in its place, or nothing."""
    message = row.message
    if message is None or message.is_withdrawn:
        return False
    return _instead_of_copy(row, message, _above(row, message, _), _reply(row, message), _) is None


def _instead_of_copy(
    row: ClaimedRow, message: MessageData, above: str, reply: Json | None, _: Translator
) -> TelegramMethod[Any] | None:
    """What is sent of a message that is not copied; None for one that is."""
    if row.payload.get("in_your_name"):
        return _written_for_operator(row, message, _)
    is_rewritten = bool(row.payload.get("is_rewritten"))
    if message.kind == ContentType.TEXT and (message.message_id is None or not message.can_copy or is_rewritten):
        # Written through the API, protected, or without a number that stood before it: it can be sent, but not copied.
        return _as_text(row, message, above, reply)
    if not message.can_copy or message.chat_id is None or message.message_id is None:
        return not_copyable(row, message, _)
    point = _live_point(message)
    if point is not None:
        return SendLocation(chat_id=row.chat_id, reply_parameters=_parameters(reply), **point)
    if above and message.kind == ContentType.TEXT and message.text and _fits(above, message, MESSAGE_LONGEST):
        return _as_text(row, message, above, reply)
    return None


def _as_text(row: ClaimedRow, message: MessageData, above: str, reply: Json | None) -> SendText:
    text, entities = _beneath(above, message)
    return SendText(
        chat_id=row.chat_id,
        text=text or "…",
        entities=entities,
        reply_parameters=reply,
        link_preview_options=NO_PREVIEW_PLAIN,
    )


def _above(row: ClaimedRow, message: MessageData, _: Translator) -> str:
    """What an operator must know of a message besides: that a colleague wrote it, its origin. Nothing for a client."""
    if row.kind != outbox.TO_OPERATOR and not row.payload.get("to_operator"):
        return ""
    lines = origin_lines(message.forwarded_from, message.about, _, with_quote=_quote(message) is None)
    return "\n".join(lines if message.operator is None else [from_operator(message.operator, "", _), *lines])


def _fits(above: str, message: MessageData, longest: int) -> bool:
    return utf16_units(above) + 1 + utf16_units(message.text or "") <= longest


def _beneath(above: str, message: MessageData) -> tuple[str, list[Json] | None]:
    """The words of a message beneath what is said of it, and their formatting."""
    if not above:
        return message.text or "", message.entities or None
    before = utf16_units(above) + 1
    entities = [{**one, "offset": one.get("offset", 0) + before} for one in message.entities or ()]
    return f"{above}\n{message.text}" if message.text else above, entities or None


def _quote(message: MessageData) -> Json | None:
    """The words that a message quotes of another one in its own chat, where its copy can quote them, too.

    A notice of ours has no copy: what is quoted of it is said in a line.
    """
    about = message.about or {}
    is_known = message.reply_to is not None and (message.is_exact or message.answered is not None)
    quote: Json | None = about.get("quote") if is_known and not about.get("elsewhere") else None
    return quote


def _reply(row: ClaimedRow, message: MessageData) -> Json | None:
    """What a copy replies to; it may have been deleted meanwhile, and then this is sent without being a reply."""
    target = message.copy_id if row.payload.get("again") and message.copy_id else message.reply_to
    if target is None:
        return None
    reply: Json = {"message_id": target, "allow_sending_without_reply": True}
    quote = _quote(message)
    if quote is not None and target == message.reply_to:
        reply["quote"] = quote["text"]
        if quote.get("entities") and not message.is_in_talk:  # which shows words alone
            reply["quote_entities"] = quote["entities"]
    return reply


def _parameters(reply: Json | None) -> ReplyParameters | None:
    return None if reply is None else ReplyParameters(**reply)


def reply_to(message_id: int | None) -> ReplyParameters | None:
    """The message may have been deleted meanwhile: then this is sent without being a reply."""
    if message_id is None:
        return None
    return ReplyParameters(message_id=message_id, allow_sending_without_reply=True)


def _written_for_operator(row: ClaimedRow, message: MessageData, _: Translator) -> SendMessage:
    """Shows an operator what another system has written in their name."""
    title = _("✍️ Written in your name in #{id}:").format(id=row.contact_id)
    text = fits_units(message.text or "", MESSAGE_LONGEST - utf16_units(title) - 1)
    return SendMessage(
        chat_id=row.chat_id,
        text=f"{title}\n{text}",
        reply_parameters=reply_to(message.reply_to),
        link_preview_options=NO_PREVIEW,
    )


def not_copyable(row: ClaimedRow, message: MessageData, _: Translator) -> SendMessage:
    """Names what cannot be copied, with its caption."""
    payload = {"code": "not_copyable", "contact": row.contact_id, "kind": message.kind}
    above = _above(row, message, _)
    parts: list[Text] = [Text(staff_notice(payload, _)), *([Text(above)] if above else [])]
    if message.text:
        whole = utf16_units(message.text) <= QUOTED_CAPTION_LONGEST
        caption = message.text if whole else fits_units(message.text, QUOTED_CAPTION_LONGEST)
        parts.append(Text.from_entities(caption, (entities_of(message.entities) or []) if whole else []))
    text, entities = as_list(*parts).render()
    return SendMessage(
        chat_id=row.chat_id,
        text=text,
        entities=entities,
        reply_parameters=reply_to(message.reply_to),
        link_preview_options=NO_PREVIEW,
    )


def entities_of(given: Sequence[Json] | None) -> list[MessageEntity] | None:
    """Formatting as it is stored, for aiogram."""
    return [MessageEntity(**one) for one in given] if given else None


# --- what follows it --------------------------------------------------------------------------------------------------


def note_after(row: ClaimedRow, method: TelegramMethod[Any], sent: int | None, _: Translator) -> SendText | None:
    """What is to be said of a copy that has no room for words of ours: a line in reply to it.

    Args:
        method: the request by which the copy was sent.
        sent: Telegram's id of the copy.
    """
    message = row.message
    if message is None or row.kind != outbox.TO_OPERATOR or not isinstance(method, CopyContent | SendLocation):
        return None
    lines = [] if getattr(method, "caption", None) else [_above(row, message, _)]
    if message.kind == ContentType.POLL:
        lines.append(_("📊 The client doesn't see votes here. Please answer in words."))
    text = "\n".join(filter(None, lines))
    if not text:
        return None
    reply = None if sent is None else {"message_id": sent, "allow_sending_without_reply": True}
    return SendText(chat_id=row.chat_id, text=text, reply_parameters=reply, link_preview_options=NO_PREVIEW_PLAIN)


# --- what is tried where it is refused --------------------------------------------------------------------------------


def other_ways(row: ClaimedRow, method: TelegramMethod[Any], _: Translator) -> Iterator[list[TelegramMethod[Any]]]:
    """Further ways to send what Telegram has refused, best first; each is one request, or several in order."""
    if isinstance(method, SendText):
        yield from _other_texts(method)
        if utf16_units(method.text) > MESSAGE_LONGEST:
            yield _pages(method)
    message = row.message
    if message is None or row.kind not in (outbox.TO_OPERATOR, outbox.TO_CLIENT):
        return
    is_rewritten = bool(row.payload.get("is_rewritten"))  # the original has a number that is not for the client
    if isinstance(method, CopyContent):
        yield from _other_copies(method, is_rewritten=is_rewritten)
    if message.chat_id is None or message.message_id is None or not message.can_copy:
        return
    bare = CopyContent(chat_id=row.chat_id, from_chat_id=message.chat_id, message_id=message.message_id)
    if not isinstance(method, CopyContent | SendMessage) and not is_rewritten:
        yield [bare]
    words = _words(row, message, _)
    if isinstance(method, CopyContent) and words:
        if message.kind in CAPTIONED:
            yield [bare.model_copy(update={"caption": ""}), *words]
        elif message.kind == ContentType.TEXT:
            yield words
    if isinstance(method, CopyContent) and row.kind == outbox.TO_OPERATOR and message.text:
        yield [not_copyable(row, message, _)]


def _other_texts(method: SendText) -> Iterator[list[TelegramMethod[Any]]]:
    if method.reply_parameters and "quote" in method.reply_parameters:
        yield [method.model_copy(update={"reply_parameters": _unquoted(method.reply_parameters)})]
    if method.entities:
        reply = method.reply_parameters and _unquoted(method.reply_parameters)
        yield [method.model_copy(update={"entities": None, "reply_parameters": reply})]


def _other_copies(method: CopyContent, *, is_rewritten: bool) -> Iterator[list[TelegramMethod[Any]]]:
    if method.reply_parameters and "quote" in method.reply_parameters:
        yield [method.model_copy(update={"reply_parameters": _unquoted(method.reply_parameters)})]
    if method.reply_parameters:
        yield [method.model_copy(update={"reply_parameters": None})]
    if method.caption is not None and not is_rewritten:
        yield [method.model_copy(update={"reply_parameters": None, "caption": None, "caption_entities": None})]


def _unquoted(reply: Json) -> Json:
    return {name: value for name, value in reply.items() if not name.startswith("quote")}


def _words(row: ClaimedRow, message: MessageData, _: Translator) -> list[TelegramMethod[Any]]:
    """The words of a message alone, in as many messages as they need; none where it has no words."""
    if not message.text:
        return []
    text, entities = _beneath(_above(row, message, _), message)
    whole = SendText(chat_id=row.chat_id, text=text, entities=entities, link_preview_options=NO_PREVIEW_PLAIN)
    return _pages(whole)


def _pages(whole: SendText) -> list[TelegramMethod[Any]]:
    """A text in as many messages as it needs, since people with Premium write longer ones than a bot may send."""
    pages: list[TelegramMethod[Any]] = []
    rest, begins = whole.text, 0
    while rest:
        text = _page(rest)
        ends = begins + utf16_units(text)
        entities = [_within(one, begins, ends) for one in whole.entities or () if _overlaps(one, begins, ends)]
        reply = None if pages else whole.reply_parameters
        pages.append(whole.model_copy(update={"text": text, "entities": entities or None, "reply_parameters": reply}))
        rest, begins = rest[len(text) :], ends
    return pages


def _page(text: str) -> str:
    """As much of a text as one message holds; it ends with a line or a word if one ends in its second half."""
    page = fits_units(text, MESSAGE_LONGEST)
    if page == text:
        return page
    ends = (page.rfind(sign) + 1 for sign in ("\n", " "))
    return page[: next((end for end in ends if end > len(page) // 2), len(page))]


def _overlaps(entity: Json, begins: int, ends: int) -> bool:
    return bool(entity["offset"] < ends and entity["offset"] + entity["length"] > begins)


def _within(entity: Json, begins: int, ends: int) -> Json:
    """What of an entity is on a page that begins and ends there, in UTF-16 units of the whole text."""
    first, last = max(entity["offset"], begins), min(entity["offset"] + entity["length"], ends)
    return {**entity, "offset": first - begins, "length": last - first}


# --- a copy whose original was edited ---------------------------------------------------------------------------------


def copy_edit(row: ClaimedRow, _: Translator) -> TelegramMethod[Any]:
    """The request that changes a copy as its original was changed. Raises NothingToSend."""
    message = row.message
    if message is None or message.copy_id is None or row.is_over:
        raise NothingToSend(row.kind)
    if not message.can_copy and message.kind != ContentType.TEXT:
        raise NothingToSend(row.kind)
    target: Json = {"chat_id": row.chat_id, "message_id": message.copy_id}
    above = _above(row, message, _)
    if message.kind == ContentType.LOCATION:
        point = _point(message)
        if point is None:
            raise NothingToSend(row.kind)
        if row.payload.get("ends"):
            return StopMessageLiveLocation(**target)
        return EditMessageLiveLocation(**target, **{name: one for name, one in point.items() if name != "live_period"})
    text, found = _beneath(above, message)
    entities = entities_of(found)
    if message.kind == ContentType.TEXT and message.text is not None:
        return EditMessageText(**target, text=text, entities=entities, link_preview_options=NO_PREVIEW)
    file, make = (message.media or {}).get("file"), MEDIA.get(message.kind)
    if row.payload.get("media") and file and make is not None:
        media = make(media=file, caption=text or None, caption_entities=entities)
        return EditMessageMedia(**target, media=media)
    return EditMessageCaption(**target, caption=text or None, caption_entities=entities)


# --- live locations ---------------------------------------------------------------------------------------------------

# Of these a zero means that nothing is known.
_IF_KNOWN = frozenset({"horizontal_accuracy", "heading", "proximity_alert_radius", "live_period"})


def _point(message: MessageData) -> Json | None:
    """A place as Telegram takes it back."""
    point = (message.media or {}).get("point")
    if not isinstance(point, dict):
        return None
    found = {name: one for name, one in point.items() if one or name not in _IF_KNOWN}
    return found if {"latitude", "longitude"} <= set(found) else None


def _live_point(message: MessageData) -> Json | None:
    """A place that moves: a copy of it would stand still, so the bot shares one of its own."""
    point = _point(message) if message.kind == ContentType.LOCATION else None
    return point if point is not None and point.get("live_period", 0) >= LIVE_SHORTEST else None
