"""Shapes and text as SVG. What people typed is escaped here, and only here."""

from collections.abc import Iterable
from html import escape

from crm_core.pictures.font import FAMILY, drawable, fitting, width

BACKGROUND, CARD = "#eef2f5", "#ffffff"
INK, FAINT, LINE, TRACK = "#1f2a33", "#66737f", "#dde4e9", "#e6ecf0"
GOOD, WARN, OVER, OFF, PLAN = "#2f9e8f", "#f0a33a", "#d9622b", "#a9b4bd", "#b9cfe4"


def number(value: float) -> str:
    """A coordinate as text: tenths of a pixel are enough."""
    return f"{value:.1f}".removesuffix(".0")


def text_line(
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    colour: str = INK,
    bold: bool = False,
    anchor: str = "start",
    room: float | None = None,
) -> str:
    """A line of text.

    Args:
        x, y: its beginning (or end, or middle, by `anchor`), and its base line, in pixels.
        room: its largest width, in pixels; a longer text is cut.
    """
    shown = drawable(text)
    if room is not None:
        shown = fitting(shown, room, size, bold=bold)
    weight = ' font-weight="bold"' if bold else ""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" fill="{colour}"{weight}{at}>'
        f"{escape(shown)}</text>"
    )


def box(x: float, y: float, wide: float, high: float, colour: str, *, radius: float = 0) -> str:
    """A rectangle; empty if it has no size."""
    if wide <= 0 or high <= 0:
        return ""
    round_ = f' rx="{number(min(radius, wide / 2, high / 2))}"' if radius else ""
    size = f'width="{number(wide)}" height="{number(high)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {size}{round_} fill="{colour}"/>'


def largest(text: str, size: float, room: float, *, bold: bool = False) -> float:
    """The font size, at most `size`, at which a text fits into a width, in pixels."""
    return min(size, size * room / max(width(drawable(text), size, bold=bold), 1))


def dot(x: float, y: float, radius: float, colour: str) -> str:
    """A filled circle around a point."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{colour}"/>'


def moved(y: float, parts: Iterable[str], *, x: float = 0) -> str:
    """A group of shapes, shifted."""
    return f'<g transform="translate({number(x)} {number(y)})">{"".join(parts)}</g>'


def legend(right: float, y: float, entries: Iterable[tuple[str, str]], size: float) -> tuple[str, float]:
    """A legend of (colour, label), ending at `right`, and where it begins."""
    parts: list[str] = []
    for colour, text in reversed(list(entries)):
        left = right - width(drawable(text), size)
        parts += [text_line(left, y, text, size, colour=FAINT), box(left - 32, y - 19, 21, 21, colour, radius=5)]
        right = left - 32 - 28
    return "".join(parts), right


def document(wide: float, high: float, parts: Iterable[str]) -> str:
    """A whole picture."""
    size = f'width="{number(wide)}" height="{number(high)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(wide)} {number(high)}" '
        f'font-family="{FAMILY}">{box(0, 0, wide, high, BACKGROUND)}{"".join(parts)}</svg>'
    )
