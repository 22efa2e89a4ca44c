"""Changes for a replay as people type them: `shop_bot.Anna.weight=40`, `Anna.limit=5`, `Anna.hours=mon-fri 9-18`."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from crm_core.errors import BadChange, NotFound
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import change_hours, is_always
from crm_core.hours.stored import readable
from crm_core.names import TypedLine, read_number, suggestions
from crm_core.replay.changes import Changes
from crm_core.routing import sources
from crm_core.routing.sources import WEIGHT_LARGEST, SourceListed
from crm_core.team import operators
from crm_core.team.operators import LIMIT_LARGEST, OperatorFacts

_WORDS = {
    "weight": "weight", "вес": "weight",
    "limit": "limit", "лимит": "limit",
    "strategy": "strategy", "доли": "strategy",
    "hours": "hours", "часы": "hours",
}  # fmt: skip
_STRATEGIES = {"random": "random", "exact": "exact", "случайно": "random", "точно": "exact"}
N = TypeVar("N")

_BEFORE = " ,;\n"
_SET = re.compile(r"\.\s*(?P<what>[^\W\d]+)\s*=\s*")  # `9.30` in hours has a number behind its point


@dataclass(frozen=True, slots=True)
class TypedChange:
    """One change, not understood yet: whose setting, which, and what it is to be."""

    who: str
    what: str
    value: str

    def __str__(self) -> str:
        return f"{self.who}.{self.what}={self.value}"


def split(text: str) -> tuple[str, list[TypedChange]]:
    """Splits a line into its changes. Returns what stands before them, too: the period, perhaps.

    The name of a change is the last word before it, or several in quotes. Only hours have several words, and end at the
    last comma, semicolon or line end before that name, or at the name itself.
    """
    found = list(_SET.finditer(text))
    names: list[tuple[int, int]] = []
    for one in found:
        names.append((_name_begins(text, one.start()), one.start()))
    changes = []
    for number, one in enumerate(found):
        ends = names[number + 1][0] if number + 1 < len(found) else len(text)
        value = text[one.end() : ends].strip(_BEFORE)
        start, end = names[number]
        changes.append(TypedChange(text[start:end].strip(), one["what"], value))
    return text[: names[0][0]].strip(_BEFORE) if names else text.strip(), changes


def one_change(text: str) -> TypedChange:
    """A text that is one change, so that a name in it may have several words. Raises BadChange."""
    found = _SET.search(text)
    if found is None:
        raise BadChange(part=text, close=[])
    return TypedChange(text[: found.start()].strip(), found["what"], text[found.end() :].strip())


def _name_begins(text: str, end: int) -> int:
    """Where the name begins that ends at a position: at its quote, or behind the last separator."""
    start, quoted = end, False
    while start > 0:
        sign = text[start - 1]
        if sign in '"”»“„«':
            quoted = not quoted
        elif not quoted and sign in _BEFORE:
            break
        start -= 1
    return start


def read_changes(
    typed: Iterable[TypedChange],
    *,
    known: Sequence[SourceListed],
    staff: Sequence[OperatorFacts],
    zone: str,
    today: date,
) -> Changes:
    """Changes from how they were typed.

    Args:
        known, staff: all sources and operators.
        zone, today: what hours without a zone and dates without a year mean.

    Raises BadChange, SourceNotFound and OperatorNotFound with names that come close, BadValue with the range, BadHours.
    """
    weights: dict[tuple[int, int], int] = {}
    limits: dict[int, int] = {}
    strategies: dict[int, str] = {}
    hours: dict[int, Calendar | None] = {}
    for one in typed:
        match _WORDS.get(one.what.casefold()):
            case "weight":
                pair = _pair(one, known, staff)
                weights[pair] = read_number(one.value, field="weight", minimum=0, maximum=WEIGHT_LARGEST)
            case "limit":
                operator = _find(one.who, staff, operators.pick, operators.missed)
                limits[operator.id] = read_number(one.value, field="limit", minimum=0, maximum=LIMIT_LARGEST)
            case "strategy":
                source = _find(one.who, known, sources.pick, sources.missed)
                strategy = _STRATEGIES.get(one.value.casefold())
                if strategy is None:
                    raise BadChange(
                        part=str(one), close=[f"{one.who}.{one.what}={each}" for each in ("random", "exact")]
                    )
                strategies[source.id] = strategy
            case "hours":
                operator = _find(one.who, staff, operators.pick, operators.missed)
                hours[operator.id] = (
                    None
                    if is_always(one.value)
                    else change_hours(one.value, zone=zone, today=today, before=readable(operator.hours))
                )
            case _:
                close = suggestions(one.what, ["weight", "limit", "strategy", "hours"])
                raise BadChange(part=str(one), close=[f"{one.who}.{each}={one.value}" for each in close])
    return Changes(weights, limits, strategies, hours)


def _pair(one: TypedChange, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]) -> tuple[int, int]:
    """The source and the operator of `shop_bot.Anna`; names may have points of their own."""
    missed: NotFound | None = None
    for before, after in _cuts(one.who):
        source, operator = sources.pick(known, _line(before)), operators.pick(staff, _line(after))
        if source is not None and operator is not None:
            return source.id, operator.id
        if source is not None:
            missed = operators.missed(staff, _line(after))
        elif missed is None:
            missed = sources.missed(known, _line(before))
    if missed is None:  # no source is named
        operator = _find(one.who, staff, operators.pick, operators.missed)
        raise BadChange(part=str(one), close=[f"{each.name}.{one}" for each in known[:3]])
    raise missed


def _cuts(who: str) -> Iterator[tuple[str, str]]:
    for at, sign in enumerate(who):
        if sign == ".":
            yield who[:at], who[at + 1 :]


def _line(text: str) -> TypedLine:
    return TypedLine.of(text.strip())


def _find(
    name: str,
    known: Sequence[N],
    pick: Callable[[Sequence[N], TypedLine], N | None],
    missed: Callable[[Sequence[N], TypedLine], NotFound],
) -> N:
    line = _line(name)
    found = pick(known, line)
    if found is None:
        raise missed(known, line)
    return found
