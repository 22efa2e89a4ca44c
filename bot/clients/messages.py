"""A client's message: it opens a contact or joins the open one."""

from aiogram import Router
from aiogram.types import Message, User

from bot.handling.act import Act
from bot.handling.filters import IsForOperator, IsUserContent, is_lone_command
from bot.handling.incoming import content_of, person_of
from crm_core.conversation import client_messages, edits

# A command that is missing here goes to the operator as a message; where no contact is open, it is answered instead.
COMMANDS = frozenset({"start", "help", "privacy", "email"})

router = Router(name="clients.messages")


@router.message(IsForOperator(besides=COMMANDS))
async def on_message(message: Message, event_from_user: User, act: Act) -> None:
    """Any content that a client sends."""
    content, *further = act.contents(message)
    await act(
        client_messages.receive,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        person=person_of(event_from_user),
        content=content,
        further=further,
        is_command=is_lone_command(message),
    )


@router.edited_message(IsUserContent())
async def on_edited(message: Message, act: Act) -> None:
    """A client edited a message."""
    await act(edits.client_edits, content=content_of(message, bot_id=act.bot_id, raw=act.said))
