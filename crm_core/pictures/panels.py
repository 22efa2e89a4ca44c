"""The parts of the statistics' picture, each a pure function from figures to shapes.

Sizes are for a phone: it shows a picture of 1280 pixels some 360 points wide, so 34 pixels are nearly 10 points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crm_core.pictures.font import drawable, width
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
    words,
)
from crm_core.pictures.words import Words
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
    """A part of the picture: shapes from (0, 0) on, and how much room they take, in pixels."""

    high: float
    parts: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """Contacts opened in one hour, day or longer.

    Attributes:
        label: stands below; empty for most.
        contacts: all of them; `unassigned` is how many of them have no operator.
    """

    label: str
    contacts: int
    unassigned: int


def _titled(title: str, entries: Sequence[tuple[str, str]] = ()) -> list[str]:
    shapes, left = legend(WIDE, 32, entries, SMALL)
    return [words(0, 34, title, TITLE, bold=True, room=left), shapes]


def _empty(title: str, text: str) -> Panel:
    return Panel(FIRST + 10, [*_titled(title), _note(FIRST, text)])


def _note(y: float, text: str, *, x: float = 0) -> str:
    return words(x, y, text, NORMAL, colour=FAINT, room=WIDE - x)


def _name(name: str, say: Words) -> str:
    return drawable(name) or say.unnamed


def head(numbers: Statistics, say: Words) -> Panel:
    """What the picture is about, and the three numbers that matter most."""
    wide = WIDE / 3
    large = [
        (numbers.contacts, say.contacts(numbers.contacts), INK),
        (numbers.unassigned, say.unassigned(numbers.unassigned_share), WARN if numbers.unassigned else INK),
        (numbers.waiting, say.waiting(numbers.waiting), WARN if numbers.waiting else INK),
    ]
    parts = [
        words(0, 44, say.title, 54, bold=True, room=WIDE / 2),
        words(WIDE, 44, say.period, NORMAL, colour=FAINT, anchor="end", room=WIDE / 2 - 20),
    ]
    for place, (count, label, colour) in enumerate(large):
        x, text, room = place * wide, say.number(count), wide - 48
        size = largest(text, 76, room, bold=True)
        parts.append(words(x, 138, text, size, bold=True, colour=colour))
        parts.append(words(x, 182, label, SMALL, colour=FAINT, room=room))
    return Panel(186, parts)


# --- contacts over time ----------------------------------------------------------------------------------------------


def flow(columns: Sequence[Column], say: Words) -> Panel:
    """Contacts over time; those without an operator are marked."""
    highest = max((one.contacts for one in columns), default=0)
    if not highest:
        return _empty(say.flow, say.no_contacts)
    parts = _titled(say.flow, [(GOOD, say.given), (WARN, say.not_given)])
    bottom = 76.0 + COLUMNS_HIGH
    step = tick(highest)
    ceiling = math.ceil(highest / step) * step
    left = 24 + 18 * len(say.number(ceiling))
    for value in range(0, ceiling + 1, step):
        y = bottom - COLUMNS_HIGH * value / ceiling
        parts.append(box(left, y - 1, WIDE - left, 2, LINE))
        parts.append(words(left - 14, y + 10, say.number(value), SMALL, colour=FAINT, anchor="end"))
    each = (WIDE - left) / len(columns)
    wide = min(each * 0.72, 110)
    for place, one in enumerate(columns):
        x = left + each * (place + 0.5)
        parts += _column(x - wide / 2, bottom, wide, one, COLUMNS_HIGH / ceiling)
        if one.label:
            at = min(x, WIDE - width(one.label, SMALL) / 2)  # the last one stays inside
            parts.append(words(at, bottom + 40, one.label, SMALL, colour=FAINT, anchor="middle"))
    return Panel(bottom + 38, parts)


def _column(x: float, bottom: float, wide: float, one: Column, scale: float) -> list[str]:
    with_operator = _visible(one.contacts - one.unassigned, scale)
    without = _visible(one.unassigned, scale)
    return [
        box(x, bottom - with_operator, wide, with_operator, GOOD, radius=4),
        box(x, bottom - with_operator - without, wide, without, WARN, radius=4),
    ]


def _visible(count: float, scale: float) -> float:
    """Pixels for a number: even the smallest one is seen."""
    return max(count * scale, 3.0) if count > 0 else 0.0


def tick(highest: int) -> int:
    """The distance of lines in a chart: 1, 2 or 5 times a power of ten, so that there are two to five of them."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest / (step * factor) <= 4:
                return step * factor
        step *= 10


# --- load ------------------------------------------------------------------------------------------------------------


def load(operators: Sequence[OperatorNumbers], say: Words) -> Panel:
    """How much everybody holds of what he may hold, the fullest first."""
    if not operators:
        return _empty(say.load, say.no_operators)
    parts = _titled(say.load, [(GOOD, say.online), (WARN, say.full), (OFF, say.away)])
    ordered = sorted((one.facts for one in operators), key=lambda one: (-_part(one), -one.current_leads, one.name))
    shown = ordered[:OPERATORS_SHOWN] if len(ordered) > OPERATORS_SHOWN + 1 else ordered
    rest = ordered[len(shown) :]
    for place, one in enumerate(shown):
        parts += _load(FIRST + place * ROW, one, say)
    if rest:
        held, limits = sum(one.current_leads for one in rest), sum(one.max_leads for one in rest)
        parts.append(_note(FIRST + len(shown) * ROW, say.more_operators(len(rest), held, limits)))
    return Panel(FIRST + (len(shown) + bool(rest) - 1) * ROW + 10, parts)


