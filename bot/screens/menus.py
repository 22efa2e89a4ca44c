"""The commands in each person's menu, by role."""

from collections.abc import Iterable

from aiogram.types import BotCommand

from bot.texts import Translator


def commands_for(roles: Iterable[str], _: Translator) -> list[BotCommand]:
    """The menu of a person with these roles: `operator`, `admin`, both, or none for a client."""
    have = set(roles)
    listed: list[tuple[str, str]] = []
    if "operator" in have:
        listed += [
            ("my", _("My open requests")),
            ("snooze", _("Let a request rest")),
            ("transfer", _("Hand a request on")),
            ("return", _("Give a request back")),
            ("online", _("Go online: get new requests")),
            ("offline", _("Go offline: no new requests")),
        ]
    if "admin" in have:
        listed += [
            ("stats", _("Statistics")),
            ("report", _("Daily report")),
            ("replay", _("Past days under other settings")),
            ("export", _("Export to Excel or CSV")),
            ("queue", _("Waiting requests")),
            ("assign", _("Weights, or a request by hand")),
            ("vip", _("Serve a client first")),
            ("keywords", _("Skills and priority by words")),
            ("operators", _("Operators")),
            ("sources", _("Sources")),
            ("undo", _("Undo my last change")),
            ("admins", _("Admins")),
        ]
    if not have:
        listed += [("start", _("Start")), ("email", _("Leave your e-mail")), ("privacy", _("What we store about you"))]
    listed.append(("help", _("Help")))
    return [BotCommand(command=name, description=text) for name, text in listed]
