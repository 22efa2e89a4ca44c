"""The last changes of a source's or an operator's settings: a button on their screens shows who set what, and when."""

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.admins.undo import named, value_text
from bot.handling.act import Act
from bot.screens.admin_buttons import ShowChanges
from bot.screens.keyboards import Row, back, keyboard, titled
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.screens.operator_buttons import ShowOperator
from bot.screens.source_buttons import ShowSource
from bot.texts import Translator
from bot.texts.phrases import moment
from crm_core.access.actors import Actor
from crm_core.storage.database import Database
from crm_core.team import change_history
from crm_core.team.change_history import Changes, Made

router = Router(name="admins.changes")

SHOWN = 8
VALUE_LONGEST = 120


@router.callback_query(ShowChanges.filter())
async def on_changes(
    query: CallbackQuery,
    callback_data: ShowChanges,
    actor: Actor,
    act: Act,
    db: Database,
    timezone: str,
    _: Translator,
) -> None:
    """[Changes] of a source, or of an operator."""
    source_id, operator_id = callback_data.source_id, callback_data.operator_id
    if source_id:
        found = await db.read(change_history.of_source, source_id=source_id, at_most=SHOWN, actor=actor)
        returns = back(found.name, ShowSource(source_id=source_id))
    else:
        found = await db.read(change_history.of_operator, operator_id=operator_id, at_most=SHOWN, actor=actor)
        returns = back(found.name, ShowOperator(operator_id=operator_id))
    await act.show(changes_screen(found, returns, timezone, _))


def changes_screen(found: Changes, returns: Row, zone: str, _: Translator) -> OutgoingMessage:
    """Each change in two lines: when and by whom, then what it was before and after."""
    lines = [line for one in found.made for line in _lines(one, zone, _)]
    if not lines:
        lines.append(_("Nothing has been changed so far."))
    return text_message(titled(f"🕓 {found.name}", lines), keyboard=keyboard(returns))


def author(made: Made, _: Translator) -> str:
    """Who made a change: an admin, an API key, somebody with access to the shell, or the program itself."""
    kind, _colon, rest = made.by.partition(":")
    match kind:
        case "tg":
            return made.name or _("account {id}, no longer an admin").format(id=rest)
        case "api" if rest == "local":
            return _("the API")
        case "api":
            return _("API key {name}").format(name=made.name or rest)
        case "shell":
            return _("{user}, command line").format(user=rest)
        case "system":
            return "Mini-CRM"
        case _other:
            return made.by


def _lines(made: Made, zone: str, _: Translator) -> tuple[str, str]:
    one = made.change
    before, after = (shorten(value_text(one, value, _), VALUE_LONGEST) for value in (one.before, one.after))
    return f"{moment(one.at.timestamp(), zone, _)} · {author(made, _)}", f"      {named(one, _)}: {before} → {after}"
