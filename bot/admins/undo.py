"""/undo: the latest change of a setting that this admin made is put back, after a question."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.source_settings import listed
from bot.handling.act import Act
from bot.screens.admin_buttons import PutBack
from bot.screens.keyboards import button, keyboard, typed
from bot.screens.message import shorten, text_message
from bot.texts import Translator
from bot.texts.hours import hours_lines
from bot.texts.phrases import moment
from bot.texts.service import targets_line
from crm_core.access.actors import Actor
from crm_core.hours.stored import readable
from crm_core.routing import keywords
from crm_core.service.targets import from_json
from crm_core.storage.database import Database
from crm_core.team import undoing
from crm_core.team.undoing import SettingChange, WeightHere

router = Router(name="admins.undo")

NONE = "–"
SHORT_LABEL = 32  # characters, of a button alone in its line
VALUE_LONGEST = 900  # of one value, so that two fit into a message: keyword rules can be much longer


@router.message(typed("undo"))
async def on_undo(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """Names the latest change and asks whether to put it back."""
    found = await db.read(undoing.latest, actor=actor)
    at = moment(found.at.timestamp(), str(ZoneInfo(timezone)), _)
    lines = [
        _("Your last change, of {at}:").format(at=at),
        f"{named(found, _)}: {_shortened(found, found.before, _)} → {_shortened(found, found.after, _)}",
        _("Undo it?"),
    ]
    buttons = keyboard([button(_label(found, _), PutBack(event_id=found.event_id))])
    await act.answer(text_message("\n".join(lines), keyboard=buttons))


@router.callback_query(PutBack.filter())
async def on_put_back(query: CallbackQuery, callback_data: PutBack, actor: Actor, act: Act, _: Translator) -> None:
    """Puts the change back."""
    await act(
        undoing.put_back,
        event_id=callback_data.event_id,
        actor=actor,
        screen=lambda found: text_message(
            _("Undone. {setting}: {value}. Another /undo brings the change back.").format(
                setting=named(found, _), value=_shortened(found, found.before, _)
            )
        ),
    )


def named(found: SettingChange, _: Translator) -> str:
    """What a changed setting is called."""
    names = {
        "weight": _("Weight of {operator} at {source}"),
        "limit": _("Limit of {operator}"),
        "hours": _("Working hours of {operator}"),
        "ceiling": _("Ceiling of {operator}"),
        "rate": _("Requests per hour of {operator}"),
        "tags": _("Skills of {operator}"),
        "active": _("New requests for {operator}"),
        "intake": _("New requests from {source}"),
        "strategy": _("Shares at {source}"),
        "sticky": _("Days for who comes back at {source}"),
        "offers": _("Offers at {source}"),
        "skills": _("Required skills at {source}"),
        "priority": _("Head start of {source}, in minutes"),
        "ramp": _("Gentle start at {source}, requests a minute"),
        "catch_up": _("Requests credited after leave at {source}"),
        "late_hours": _("Hours after closing at {source}"),
        "protect_content": _("Forwarding and saving at {source}"),
        "forum": _("The team's forum of {source}"),
        "keywords": _("Keyword rules at {source}"),
        "handover": _("Absence of operators at {source}"),
        "waiting_load": _("What a request counts at {source} while it waits for its client, in hundredths"),
        "opening": _("Opening hours of {source}"),
        "sla": _("Targets at {source}"),
    }
    return names[found.what].format(operator=found.operator, source=found.source)


def _label(found: SettingChange, _: Translator) -> str:
    """The button says what the setting becomes, where that is short enough to be read at a glance."""
    label = _("↩️ Undo: back to {value}").format(value=value_text(found, found.before, _))
    return label if len(label) <= SHORT_LABEL else _("↩️ Undo")


def _shortened(found: SettingChange, value: Any, _: Translator) -> str:
    return shorten(value_text(found, value, _), VALUE_LONGEST)


def value_text(found: SettingChange, value: Any, _: Translator) -> str:
    """A value of a changed setting in words."""
    if isinstance(value, WeightHere):
        limit = "" if value.limit is None else ", " + _("at most {n}").format(n=value.limit)
        return f"{value.weight}{limit}"
    match found.what:
        case "strategy":
            return _("exact") if value["strategy"] == "exact" else _("at random, by weight")
        case "protect_content":
            return _("not possible") if value["protect_content"] else _("possible")
        case "forum" | "intake":
            return _("on") if any(value.values()) else _("off")
        case "active":
            return _("on") if value else _("off")
        case "hours" | "opening":
            hours = readable(value if isinstance(value, dict) else None)
            always = _("always, while online") if found.what == "hours" else _("always")
            return always if hours is None else "; ".join(hours_lines(hours, _))
        case "sla":
            return NONE if value is None else targets_line(from_json(value), _)
        case "skills":
            return listed(value["skills"], _) or NONE
        case "keywords":
            return "; ".join(str(rule) for rule in keywords.read(value)) or NONE
        case "handover":
            return _handover(value, _)
        case "tags":
            return ", ".join(value) or NONE
        case _other:
            return _columns(value, found.names, _) if isinstance(value, dict) else _one(value)


def _handover(value: Mapping[str, Any], _: Translator) -> str:
    """What happens to requests of absent operators, and after how long: of the two, those that have changed."""
    modes = {"keep": _("keep"), "hold": _("tell the client"), "hand_over": _("hand over")}
    mode, minutes = value.get("handover"), value.get("away_minutes")
    said = [] if mode is None else [modes[mode]]
    if minutes is not None and mode != "keep":
        said.append(_("{n} min").format(n=minutes))
    return ", ".join(said)


def _columns(value: Mapping[str, Any], operators: Mapping[int, str], _: Translator) -> str:
    """The values of columns; the first one of a setting needs no name of its own."""
    named = {
        "sticky_mode": _("shares"),
        "offer_rounds": _("rounds"),
        "miss_limit": _("missed at most"),
        "duty_operator_id": _("on duty"),
        "offer_seconds": _("seconds"),
    }
    if value.get("duty_operator_id") in operators:
        value = {**value, "duty_operator_id": operators[value["duty_operator_id"]]}
    each = [f"{named[name]} {_one(one)}" if name in named else _one(one) for name, one in sorted(value.items())]
    return ", ".join(each) or NONE


def _one(value: Any) -> str:
    return NONE if value is None else str(value)
