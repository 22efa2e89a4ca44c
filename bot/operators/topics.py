"""/topics: whether each request of an operator has a topic of its own in their chat with the bot."""

import structlog
from aiogram import Bot, Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.logs import describe_error
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import topics

router = Router(name="operators.topics")
log = structlog.get_logger("telegram")

ASK_TIMEOUT = 5  # seconds; the operator waits for the answer


@router.message(typed("topics"))
async def on_topics(message: Message, actor: Actor, act: Act, bot: Bot, _: Translator) -> None:
    """Switches them on, if the bot has any, or off."""
    await act(topics.toggle, bot_has_topics=await _has_topics(bot), actor=actor, reply=lambda is_on: _answer(is_on, _))


async def _has_topics(bot: Bot) -> bool:
    """Whether a bot has topics in private chats, as its owner set it.

    If Telegram does not say, it may have some: what cannot be sent to a topic goes without one.
    """
    try:
        return bool((await bot.get_me(request_timeout=ASK_TIMEOUT)).has_topics_enabled)
    except Exception as error:
        log.warning("topics_unknown", bot_id=bot.id, error=describe_error(error))
        return True


def _answer(is_on: bool, _: Translator) -> OutgoingMessage:
    if not is_on:
        return text_message(_("Topics are off: new requests come to the chat itself again. /topics switches them on."))
    return text_message(
        _(
            "Topics are on: from its next card on, each request has a topic of its own. They only show what belongs "
            "together: reply to messages as before, since no topic decides who gets what you write. /topics switches "
            "them off."
        )
    )
