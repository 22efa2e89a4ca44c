"""A reaction of a client or an operator, for both in one place: it shows at the other side."""

from typing import Any

from aiogram import Router
from aiogram.types import MessageReactionUpdated, ReactionTypeEmoji

from bot.handling.act import Act
from crm_core.conversation import reactions


def reaction_router() -> Router:
    """A router that passes reactions on; each role has one of its own."""
    router = Router(name="reactions")
    router.message_reaction.register(on_reaction)
    return router


async def on_reaction(event: MessageReactionUpdated, act: Act) -> None:
    """Somebody set, changed or removed a reaction."""
    await act(reactions.react, **reacted(event, act))


def reacted(event: MessageReactionUpdated, act: Act) -> dict[str, Any]:
    """The message, and what of its reactions can be shown elsewhere, as actions take them."""
    emoji = [one.emoji for one in event.new_reaction if isinstance(one, ReactionTypeEmoji)]
    return {"bot_id": act.bot_id, "chat_id": act.chat_id, "message_id": event.message_id, "emoji": emoji}
