"""Working hours of sources, as admins see and set them: `/sources hours shop_bot mon-fri 9-18`, and by button."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.setting_changes import change_source
from bot.admins.source_settings import opening_hours as shown_hours
from bot.admins.typed_hours import read_hours
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import source_and_rest
from bot.screens.keyboards import back, button, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskOpening, ClearOpening, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.hours.calendar import Calendar
from crm_core.routing import opening_hours, sources
from crm_core.routing.source_details import SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.source_hours")


def hours_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """The working hours of a source, and how to change them."""
    lines = [
        _("🗓 When are requests of {source} given to operators?").format(source=source.name),
        *(f"  {line}" for line in shown_hours(source, _) or [_("always")]),
        "",
        _("Outside of these hours requests are accepted and wait, and clients read when you are back."),
        _("Send the hours as you would write them: mon-fri 9-18 break 13-14, sat 10-14"),
        _("Single dates are added to what is there: 31 dec 10-15; 1-8 jan off"),
    ]
    buttons = keyboard(
        [button(_("Always"), ClearOpening(source_id=source.id))] if source.hours is not None else [],
        back(source.name, ShowSource(source_id=source.id)),
    )
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskOpening.filter())
async def on_hours(
    query: CallbackQuery, callback_data: AskOpening, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Shows the hours; what is typed next changes them."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "source_hours", hours_screen(source, _), source_id=source.id)


@router.callback_query(ClearOpening.filter())
async def on_clear(query: CallbackQuery, callback_data: ClearOpening, actor: Actor, act: Act, _: Translator) -> None:
    """No hours: the source is always open."""
    await _set(act, actor, callback_data.source_id, None, _)


@router.message(AnswersPrompt("source_hours"))
async def on_typed(
    message: Message, asked: OpenPrompt, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """Sets the typed hours."""
    source = await read_as_admin(db, actor, sources.one, source_id=asked.data["source_id"])
    await _set_typed(act, actor, source, message.text or "", timezone, _)


async def set_hours(typed: Typed) -> None:
    """`hours shop_bot` shows them, `hours shop_bot mon-fri 9-18` sets them."""
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await show_usage(typed.act, typed._("Specify the source and the hours"), typed.example)
        return
    source, hours = found
    if hours:
        await _set_typed(typed.act, typed.actor, source, hours.raw, typed.timezone, typed._)
    else:
        await offer(typed.act, typed.actor, "source_hours", hours_screen(source, typed._), source_id=source.id)


async def _set_typed(act: Act, actor: Actor, source: SourceListed, text: str, timezone: str, _: Translator) -> None:
    """Sets typed hours. Raises BadHours with the part that was not understood."""
    await _set(act, actor, source.id, read_hours(act, text, before=source.hours, timezone=timezone), _)


async def _set(act: Act, actor: Actor, source_id: int, hours: Calendar | None, _: Translator) -> None:
    def note(seen: SourceDetails) -> str:
        text = _("{source} is always open now.") if hours is None else _("The hours of {source} are set.")
        return text.format(source=seen.source.name)

    await change_source(act, actor, opening_hours.set_hours, source_id, _, note=note, hours=hours)
