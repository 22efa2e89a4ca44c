"""How much of a planned absence is credited on return, where shares are exact. By command and by button."""

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
from bot.screens.source_buttons import AskCatchUp, SetCatchUp, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import read_number
from crm_core.routing import source_settings, sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.catch_up")

NUMBERS = (0, 1, 2, 3, 5, 10)


def catch_up_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Numbers of requests to choose from."""
    lines = [
        _("How many requests that an operator missed by leave are credited when they are back? Now: {n}.").format(
            n=source.catch_up
        ),
        _(
            "With exact shares they then come first for so many requests, at most; the others pay for it alike. Leave "
            "is what their working hours say: leave 1 jul - 14 jul. With 0, who is away neither earns nor pays."
        ),
    ]
    if source.strategy != "exact":
        lines.append(_("Shares are not exact here, so it has no effect now."))
    offered = [button(str(one), SetCatchUp(source_id=source.id, value=one)) for one in NUMBERS]
    buttons = keyboard(*in_lines(offered, 3), back(source.name, ShowSource(source_id=source.id)))
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskCatchUp.filter())
async def on_catch_up(
    query: CallbackQuery, callback_data: AskCatchUp, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers numbers; a typed one is a choice, too."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "catch_up", catch_up_screen(source, _), source_id=source.id)


@router.callback_query(SetCatchUp.filter())
async def on_set_catch_up(
    query: CallbackQuery, callback_data: SetCatchUp, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered numbers."""
    await set_catch_up(act, actor, callback_data.source_id, str(callback_data.value), _)


@router.message(AnswersPrompt("catch_up"), IsNumber())
async def on_typed_catch_up(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number."""
    await set_catch_up(act, actor, asked.data["source_id"], (message.text or "").strip(), _)


async def type_catch_up(typed: Typed) -> None:
    """`catchup shop_bot 2`."""
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and the number of requests"), typed.example)
        return
    source = await which_source(typed.db, typed.actor, typed.line.from_word(0, -1))
    await set_catch_up(typed.act, typed.actor, source.id, typed.line.words[-1].text, typed._)


async def set_catch_up(act: Act, actor: Actor, source_id: int, said: str, _: Translator) -> None:
    """Sets how much of an absence is credited. Raises BadValue if what was said is no such number."""
    number = read_number(said, field="catch_up", minimum=0, maximum=source_settings.CATCH_UP_LARGEST, off=0)
    await change_source(act, actor, source_settings.set_catch_up, source_id, _, catch_up=number)
