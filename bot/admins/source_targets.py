"""Targets of the service level, as admins see and set them: `/sources sla shop_bot first 15 next 30`, and by button."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.setting_changes import change_source
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import source_and_rest
from bot.screens.keyboards import back, button, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskTargets, ClearTargets, ShowSource
from bot.texts import Translator
from bot.texts.service import targets_line
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.routing import sources
from crm_core.routing.sources import SourceListed
from crm_core.service import setting
from crm_core.service.targets import Targets, from_json, read_targets
from crm_core.storage.database import Database

router = Router(name="admins.source_targets")


def targets_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """The targets of a source, and how to change them."""
    now = targets_line(from_json(source.sla), _) or _("no targets")
    lines = [
        _("🎯 How soon are clients of {source} to be answered?").format(source=source.name),
        f"  {now}",
        "",
        _("Only the hours of the source count, and only while the client waits for you."),
        _("The operator is reminded at 70% of a target, admins at 100%. Targets hold for what begins from now on."),
        _("Send targets, in minutes, hours (h) or days (d): first 15 next 30 resolve 8h"),
    ]
    buttons = keyboard(
        [button(_("No targets"), ClearTargets(source_id=source.id))] if source.sla is not None else [],
        back(source.name, ShowSource(source_id=source.id)),
    )
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskTargets.filter())
async def on_targets(
    query: CallbackQuery, callback_data: AskTargets, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Shows the targets; what is typed next changes them."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "source_targets", targets_screen(source, _), source_id=source.id)


@router.callback_query(ClearTargets.filter())
async def on_clear(query: CallbackQuery, callback_data: ClearTargets, actor: Actor, act: Act, _: Translator) -> None:
    """No targets any more."""
    await _set(act, actor, callback_data.source_id, Targets(), _)


@router.message(AnswersPrompt("source_targets"))
async def on_typed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed targets. Raises BadTargets with the part that was not understood."""
    await _set(act, actor, asked.data["source_id"], read_targets(message.text or ""), _)


async def set_targets(typed: Typed) -> None:
    """`sla shop_bot` shows them, `sla shop_bot first 15 next 30 resolve 8h` sets them, `off` removes them."""
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await show_usage(typed.act, typed._("Specify the source and the targets"), typed.example)
        return
    source, targets = found
    if targets:
        await _set(typed.act, typed.actor, source.id, read_targets(targets.raw), typed._)
    else:
        await offer(typed.act, typed.actor, "source_targets", targets_screen(source, typed._), source_id=source.id)


async def _set(act: Act, actor: Actor, source_id: int, targets: Targets, _: Translator) -> None:
    await change_source(act, actor, setting.set_targets, source_id, _, targets=targets)
