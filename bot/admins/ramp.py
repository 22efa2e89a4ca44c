"""The morning ramp of a source: how much of what waits whoever comes gets in a minute. By command and by button."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.setting_changes import change_source
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_source
from bot.screens.keyboards import back, button, in_lines, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskRamp, SetRamp, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import read_number
from crm_core.routing import ramps, source_settings, sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.ramp")

NONE = "–"
RAMPS = (0, 1, 2, 3, 5, 10)


def ramp_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Numbers of requests per minute to choose from."""
    lines = [
        _("How many waiting requests a minute does an operator get who comes online? Now: {n}.").format(
            n=source.ramp or NONE
        ),
        _(
            "It counts for what had waited before they came, or before the source opened, so that nobody gets a whole "
            "night at once. New requests come as always. With 0, all that fits comes at once."
        ),
    ]
    offered = [button(str(one), SetRamp(source_id=source.id, value=one)) for one in RAMPS]
    buttons = keyboard(*in_lines(offered, 3), back(source.name, ShowSource(source_id=source.id)))
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskRamp.filter())
async def on_ramp(
    query: CallbackQuery, callback_data: AskRamp, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers numbers; a typed one is a choice, too."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "ramp", ramp_screen(source, _), source_id=source.id)


@router.callback_query(SetRamp.filter())
async def on_set_ramp(query: CallbackQuery, callback_data: SetRamp, actor: Actor, act: Act, _: Translator) -> None:
    """Sets one of the offered numbers."""
    await set_ramp(act, actor, callback_data.source_id, str(callback_data.value), _)


@router.message(AnswersPrompt("ramp"), IsNumber())
async def on_typed_ramp(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number."""
    await set_ramp(act, actor, asked.data["source_id"], (message.text or "").strip(), _)


async def type_ramp(typed: Typed) -> None:
    """`ramp shop_bot 3`, `ramp shop_bot off`."""
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and the number per minute"), typed.example)
        return
    source = await which_source(typed.db, typed.actor, typed.line.from_word(0, -1))
    await set_ramp(typed.act, typed.actor, source.id, typed.line.words[-1].text, typed._)


async def set_ramp(act: Act, actor: Actor, source_id: int, said: str, _: Translator) -> None:
    """Sets what somebody who comes gets in a minute. Raises BadValue if what was said is no such number, nor `off`."""
    ramp = read_number(said, field="ramp", minimum=0, maximum=ramps.LARGEST, off=0)
    await change_source(act, actor, source_settings.set_ramp, source_id, _, ramp=ramp or None)
