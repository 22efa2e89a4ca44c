"""/start, /help and /privacy for clients."""

from functools import partial

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import KeyboardButton, Message, ReplyKeyboardMarkup, User

from bot.handling.act import Act
from bot.handling.incoming import person_of
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.refusals import refusal
from crm_core.conversation import client_starts
from crm_core.conversation.client_starts import Standing, Started
from crm_core.errors import SourceOff

router = Router(name="clients.start")

SOURCE_PAYLOAD = "src_"


@router.message(typed("start"))
async def on_start(message: Message, command: CommandObject, event_from_user: User, act: Act, _: Translator) -> None:
    """Greets; a source link assigns the next contact to its source."""
    payload = command.args or ""
    await act(
        client_starts.start_chat,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        slug=payload[len(SOURCE_PAYLOAD) :] if payload.casefold().startswith(SOURCE_PAYLOAD) else None,
        then_read=partial(client_starts.standing, bot_id=act.bot_id, chat_id=act.chat_id),
        reply=lambda started, standing: _welcome(started, standing, _),
    )


def _welcome(started: Started, standing: Standing | None, _: Translator) -> OutgoingMessage:
    if standing is not None:
        return _where(standing, _)
    return greeting(_) if started.takes_requests else text_message(refusal(SourceOff(), _))


def _where(standing: Standing, _: Translator) -> OutgoingMessage:
    """Whoever has an open request is not greeted like a stranger."""
    if standing.operator:
        text = _("Your request #{id} is open: {operator} will answer you here.")
    elif standing.place == 1:
        text = _("Your request #{id} is open: you are next in the queue.")
    else:
        text = _("Your request #{id} is open: you are number {place} in the queue.")
    return text_message(text.format(id=standing.contact_id, operator=standing.operator, place=standing.place))


def greeting(_: Translator) -> OutgoingMessage:
    """The first message to a client."""
    text = _(
        "Hello! How can we help? Write here, or send a photo or a voice message. An operator will reply in this chat.\n"
        "If you prefer a call, share your phone number with the button below."
    )
    return text_message(text, keyboard=_phone_button(_))


def _phone_button(_: Translator) -> ReplyKeyboardMarkup:
    share = KeyboardButton(text=_("📞 Share my phone"), request_contact=True)
    return ReplyKeyboardMarkup(keyboard=[[share]], resize_keyboard=True, one_time_keyboard=True)


@router.message(typed("help"))
async def on_help(message: Message, act: Act, _: Translator) -> None:
    """Explains how it works."""
    lines = [
        _("Just write: your message goes to an operator, and the reply arrives here."),
        _("Send /email you@example.com to leave your e-mail, or use the button below to share your phone number."),
        _("/privacy shows what we store about you."),
    ]
    # The button may be gone: Telegram hides it after a press, and we do once a phone was shared.
    await act.answer(text_message("\n".join(lines), keyboard=_phone_button(_)))


@router.message(typed("privacy"))
async def on_privacy(message: Message, act: Act, _: Translator) -> None:
    """Says what is stored."""
    text = _(
        "We store your name and @username from Telegram, the messages in this chat, and the phone number and "
        "e-mail if you share them. Our staff can see them, and the programs that they work with. If you have a "
        "question about your data, just write here."
    )
    await act.answer(text_message(text))
