"""An operator's message: it reaches the client it is meant for, or the operator is asked which; it is never lost."""

from aiogram import Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.handling.filters import IsUserContent
from bot.handling.incoming import content_of
from crm_core.access.actors import Actor
from crm_core.conversation import edits, operator_messages

router = Router(name="operators.replies")


@router.message(IsUserContent())
async def on_message(message: Message, actor: Actor, act: Act, is_correction: bool = False) -> None:
    """Any content that an operator sends, except their commands; what they must know of it is said by the action."""
    content, *further = act.contents(message)
    await act(operator_messages.route, actor=actor, content=content, further=further, is_correction=is_correction)


@router.edited_message(IsUserContent())
async def on_edited(message: Message, actor: Actor, act: Act) -> None:
    """An operator edited a message; the client's copy changes too."""
    await act(edits.operator_edits, actor=actor, content=content_of(message, bot_id=act.bot_id, raw=act.said))
