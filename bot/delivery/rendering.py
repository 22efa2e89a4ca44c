"""From a claimed row to a method of Telegram, in the reader's language and from the newest state. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiogram.enums import ContentType
from aiogram.methods import (
    DeleteMyCommands,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageText,
    SendMessage,
    SendPhoto,
    SetMyCommands,
    TelegramMethod,
)
from aiogram.types import (
    BotCommandScopeChat,
    BufferedInputFile,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    MessageEntity,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)
from aiogram.utils.formatting import Text, as_list

from bot.delivery import cards, notices
from bot.screens.menus import commands_for
from bot.telegram.methods import CopyContent, SendText
from bot.texts import Translator
from crm_core.delivery.claims import ClaimedRow, MessageData
from crm_core.messaging import outbox
from crm_core.messaging.messages import fits_units, utf16_units

UNSEEN_LINKS = {"is_disabled": True}  # a link in a client's words must not open a picture on a card
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
WITH_TEXT = ContentType.TEXT
MESSAGE_LONGEST = 4096  # UTF-16 units (sendMessage)
CAPTION_LONGEST = 3_000  # UTF-16 units; Telegram's own limit is 1024, Premium's 2048


class NothingToSend(Exception):
    """What the row was about is gone; there is nothing left to say."""


def render(
    job: ClaimedRow, *, _: Translator, now: datetime, photo: str | BufferedInputFile | None = None
) -> TelegramMethod[Any]:
    """The request that says what the row wants known. Raises NothingToSend.

    Args:
        photo: the picture that the row asked for, where it can be had; otherwise it is sent as text.
    """
    if "picture" in job.payload:
        return _pictured(job, photo)
    match job.kind:
        case outbox.CARD | outbox.CARD_EDIT:
            return _card(job, _, now)
        case outbox.TO_OPERATOR | outbox.TO_CLIENT:
            return _copy(job, _)
        case outbox.COPY_EDIT:
            return _copy_edit(job)
        case outbox.CLIENT_NOTICE:
            notice = notices.client_notice(job.payload["code"], job.contact, job.payload, _)
            if notice is None:
                raise NothingToSend(job.kind)
            return SendText(chat_id=job.chat_id, text=notice)
        case outbox.STAFF_NOTICE:
            text = notices.staff_notice(job.payload, _)
            return SendMessage(chat_id=job.chat_id, text=text, reply_parameters=_reply(job.payload.get("reply_to")))
        case outbox.ANSWER:
            return SendMessage(
                chat_id=job.chat_id, reply_parameters=_reply(job.payload.get("reply_to")), **_content(job.payload)
            )
        case outbox.SCREEN:
            return EditMessageText(chat_id=job.chat_id, message_id=job.payload["message_id"], **_content(job.payload))
        case outbox.MENU:
            scope = BotCommandScopeChat(chat_id=job.chat_id)
            if not job.roles:  # no longer on the staff: he finds the menu of everybody else, in his language
                return DeleteMyCommands(scope=scope)
            return SetMyCommands(commands=commands_for(job.roles, _), scope=scope)
    raise NothingToSend(job.kind)


def _pictured(job: ClaimedRow, photo: str | BufferedInputFile | None) -> TelegramMethod[Any]:
    """An answer, or a screen changed in place, with a picture; its words are then the shorter ones of a caption."""
    under: dict[str, Any] = job.payload["picture"]
    keyboard = InlineKeyboardMarkup(**under["keyboard"])
    caption: dict[str, Any] = {"caption": under["text"]}
    if "entities" in under:
        caption["caption_entities"] = [MessageEntity(**one) for one in under["entities"]]
    pressed = job.payload.get("message_id")
    if pressed is None:
        if photo is None:
            return SendMessage(chat_id=job.chat_id, **_content(job.payload))
        return SendPhoto(chat_id=job.chat_id, photo=photo, reply_markup=keyboard, **caption)
    if photo is not None:
        media = InputMediaPhoto(media=photo, **caption)
        return EditMessageMedia(chat_id=job.chat_id, message_id=pressed, media=media, reply_markup=keyboard)
    if under["stands"]:  # a picture cannot be taken away again, and the one that stands there shows something else
        return SendMessage(chat_id=job.chat_id, **_content(job.payload))
    return EditMessageText(chat_id=job.chat_id, message_id=pressed, **_content(job.payload))


def _card(job: ClaimedRow, _: Translator, now: datetime) -> TelegramMethod[Any]:
    if job.contact is None:
        raise NothingToSend(job.kind)
    card = cards.card(job.contact, chat_id=job.chat_id, _=_, now=now)
    if job.kind == outbox.CARD:
        return SendText(
            chat_id=job.chat_id,
            text=card.text,
            entities=card.entities,
            reply_markup=card.keyboard,
            link_preview_options=UNSEEN_LINKS,
        )
    keyboard = InlineKeyboardMarkup(**card.keyboard) if card.keyboard else None
    return EditMessageText(
        chat_id=job.chat_id,
        message_id=job.payload["message_id"],
        text=card.text,
        entities=_entities(card.entities),
        reply_markup=keyboard,
        link_preview_options=NO_PREVIEW,
    )


def _copy(job: ClaimedRow, _: Translator) -> TelegramMethod[Any]:
    message = job.message
    if message is None:
        raise NothingToSend(job.kind)
    if job.payload.get("in_your_name"):
        return _said_for_you(job, message, _)
    if message.kind == WITH_TEXT and (message.message_id is None or not message.can_copy):
        # Said through the API, or protected: the words can be passed on, though the message cannot be copied.
        return SendText(
            chat_id=job.chat_id,
            text=message.text or "…",
            entities=message.entities or None,
            reply_parameters=_reply_to(message.reply_to),
            link_preview_options=UNSEEN_LINKS,
        )
    if not message.can_copy or message.chat_id is None or message.message_id is None:
        return _said_that(job, message, _)
    return CopyContent(
        chat_id=job.chat_id,
        from_chat_id=message.chat_id,
        message_id=message.message_id,
        reply_parameters=_reply_to(message.reply_to),
    )


def _said_for_you(job: ClaimedRow, message: MessageData, _: Translator) -> SendMessage:
    """Shows an operator what another system has written in his name."""
    title = _("✍️ Written in your name in #{id}:").format(id=job.contact_id)
    words = fits_units(message.text or "", MESSAGE_LONGEST - utf16_units(title) - 1)
    return SendMessage(
        chat_id=job.chat_id,
        text=f"{title}\n{words}",
        reply_parameters=_reply(message.reply_to),
        link_preview_options=NO_PREVIEW,
    )


def _said_that(job: ClaimedRow, message: MessageData, _: Translator) -> SendMessage:
    """Names what cannot be copied, with the words that stood under it."""
    payload = {"code": "not_copyable", "contact": job.contact_id, "kind": message.kind}
    parts: list[Text] = [Text(notices.staff_notice(payload, _))]
    if message.text:
        whole = utf16_units(message.text) <= CAPTION_LONGEST
        caption = message.text if whole else fits_units(message.text, CAPTION_LONGEST)
        parts.append(Text.from_entities(caption, (_entities(message.entities) or []) if whole else []))
    text, entities = as_list(*parts).render()
    return SendMessage(
        chat_id=job.chat_id,
        text=text,
        entities=entities,
        reply_parameters=_reply(message.reply_to),
        link_preview_options=NO_PREVIEW,
    )


def _copy_edit(job: ClaimedRow) -> TelegramMethod[Any]:
    message = job.message
    if message is None or message.copy_id is None or not message.can_copy:
        raise NothingToSend(job.kind)
    where: dict[str, Any] = {"chat_id": job.chat_id, "message_id": message.copy_id}
    entities = _entities(message.entities)
    if message.kind == WITH_TEXT and message.text is not None:
        return EditMessageText(**where, text=message.text, entities=entities, link_preview_options=NO_PREVIEW)
    return EditMessageCaption(**where, caption=message.text, caption_entities=entities)


def _entities(given: Sequence[dict[str, Any]] | None) -> list[MessageEntity] | None:
    return [MessageEntity(**one) for one in given] if given else None


def _reply_to(message_id: int | None) -> dict[str, Any] | None:
    """The message may have been deleted meanwhile: then the words go without being a reply."""
    return None if message_id is None else {"message_id": message_id, "allow_sending_without_reply": True}


def _reply(message_id: int | None) -> ReplyParameters | None:
    parameters = _reply_to(message_id)
    return None if parameters is None else ReplyParameters(**parameters)


def _content(payload: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"text": payload["text"], "link_preview_options": NO_PREVIEW}
    if "entities" in payload:
        content["entities"] = [MessageEntity(**one) for one in payload["entities"]]
    keyboard = payload.get("keyboard")
    if keyboard is not None:
        content["reply_markup"] = _keyboard(keyboard)
    return content


def _keyboard(keyboard: dict[str, Any]) -> InlineKeyboardMarkup | ReplyKeyboardMarkup | ReplyKeyboardRemove:
    if "inline_keyboard" in keyboard:
        return InlineKeyboardMarkup(**keyboard)
    if "keyboard" in keyboard:
        return ReplyKeyboardMarkup(**keyboard)
    return ReplyKeyboardRemove(**keyboard)
