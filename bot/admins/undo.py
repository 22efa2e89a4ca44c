"""/undo: the latest change of a setting that this admin made is put back, after a question."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.screens.buttons import PutBack
from bot.screens.keyboards import button, keyboard, typed
from bot.screens.message import text_message
from bot.texts import Translator
from bot.texts.hours import hours_lines
from bot.texts.phrases import moment
from crm_core.access.actors import Actor
from crm_core.hours.stored import readable
from crm_core.storage.database import Database
from crm_core.team import undoing
from crm_core.team.undoing import SettingChange, WeightHere

router = Router(name="admins.undo")


@router.message(typed("undo"))
async def on_undo(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """Names the latest change and asks whether to put it back."""
    found = await db.read(undoing.latest, actor=actor)
    at = moment(found.at.timestamp(), str(ZoneInfo(timezone)), _)
    lines = [
        _("Your last change, of {at}:").format(at=at),
        f"{_named(found, _)}: {_value(found, found.before, _)} → {_value(found, found.after, _)}",
        _("Put it back?"),
    ]
    buttons = keyboard([button(_("↩️ Put it back"), PutBack(event_id=found.event_id))])
    await act.answer(text_message("\n".join(lines), keyboard=buttons))


@router.callback_query(PutBack.filter())
async def on_put_back(query: CallbackQuery, callback_data: PutBack, actor: Actor, act: Act, _: Translator) -> None:
    """Puts the change back."""
    await act(
        undoing.put_back,
        event_id=callback_data.event_id,
        actor=actor,
        screen=lambda found: text_message(
            _("Put back. {setting}: {value}. Another /undo brings the change back.").format(
                setting=_named(found, _), value=_value(found, found.before, _)
            )
        ),
    )


def _named(found: SettingChange, _: Translator) -> str:
    match found.what:
        case "weight":
            return _("Weight of {operator} at {source}").format(operator=found.operator, source=found.source)
        case "limit":
            return _("Limit of {operator}").format(operator=found.operator)
        case "hours":
            return _("Working hours of {operator}").format(operator=found.operator)
        case "strategy":
            return _("Shares at {source}").format(source=found.source)
        case _other:
            return _("Days for who comes back at {source}").format(source=found.source)


def _value(found: SettingChange, value: object, _: Translator) -> str:
    if isinstance(value, WeightHere):
        limit = "" if value.limit is None else ", " + _("at most {n}").format(n=value.limit)
        return f"{value.weight}{limit}"
    if found.what == "strategy":
        return _("exact") if value == "exact" else _("at random, by weight")
    if found.what == "hours":
        hours = readable(value if isinstance(value, dict) else None)
        return _("always, while online") if hours is None else "; ".join(hours_lines(hours, _))
    return str(value)
