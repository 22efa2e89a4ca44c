"""Renders a claimed row as a method of Telegram, in the reader's language and from the newest state. Pure."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiogram.methods import (
    DeleteMessage,
    DeleteMyCommands,
    EditMessageMedia,
    EditMessageText,
    PinChatMessage,
    SendMessage,
    SendPhoto,
    SetMessageReaction,
    SetMyCommands,
    TelegramMethod,
    UnpinChatMessage,
)
from aiogram.types import (
    BotCommandScopeChat,
    BufferedInputFile,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)

from bot.delivery import cards
from bot.delivery.card_buttons import invites_reply
from bot.delivery.client_notices import client_notice
from bot.delivery.config import UTC_ZONE
from bot.delivery.copies import NO_PREVIEW, NO_PREVIEW_PLAIN, NothingToSend, copy_edit, copy_of, entities_of, reply_to
from bot.delivery.forum import forum_request
from bot.delivery.overview import overview_payload
from bot.delivery.staff_notices import staff_buttons, staff_notice
from bot.delivery.talk import talk
from bot.screens.menus import commands_for
from bot.telegram.methods import SendText
from bot.texts import Translator
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox


def render(
    row: ClaimedRow,
    *,
    _: Translator,
    now: datetime,
    zone: ZoneInfo = UTC_ZONE,
    photo: str | BufferedInputFile | None = None,
) -> TelegramMethod[Any]:
    """The request that a row asks for. Raises NothingToSend.

    Args:
        zone: by whose clocks times are shown.
        photo: the picture that the row asked for; if there is none, it is sent as text.
    """
    if row.is_followed:
        raise NothingToSend(row.kind)
    if "picture" in row.payload:
        return _pictured(row, photo)
    match row.kind:
        case outbox.CARD | outbox.CARD_EDIT:
            return _card(row, _, now, zone)
        case outbox.TALK:
            return _talk(row, _, now, zone)
        case outbox.TO_OPERATOR | outbox.TO_CLIENT:
            return copy_of(row, _)
        case outbox.COPY_EDIT:
            return copy_edit(row, _)
        case outbox.CLIENT_NOTICE:
            return _client_notice(row, _)
        case outbox.MORE:
            return SendMessage(chat_id=row.chat_id, text=_more(row.payload, _))
        case outbox.STAFF_NOTICE:
            return _staff_notice(row, _, now)
        case outbox.NOTICE_EDIT:
            return EditMessageText(
                chat_id=row.chat_id,
                message_id=row.payload["message_id"],
                text=staff_notice(row.payload, _),
                reply_markup=staff_buttons(row.payload, _),
            )
        case outbox.ANSWER:
            return SendMessage(
                chat_id=row.chat_id, reply_parameters=reply_to(row.payload.get("reply_to")), **_content(row.payload)
            )
        case outbox.SCREEN:
            return EditMessageText(chat_id=row.chat_id, message_id=row.payload["message_id"], **_content(row.payload))
        case outbox.MENU:
            return _menu(row, _)
        case outbox.OVERVIEW | outbox.MY:
            return _overview(row, _, now, zone)
        case outbox.PIN:
            return _pin(row)
        case outbox.DELETE:
            return _deleting(row)
        case outbox.REACTION:
            return _reaction(row)
        case outbox.FORUM:
            request = forum_request(row, _)
            if request is not None:
                return request
    raise NothingToSend(row.kind)


def _staff_notice(row: ClaimedRow, _: Translator, now: datetime) -> SendMessage:
    if row.is_over:
        raise NothingToSend(row.kind)
    return SendMessage(
        chat_id=row.chat_id,
        text=staff_notice({**row.payload, "now": now.timestamp()}, _),
        reply_markup=staff_buttons(row.payload, _),
        reply_parameters=reply_to(row.payload.get("reply_to")),
        disable_notification=row.payload.get("is_silent"),
    )


def _overview(row: ClaimedRow, _: Translator, now: datetime, zone: ZoneInfo) -> SendMessage | EditMessageText:
    content = _content(overview_payload(row, _, now=now, zone=zone))
    if "message_id" in row.payload:
        return EditMessageText(chat_id=row.chat_id, message_id=row.payload["message_id"], **content)
    return SendMessage(chat_id=row.chat_id, disable_notification=True, **content)


def _pin(row: ClaimedRow) -> PinChatMessage | UnpinChatMessage:
    message = {"chat_id": row.chat_id, "message_id": row.payload["message_id"]}
    return (
        UnpinChatMessage(**message)
        if row.payload.get("is_off")
        else PinChatMessage(**message, disable_notification=True)
    )


def _reaction(row: ClaimedRow) -> SetMessageReaction:
    emoji = row.payload["emoji"]
    reaction: list[Any] = [ReactionTypeEmoji(emoji=emoji)] if emoji else []
    return SetMessageReaction(chat_id=row.chat_id, message_id=row.payload["message_id"], reaction=reaction)


def _deleting(row: ClaimedRow) -> DeleteMessage:
    copy_id = row.message.copy_id if row.message is not None else None
    message_id = row.payload.get("message_id", copy_id)
    if message_id is None:
        raise NothingToSend(row.kind)
    return DeleteMessage(chat_id=row.chat_id, message_id=message_id)


def _more(payload: dict[str, Any], _: Translator) -> str:
    text = _.plural(
        "… and {n} more message in #{id}: /history #{id}",
        "… and {n} more messages in #{id}: /history #{id}",
        payload["count"],
    )
    return text.format(n=payload["count"], id=payload["contact"])


def _client_notice(row: ClaimedRow, _: Translator) -> SendText:
    notice = client_notice(row.payload["code"], row.contact, row.payload, _)
    if notice is None:
        raise NothingToSend(row.kind)
    return SendText(
        chat_id=row.chat_id, text=notice.text, entities=notice.entities or None, reply_markup=notice.keyboard
    )


def _menu(row: ClaimedRow, _: Translator) -> SetMyCommands | DeleteMyCommands:
    scope = BotCommandScopeChat(chat_id=row.chat_id)
    if not row.roles:  # no longer on the staff: without a menu of their own they see everybody's, in their language
        return DeleteMyCommands(scope=scope)
    return SetMyCommands(commands=commands_for(row.roles, _), scope=scope)


def _pictured(row: ClaimedRow, photo: str | BufferedInputFile | None) -> TelegramMethod[Any]:
    """An answer, or a screen changed in place, with a picture; its text is then a caption, which must be shorter."""
    under: dict[str, Any] = row.payload["picture"]
    keyboard = InlineKeyboardMarkup(**under["keyboard"])
    caption: dict[str, Any] = {"caption": under["text"]}
    if "entities" in under:
        caption["caption_entities"] = [MessageEntity(**one) for one in under["entities"]]
    pressed = row.payload.get("message_id")
    if pressed is None:
        if photo is None:
            return SendMessage(chat_id=row.chat_id, **_content(row.payload))
        return SendPhoto(chat_id=row.chat_id, photo=photo, reply_markup=keyboard, **caption)
    if photo is not None:
        media = InputMediaPhoto(media=photo, **caption)
        return EditMessageMedia(chat_id=row.chat_id, message_id=pressed, media=media, reply_markup=keyboard)
    if under["stands"]:  # a picture cannot be removed, and the present one shows something else
        return SendMessage(chat_id=row.chat_id, **_content(row.payload))
    return EditMessageText(chat_id=row.chat_id, message_id=pressed, **_content(row.payload))


def _card(row: ClaimedRow, _: Translator, now: datetime, zone: ZoneInfo) -> TelegramMethod[Any]:
    if row.contact is None:
        raise NothingToSend(row.kind)
    if row.payload.get("is_below"):
        card = cards.below(row.contact, _)
    else:
        card = cards.card(
            row.contact,
            chat_id=row.chat_id,
            _=_,
            now=now,
            zone=zone,
            is_of_other_bot=row.contact.bot_id not in (None, row.bot_id),
            asks_to_close=bool(row.payload.get("asks_to_close")),
            reasons=row.payload.get("reasons"),
            shows_more=bool(row.payload.get("shows_more")),
            asks_until_when=bool(row.payload.get("asks_until_when")),
            latest=row.latest if row.payload.get("is_brief") else None,
            needed=row.needed,
        )
    if row.kind == outbox.CARD:
        keyboard = card.keyboard
        if keyboard is not None and invites_reply(row.contact, is_shown_again="is_brief" in row.payload):
            keyboard = {**keyboard, "force_reply": True}
        return SendText(
            chat_id=row.chat_id,
            text=card.text,
            entities=card.entities,
            reply_markup=keyboard,
            link_preview_options=NO_PREVIEW_PLAIN,
        )
    return EditMessageText(
        chat_id=row.chat_id,
        message_id=row.payload["message_id"],
        text=card.text,
        entities=entities_of(card.entities),
        reply_markup=InlineKeyboardMarkup(**card.keyboard) if card.keyboard else None,
        link_preview_options=NO_PREVIEW,
    )


def _talk(row: ClaimedRow, _: Translator, now: datetime, zone: ZoneInfo) -> SendText | EditMessageText:
    if row.contact is None or row.contact.operator_chat != row.chat_id or not row.talk:
        raise NothingToSend(row.kind)
    text, entities = talk(row, _=_, now=now, zone=zone)
    if "message_id" in row.payload:
        place = {"chat_id": row.chat_id, "message_id": row.payload["message_id"]}
        return EditMessageText(**place, text=text, entities=entities_of(entities), link_preview_options=NO_PREVIEW)
    return SendText(chat_id=row.chat_id, text=text, entities=entities, link_preview_options=NO_PREVIEW_PLAIN)


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
