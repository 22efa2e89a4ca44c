"""/my, /overview and the pages of the overview: what an operator has open, in the pinned message of their chat."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.screens.contact_buttons import TurnOverview
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.overview import overview_screen
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import overviews
from crm_core.conversation.overview_pages import Is, Shown

router = Router(name="operators.my")


@router.message(typed("my"))
async def on_my(message: Message, actor: Actor, act: Act, timezone: str, _: Translator) -> None:
    """Brings the overview to the end of the chat; to who has switched it off it is shown once."""
    zone = ZoneInfo(timezone)
    await act(
        overviews.bring,
        bot_id=act.bot_id,
        actor=actor,
        zone=zone,
        reply=lambda shown: _if_once(shown, act, zone, _),
    )


@router.callback_query(TurnOverview.filter())
async def on_turn(
    query: CallbackQuery, callback_data: TurnOverview, actor: Actor, act: Act, timezone: str, _: Translator
) -> None:
    """Another page."""
    zone = ZoneInfo(timezone)
    await act(
        overviews.turn,
        page=callback_data.page,
        bot_id=act.bot_id,
        message_id=act.pressed,
        actor=actor,
        zone=zone,
        screen=lambda shown: _if_once(shown, act, zone, _),
    )


def _if_once(shown: Shown, act: Act, zone: ZoneInfo, _: Translator) -> OutgoingMessage | None:
    """What is not kept is drawn here; what is kept, when it is sent."""
    return overview_screen(shown, _, now=act.clock(), zone=zone) if shown.state is Is.ONCE else None


@router.message(typed("overview"))
async def on_overview(message: Message, actor: Actor, act: Act, timezone: str, _: Translator) -> None:
    """Switches the overview of this chat off, or on again."""
    await act(
        overviews.toggle, bot_id=act.bot_id, actor=actor, zone=ZoneInfo(timezone), reply=lambda shown: _answer(shown, _)
    )


def _answer(shown: Shown, _: Translator) -> OutgoingMessage:
    if shown.state is Is.OVER:
        return text_message(_("The pinned overview is off. /overview switches it on again."))
    if not shown.lines:
        return text_message(_("The pinned overview is on. It appears as soon as a request is open."))
    return text_message(_("The pinned overview is on."))
