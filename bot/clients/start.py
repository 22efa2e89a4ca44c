"""/start, /help and /privacy for clients."""

from functools import partial

from aiogram import Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import KeyboardButton, Message, ReplyKeyboardMarkup, User

from bot.handling.act import Act
from bot.handling.incoming import person_of
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.conversation import client_messages
from crm_core.conversation.client_messages import Standing

router = Router(name="clients.start")

SOURCE_PAYLOAD = "src_"


@router.message(CommandStart())
async def on_start(message: Message, command: CommandObject, event_from_user: User, act: Act, _: Translator) -> None:
    """Greets; a source link assigns the next contact to its source."""
    payload = command.args or ""
    await act(
        client_messages.start_chat,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        slug=payload.removeprefix(SOURCE_PAYLOAD) if payload.startswith(SOURCE_PAYLOAD) else None,
        then_read=partial(client_messages.standing, bot_id=act.bot_id, chat_id=act.chat_id),
        reply=lambda booked, standing: greeting(_) if standing is None else _where(standing, _),
    )


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
    share = KeyboardButton(text=_("📞 Share my phone"), request_contact=True)
    keyboard = ReplyKeyboardMarkup(keyboard=[[share]], resize_keyboard=True, one_time_keyboard=True)
    text = _(
        "Hello! How can we help? Write here, or send a photo or a voice message. An operator will reply in this chat."
    )
    return text_message(text, keyboard=keyboard)


@router.message(Command("help"))
async def on_help(message: Message, act: Act, _: Translator) -> None:
    """Explains how it works."""
    lines = [
        _("Just write: your message goes to an operator, and the reply arrives here."),
        _("Send /email you@example.com to leave your e-mail, or use the button below to share your phone number."),
        _("/privacy shows what we store about you."),
    ]
    await act.answer(text_message("\n".join(lines)))


@router.message(Command("privacy"))
async def on_privacy(message: Message, act: Act, _: Translator) -> None:
    """Says what is stored."""
    text = _(
        "We store your name and @username from Telegram, the messages in this chat, and the phone number and "
        "e-mail if you share them. Only our staff can see them. If you want us to delete everything, tell us "
        "here."
    )
    await act.answer(text_message(text))
