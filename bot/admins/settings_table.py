"""Settings as a table: each with its value in words and the button that changes it. A screen shows them all.

A source and an operator have such a table each. Whoever adds a setting adds an entry there, and its line and its button
are on the screen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiogram.filters.callback_data import CallbackData

from bot.screens.keyboards import Row, button, in_lines
from bot.screens.message import shorten
from bot.texts import Translator

Seen = TypeVar("Seen")

LINES, LINE_LONGEST = 8, 120
"""What one setting may take of a screen: all of it is behind its button."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[Seen]):
    """One setting.

    Attributes:
        label: of its button.
        opens: what the button carries, which has the id alone.
        value: in words, a line or several; empty while it is not used. None where the screen shows it by itself.
    """

    label: Callable[[Seen, Translator], str]
    opens: Callable[[Seen], CallbackData]
    value: Callable[[Seen, Translator], Sequence[str]] | None = None


Table = Sequence[Setting[Seen]]


def value_lines(table: Table[Seen], seen: Seen, _: Translator) -> list[str]:
    """The values of all settings that are used, then the names of the others, which lead to their buttons."""
    lines, unused = list[str](), list[str]()
    for one in table:
        value = one.value(seen, _) if one.value is not None else ()
        lines += _fitting(value, _)
        if one.value is not None and not value:
            unused.append(one.label(seen, _))
    if unused:
        lines.append(_("Not used: {settings}").format(settings=", ".join(unused)))
    return lines


def _fitting(value: Sequence[str], _: Translator) -> list[str]:
    lines = [line[: len(line) - len(line.lstrip())] + shorten(line, LINE_LONGEST) for line in value]
    if len(lines) <= LINES:
        return lines
    return [*lines[: LINES - 1], "  " + _("… and {n} more").format(n=len(lines) - LINES + 1)]


def setting_buttons(table: Table[Seen], seen: Seen, _: Translator, *, each: int = 2) -> list[Row]:
    """The buttons of settings, so many in a row."""
    return in_lines([button(one.label(seen, _), one.opens(seen)) for one in table], each)
