"""What admins' screens have in common: buttons, pages, notes of what was done, and commands as people type them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram.utils.formatting import Bold, Text

from bot.screens.message import shorten
from bot.texts import Translator

T = TypeVar("T")
Row = list[InlineKeyboardButton]

PAGE = 8  # entries on a page: a list with its buttons fits a phone's screen
LABEL_LONGEST = 40


def typed(*names: str) -> Command:
    """A filter for a command as people type it: phones capitalise it, and it may name the bot (`/help@shop_bot`).

    Args:
        names: of the command: the one that help names, and others that mean the same.
    """
    return Command(*names, ignore_case=True, ignore_mention=True)


def button(label: str, data: CallbackData) -> InlineKeyboardButton:
    """A button; long names are shortened."""
    return InlineKeyboardButton(text=shorten(label, LABEL_LONGEST), callback_data=data.pack())


def keyboard(*lines: Row) -> InlineKeyboardMarkup:
    """A keyboard of these lines; empty ones are left out."""
    return InlineKeyboardMarkup(inline_keyboard=[line for line in lines if line])


def in_lines(buttons: Sequence[InlineKeyboardButton], each: int) -> list[Row]:
    """Buttons in lines of so many."""
    return [list(buttons[start : start + each]) for start in range(0, len(buttons), each)]


def page_of(items: Sequence[T], page: int) -> tuple[int, Sequence[T]]:
    """The number of a page and its items; the last page if there are fewer by now."""
    page = max(0, min(page, (len(items) - 1) // PAGE))
    return page, items[page * PAGE : (page + 1) * PAGE]


def turning(page: int, total: int, at: Callable[[int], CallbackData], *, each: int = PAGE) -> Row:
    """The line that turns pages of so many entries each; empty if there is only one."""
    last = max(0, (total - 1) // each)
    line = []
    if page > 0:
        line.append(button("◀️", at(page - 1)))
    if page < last:
        line.append(button("▶️", at(page + 1)))
    return line


def back(label: str, data: CallbackData) -> Row:
    """The line that leads back."""
    return [button(f"◀️ {label}", data)]


def titled(title: str, lines: Sequence[str | Text], *, note: str = "") -> Text:
    """A screen's text: a note of what was just done, the title, the lines."""
    parts: list[str | Text] = [note, "\n\n"] if note else []
    parts.append(Bold(title))
    for line in lines:
        parts += ["\n", line]
    return Text(*parts)


def sentences(*parts: str) -> str:
    """Sentences in one line, the empty ones left out."""
    return " ".join(part for part in parts if part)


def of_pages(page: int, total: int, _: Translator, *, each: int = PAGE) -> str:
    """Which page of so many entries each this is; empty if there is only one."""
    pages = (total - 1) // each + 1
    return _("page {page} of {pages}").format(page=page + 1, pages=pages) if pages > 1 else ""
