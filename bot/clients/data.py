"""A client's own phone and e-mail: stored only from their owner."""

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message, ReplyKeyboardRemove, User

from bot.handling.act import Act
from bot.handling.filters import IsOwnPhone
from bot.handling.incoming import person_of
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.contacts.phones import phone_of
from crm_core.conversation import client_messages

router = Router(name="clients.data")


@router.message(IsOwnPhone())
async def on_own_phone(message: Message, event_from_user: User, act: Act, _: Translator) -> None:
    """Telegram's contact button. Somebody else's contact is not the client's phone: it is passed on as a message."""
    assert message.contact is not None
    phone = message.contact.phone_number
    await act(
        client_messages.share_phone,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        phone=phone_of(phone if phone.startswith("+") else f"+{phone}"),
        reply=lambda done: text_message(
            _("Thank you, we have saved your phone number."), keyboard=ReplyKeyboardRemove(remove_keyboard=True)
        ),
    )


@router.message(typed("email"))
async def on_email(message: Message, command: CommandObject, event_from_user: User, act: Act, _: Translator) -> None:
    """`/email you@example.com`."""
    if not command.args:
        await act.answer(text_message(_("Send it in one line: /email you@example.com")))
        return
    await act(
        client_messages.share_email,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        email=command.args,
        reply=lambda done: text_message(_("Thank you, we have saved your e-mail.")),
    )
