"""The panels of the statistics' picture, each a pure function from figures to shapes.

Sizes are for a phone: it shows a picture of 1280 pixels some 360 points wide, so 34 pixels are nearly 10 points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crm_core.pictures.font import drawable, width
from crm_core.pictures.labels import Labels
from crm_core.pictures.svg import (
    FAINT,
    GOOD,
    INK,
    LINE,
    OFF,
    OVER,
    PLAN,
    TRACK,
    WARN,
    box,
    dot,
    largest,
    legend,
    text_line,
)
from crm_core.statistics import Durations, OperatorNumbers, ShareNumbers, SourceNumbers, Statistics
from crm_core.team.operators import OperatorFacts

WIDE = 1144  # pixels inside a card
TITLE, NORMAL, SMALL = 38, 34, 28  # sizes of letters
ROW = 52  # pixels from one line of a list to the next
FIRST = 100  # base line of a list's first line
BARS = 400  # where bars begin, right of names
COLUMNS_HIGH = 230
OPERATORS_SHOWN = 8
SHARE_LINES = 10  # sources and the operators under them, together
SHARES_SHOWN = 3  # operators under a source, where there are several


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the picture: its height in pixels, and shapes relative to its upper left corner."""

    high: float
    parts: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """Contacts opened in one hour, day or longer.

    Attributes:
        label: below the column; empty for most.
        contacts: all of them; `unassigned` is how many of them have no operator.
    """

    label: str
    contacts: int
    unassigned: int


def _titled(title: str, entries: Sequence[tuple[str, str]] = ()) -> list[str]:
    shapes, left = legend(WIDE, 32, entries, SMALL)
    return [text_line(0, 34, title, TITLE, bold=True, room=left), shapes]


def _empty(title: str, text: str) -> Panel:
    return Panel(FIRST + 10, [*_titled(title), _note(FIRST, text)])


def _note(y: float, text: str, *, x: float = 0) -> str:
    return text_line(x, y, text, NORMAL, colour=FAINT, room=WIDE - x)


def _name(name: str, labels: Labels) -> str:
    return drawable(name) or labels.unnamed


def head(numbers: Statistics, labels: Labels) -> Panel:
    """The heading, and the three most important numbers."""
    wide = WIDE / 3
    large = [
        (numbers.contacts, labels.contacts(numbers.contacts), INK),
        (numbers.unassigned, labels.unassigned(numbers.unassigned_share), WARN if numbers.unassigned else INK),
        (numbers.waiting, labels.waiting, WARN if numbers.waiting else INK),
    ]
    parts = [
        text_line(0, 44, labels.title, 54, bold=True, room=WIDE / 2),
        text_line(WIDE, 44, labels.period, NORMAL, colour=FAINT, anchor="end", room=WIDE / 2 - 20),
    ]
    for place, (count, label, colour) in enumerate(large):
        x, text, room = place * wide, labels.number(count), wide - 48
        size = largest(text, 76, room, bold=True)
        parts.append(text_line(x, 138, text, size, bold=True, colour=colour))
        parts.append(text_line(x, 182, label, SMALL, colour=FAINT, room=room))
    return Panel(186, parts)


# --- contacts over time ----------------------------------------------------------------------------------------------


def flow(columns: Sequence[Column], labels: Labels) -> Panel:
    """Contacts over time; those without an operator are marked."""
    highest = max((one.contacts for one in columns), default=0)
    if not highest:
        return _empty(labels.flow, labels.no_contacts)
    parts = _titled(labels.flow, [(GOOD, labels.given), (WARN, labels.not_given)])
    bottom = 76.0 + COLUMNS_HIGH
    step = tick(highest)
    ceiling = math.ceil(highest / step) * step
    left = 24 + 18 * len(labels.number(ceiling))
    for value in range(0, ceiling + 1, step):
        y = bottom - COLUMNS_HIGH * value / ceiling
        parts.append(box(left, y - 1, WIDE - left, 2, LINE))
        parts.append(text_line(left - 14, y + 10, labels.number(value), SMALL, colour=FAINT, anchor="end"))
    each = (WIDE - left) / len(columns)
    wide = min(each * 0.72, 110)
    for place, one in enumerate(columns):
        x = left + each * (place + 0.5)
        parts += _column(x - wide / 2, bottom, wide, one, COLUMNS_HIGH / ceiling)
        if one.label:
            at = min(x, WIDE - width(one.label, SMALL) / 2)  # the last one must not be cut off
            parts.append(text_line(at, bottom + 40, one.label, SMALL, colour=FAINT, anchor="middle"))
    return Panel(bottom + 38, parts)


