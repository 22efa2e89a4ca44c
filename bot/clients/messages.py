"""A client's words: they open a contact or join the open one."""

from aiogram import Router
from aiogram.types import Message, User

from bot.acting import Act
from bot.words import is_spoken, person_of, words_of
from crm_core import conversation

router = Router(name="clients.messages")


@router.message(is_spoken)
async def on_message(message: Message, event_from_user: User, act: Act) -> None:
    """Anything that a client says, of any kind."""
    await act(
        conversation.client_says,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        words=words_of(message, bot_id=act.bot_id),
    )


@router.edited_message(is_spoken)
async def on_edited(message: Message, act: Act) -> None:
    """He changed what he said."""
    words = words_of(message, bot_id=act.bot_id)
    await act(conversation.words_edited, bot_id=act.bot_id, chat_id=act.chat_id, words=words)
