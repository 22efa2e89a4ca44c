"""/overview: the pinned overview, off and on again."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import overviews
from crm_core.conversation.overviews import Shown

router = Router(name="operators.overview")


@router.message(typed("overview"))
async def on_overview(message: Message, actor: Actor, act: Act, timezone: str, _: Translator) -> None:
    """Switches the overview of this chat off, or on again."""
    await act(
        overviews.toggle, bot_id=act.bot_id, actor=actor, zone=ZoneInfo(timezone), reply=lambda shown: _answer(shown, _)
    )


def _answer(shown: Shown, _: Translator) -> OutgoingMessage:
    if not shown.is_kept:
        return text_message(_("The pinned overview is off. /overview switches it on again."))
    if not shown.lines:
        return text_message(_("The pinned overview is on. It appears as soon as a request is open."))
    return text_message(_("The pinned overview is on."))