def _column(x: float, bottom: float, wide: float, one: Column, scale: float) -> list[str]:
    with_operator = _visible(one.contacts - one.unassigned, scale)
    without = _visible(one.unassigned, scale)
    return [
        box(x, bottom - with_operator, wide, with_operator, GOOD, radius=4),
        box(x, bottom - with_operator - without, wide, without, WARN, radius=4),
    ]


def _visible(count: float, scale: float) -> float:
    """Pixels for a number: even the smallest one is visible."""
    return max(count * scale, 3.0) if count > 0 else 0.0


def tick(highest: int) -> int:
    """The distance between lines of a chart: 1, 2 or 5 times a power of ten, for two to five lines."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest / (step * factor) <= 4:
                return step * factor
        step *= 10


# --- load ------------------------------------------------------------------------------------------------------------


def load(operators: Sequence[OperatorNumbers], labels: Labels) -> Panel:
    """Load and limit of each operator, the fullest first."""
    if not operators:
        return _empty(labels.load, labels.no_operators)
    parts = _titled(labels.load, [(GOOD, labels.online), (WARN, labels.full), (OFF, labels.away)])
    ordered = sorted((one.facts for one in operators), key=lambda one: (-_part(one), -one.current_leads, one.name))
    shown = ordered[:OPERATORS_SHOWN] if len(ordered) > OPERATORS_SHOWN + 1 else ordered
    rest = ordered[len(shown) :]
    for place, one in enumerate(shown):
        parts += _load(FIRST + place * ROW, one, labels)
    if rest:
        held, limits = sum(one.current_leads for one in rest), sum(one.max_leads for one in rest)
        parts.append(_note(FIRST + len(shown) * ROW, labels.more_operators(len(rest), held, limits)))
    return Panel(FIRST + (len(shown) + bool(rest) - 1) * ROW + 10, parts)


def _part(one: OperatorFacts) -> float:
    return one.current_leads / one.max_leads if one.max_leads else float(one.current_leads)


def _load(y: float, one: OperatorFacts, labels: Labels) -> list[str]:
    is_there = one.is_active and one.is_online and one.on_shift and one.telegram_id is not None
    colour = OFF if not is_there else WARN if one.free == 0 else GOOD
    room = WIDE - BARS - 190
    scale = room / max(one.max_leads, one.current_leads, 1)  # by their own limit: limits may differ a hundredfold
    within = min(one.current_leads, one.max_leads)
    holds = f"{labels.number(one.current_leads)} / {labels.number(one.max_leads)}"
    return [
        dot(11, y - 12, 10, colour),
        text_line(36, y, _name(one.name, labels), NORMAL, room=BARS - 56),
        box(BARS, y - 27, room, 30, TRACK, radius=8),
        box(BARS, y - 27, one.current_leads * scale, 30, OVER if is_there else OFF, radius=8),  # seen beyond the limit
        box(BARS, y - 27, within * scale, 30, colour, radius=8),
        text_line(WIDE, y, holds, NORMAL, anchor="end", colour=INK if is_there else FAINT),
    ]


# --- shares ----------------------------------------------------------------------------------------------------------


def shares(sources: Sequence[SourceNumbers], labels: Labels) -> Panel:
    """Planned against actual share, source by source, the busiest first."""
    if not sources:
        return _empty(labels.shares, labels.no_sources)
    parts = _titled(labels.shares, [(PLAN, labels.planned), (GOOD, labels.actual)])
    ordered = sorted(sources, key=lambda one: (-one.contacts, not one.shares, one.source.id))
    each = SHARES_SHOWN if len(ordered) > 1 else SHARE_LINES - 1
    y, left, shown = float(FIRST), SHARE_LINES, 0
    for one in ordered:
        left -= 1 + len(_shown(one, each)) + (len(_shown(one, each)) != len(one.shares) or not one.shares)
        if shown and left < 0:
            break
        more, y = _source(y, one, each, labels)
        parts += more
        shown += 1
    if shown < len(ordered):
        parts.append(_note(y, labels.more_sources(len(ordered) - shown)))
        y += ROW + 8
    return Panel(y - ROW + 2, parts)


def _shown(one: SourceNumbers, each: int) -> Sequence[ShareNumbers]:
    """The operators of a source for whom there is room: the line that counts the rest takes a place, too."""
    return one.shares if len(one.shares) <= each + 1 else one.shares[:each]


def _source(y: float, one: SourceNumbers, each: int, labels: Labels) -> tuple[list[str], float]:
    """A source with its operators, and the base line of what follows."""
    count = labels.contacts_of(one.contacts)
    parts = [
        text_line(
            0, y, _name(one.source.name, labels), NORMAL, bold=True, room=WIDE - width(drawable(count), NORMAL) - 24
        ),
        text_line(WIDE, y, count, NORMAL, colour=FAINT, anchor="end"),
    ]
    shown = _shown(one, each)
    for share in shown:
        y += ROW
        parts += _share(y, share, labels)
    rest = len(one.shares) - len(shown)
    if rest or not shown:
        y += ROW
        parts.append(_note(y, labels.more_shares(rest) if rest else labels.no_weights, x=36))
    return parts, y + ROW + 8


def _share(y: float, one: ShareNumbers, labels: Labels) -> list[str]:
    room = WIDE - BARS - 460
    return [
        text_line(36, y, _name(one.operator, labels), NORMAL, room=BARS - 56),
        box(BARS, y - 28, room, 32, TRACK, radius=8),
        box(BARS, y - 28, room * (one.planned or 0.0), 32, PLAN, radius=8),
        box(BARS, y - 20, room * (one.actual or 0.0), 16, GOOD, radius=6),
        text_line(BARS + room + 16, y, labels.cause(one.gap.cause), SMALL, colour=FAINT, room=180),
        text_line(WIDE, y, f"{labels.percent(one.planned)} → {labels.percent(one.actual)}", NORMAL, anchor="end"),
    ]


# --- times -----------------------------------------------------------------------------------------------------------


def times(numbers: Statistics, labels: Labels) -> Panel:
    """The durations from the first message to the assignment, to the take, and to the first reply."""
    parts = _titled(labels.times, [(GOOD, labels.mean), (PLAN, labels.p95)])
    rows = [
        (labels.to_assignment, numbers.to_assignment),
        (labels.to_take, numbers.to_take),
        (labels.to_reply, numbers.to_reply),
    ]
    longest = max(max(one.p95 or 0.0, one.mean or 0.0) for _, one in rows)
    for place, (label, lengths) in enumerate(rows):
        parts += _time(FIRST + place * ROW, label, lengths, longest, labels)
    return Panel(FIRST + 2 * ROW + 10, parts)


def _time(y: float, label: str, one: Durations, longest: float, labels: Labels) -> list[str]:
    text = f"{labels.duration(one.mean)} / {labels.duration(one.p95)}"
    room = WIDE - BARS - 440
    scale = room / longest if longest else 0.0
    return [
        text_line(0, y, label, NORMAL, room=BARS - 20),
        box(BARS, y - 28, room, 32, TRACK, radius=8),
        box(BARS, y - 28, _visible(one.p95 or 0.0, scale), 32, PLAN, radius=8),
        box(BARS, y - 20, _visible(one.mean or 0.0, scale), 16, GOOD, radius=6),
        text_line(WIDE, y, text, largest(text, NORMAL, 420), anchor="end"),
    ]
