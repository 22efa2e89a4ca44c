"""A client's own phone and e-mail: stored only from their owner."""

import re

from aiogram import Router
from aiogram.filters import BaseFilter, CommandObject
from aiogram.types import Message, ReplyKeyboardRemove, User

from bot.handling.act import Act
from bot.handling.filters import IsOwnPhone
from bot.handling.incoming import content_of, person_of
from bot.handling.prompts import AnswersPrompt, client_answers
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts.emails import cleaned
from crm_core.contacts.phones import phone_of
from crm_core.conversation import client_details

router = Router(name="clients.data")


@router.message(IsOwnPhone())
async def on_own_phone(message: Message, event_from_user: User, act: Act, _: Translator) -> None:
    """Telegram's contact button. Somebody else's contact is not the client's phone: it is passed on as a message."""
    assert message.contact is not None
    phone = message.contact.phone_number
    await act(
        client_details.share_phone,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        phone=phone_of(phone if phone.startswith("+") else f"+{phone}"),
        content=content_of(message, bot_id=act.bot_id, raw=act.said),
        reply=lambda done: text_message(
            _("Thank you, we have saved your phone number."), keyboard=ReplyKeyboardRemove(remove_keyboard=True)
        ),
    )


@router.message(typed("email"))
async def on_email(
    message: Message, command: CommandObject, event_from_user: User, actor: Actor, act: Act, _: Translator
) -> None:
    """`/email you@example.com`; alone, as the menu sends it, it asks, and the next message answers."""
    if command.args:
        await _share_email(command.args, event_from_user, act, _)
        return
    text = _("What is your e-mail address? Just send it here. Example: you@example.com")
    await act(
        client_details.ask_email,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        actor=actor,
        reply=lambda asked: text_message(text),
    )


class LooksLikeEmail(BaseFilter):
    """Passes texts that are meant as an e-mail address, well-formed or not; anything else is for the operator."""

    async def __call__(self, message: Message) -> bool:
        return _MEANT.fullmatch(cleaned(message.text or "")) is not None


_MEANT = re.compile(r"[^\s@]+@\S+")


@client_answers.message(AnswersPrompt(client_details.EMAIL_QUESTION), LooksLikeEmail())
async def on_typed_email(message: Message, event_from_user: User, act: Act, _: Translator) -> None:
    """The answer to the question of `/email`. If it is no address that could be, the question stays open."""
    await _share_email(message.text or "", event_from_user, act, _)


async def _share_email(text: str, user: User, act: Act, _: Translator) -> None:
    saved, known = _("Thank you, we have saved your e-mail."), _("We have this e-mail already. Thank you!")
    await act(
        client_details.share_email,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(user),
        email=text,
        reply=lambda is_new: text_message(saved if is_new else known),
    )