def _part(one: OperatorFacts) -> float:
    return one.current_leads / one.max_leads if one.max_leads else float(one.current_leads)


def _load(y: float, one: OperatorFacts, say: Words) -> list[str]:
    is_there = one.is_active and one.is_online and one.telegram_id is not None
    colour = OFF if not is_there else WARN if one.free == 0 else GOOD
    room = WIDE - BARS - 190
    scale = room / max(one.max_leads, one.current_leads, 1)  # each of his own limit: limits may differ a hundredfold
    within = min(one.current_leads, one.max_leads)
    holds = f"{say.number(one.current_leads)} / {say.number(one.max_leads)}"
    return [
        dot(11, y - 12, 10, colour),
        words(36, y, _name(one.name, say), NORMAL, room=BARS - 56),
        box(BARS, y - 27, room, 30, TRACK, radius=8),
        box(BARS, y - 27, one.current_leads * scale, 30, OVER if is_there else OFF, radius=8),  # seen beyond the limit
        box(BARS, y - 27, within * scale, 30, colour, radius=8),
        words(WIDE, y, holds, NORMAL, anchor="end", colour=INK if is_there else FAINT),
    ]


# --- shares ----------------------------------------------------------------------------------------------------------


def shares(sources: Sequence[SourceNumbers], say: Words) -> Panel:
    """Planned against actual share, source by source, the busiest first."""
    if not sources:
        return _empty(say.shares, say.no_sources)
    parts = _titled(say.shares, [(PLAN, say.planned), (GOOD, say.actual)])
    ordered = sorted(sources, key=lambda one: (-one.contacts, not one.shares, one.source.id))
    each = SHARES_SHOWN if len(ordered) > 1 else SHARE_LINES - 1
    y, left, shown = float(FIRST), SHARE_LINES, 0
    for one in ordered:
        left -= 1 + len(_shown(one, each)) + (len(_shown(one, each)) != len(one.shares) or not one.shares)
        if shown and left < 0:
            break
        more, y = _source(y, one, each, say)
        parts += more
        shown += 1
    if shown < len(ordered):
        parts.append(_note(y, say.more_sources(len(ordered) - shown)))
        y += ROW + 8
    return Panel(y - ROW + 2, parts)


def _shown(one: SourceNumbers, each: int) -> Sequence[ShareNumbers]:
    """The operators of a source for whom there is room: a line that counts the rest takes a place, too."""
    return one.shares if len(one.shares) <= each + 1 else one.shares[:each]


def _source(y: float, one: SourceNumbers, each: int, say: Words) -> tuple[list[str], float]:
    """A source with its operators; also the base line of what follows."""
    count = say.contacts_of(one.contacts)
    parts = [
        words(0, y, _name(one.source.name, say), NORMAL, bold=True, room=WIDE - width(drawable(count), NORMAL) - 24),
        words(WIDE, y, count, NORMAL, colour=FAINT, anchor="end"),
    ]
    shown = _shown(one, each)
    for share in shown:
        y += ROW
        parts += _share(y, share, say)
    rest = len(one.shares) - len(shown)
    if rest or not shown:
        y += ROW
        parts.append(_note(y, say.more_shares(rest) if rest else say.no_weights, x=36))
    return parts, y + ROW + 8


def _share(y: float, one: ShareNumbers, say: Words) -> list[str]:
    room = WIDE - BARS - 460
    return [
        words(36, y, _name(one.operator, say), NORMAL, room=BARS - 56),
        box(BARS, y - 28, room, 32, TRACK, radius=8),
        box(BARS, y - 28, room * (one.planned or 0.0), 32, PLAN, radius=8),
        box(BARS, y - 20, room * (one.actual or 0.0), 16, GOOD, radius=6),
        words(BARS + room + 16, y, say.cause(one.gap.cause), SMALL, colour=FAINT, room=180),
        words(WIDE, y, f"{say.percent(one.planned)} → {say.percent(one.actual)}", NORMAL, anchor="end"),
    ]


# --- times -----------------------------------------------------------------------------------------------------------


def times(numbers: Statistics, say: Words) -> Panel:
    """How long it took from the first word to an operator, to the take, to the first reply."""
    parts = _titled(say.times, [(GOOD, say.mean), (PLAN, say.p95)])
    rows = [
        (say.to_assignment, numbers.to_assignment),
        (say.to_take, numbers.to_take),
        (say.to_reply, numbers.to_reply),
    ]
    longest = max(max(one.p95 or 0.0, one.mean or 0.0) for _, one in rows)
    for place, (label, lengths) in enumerate(rows):
        parts += _time(FIRST + place * ROW, label, lengths, longest, say)
    return Panel(FIRST + 2 * ROW + 10, parts)


def _time(y: float, label: str, one: Durations, longest: float, say: Words) -> list[str]:
    text = f"{say.duration(one.mean)} / {say.duration(one.p95)}"
    room = WIDE - BARS - 440
    scale = room / longest if longest else 0.0
    return [
        words(0, y, label, NORMAL, room=BARS - 20),
        box(BARS, y - 28, room, 32, TRACK, radius=8),
        box(BARS, y - 28, _visible(one.p95 or 0.0, scale), 32, PLAN, radius=8),
        box(BARS, y - 20, _visible(one.mean or 0.0, scale), 16, GOOD, radius=6),
        words(WIDE, y, text, largest(text, NORMAL, 420), anchor="end"),
    ]
