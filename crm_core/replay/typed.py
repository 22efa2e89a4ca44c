"""Changes for a replay as people type them: `shop_bot.Anna.weight=40`, `Anna.limit=5`, `Anna.hours=mon-fri 9-18`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_core.errors import BadChange, NotFound
from crm_core.names import TypedLine, suggestions
from crm_core.replay.changes import Changes
from crm_core.replay.playable import NAMES, Of, Playable, playable
from crm_core.replay.settings import Key
from crm_core.replay.typed_values import NotOneOf, Typing
from crm_core.routing import sources
from crm_core.routing.sources import SourceListed
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts

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

    The name of a change is the last word before it, or several in quotes. Hours and skills have several words, and end
    at the last comma, semicolon or line end before that name, or at the name itself.
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

    Raises BadChange, CannotBeReplayed, SourceNotFound and OperatorNotFound with names that come close, BadValue with
    the range, BadHours, BadSkills.
    """
    values: dict[Key, Any] = {}
    for one in typed:
        meant = playable(one.what)
        if not meant:
            close = suggestions(one.what, NAMES)
            raise BadChange(part=str(one), close=[f"{one.who}.{each}={one.value}" for each in close])
        setting, source, operator = _whose(one, meant, known, staff)
        hours = next((whose.hours for whose in (operator, source) if whose is not None), None)
        try:
            value = setting.reads(Typing(one.value, zone, today, hours, staff))
        except NotOneOf as error:
            raise BadChange(part=str(one), close=[f"{one.who}.{one.what}={each}" for each in error.words]) from None
        key = Key(setting.name, 0 if source is None else source.id, 0 if operator is None else operator.id)
        values[key] = value
    return Changes(values)


def _whose(
    one: TypedChange, meant: Sequence[Playable], known: Sequence[SourceListed], staff: Sequence[OperatorFacts]
) -> tuple[Playable, SourceListed | None, OperatorFacts | None]:
    """The setting that is meant, and whose it is: an operator's, a source's, or that of both."""
    by = {setting.of: setting for setting in meant}
    missed: list[NotFound] = []
    line = _line(one.who)
    if Of.OPERATOR in by:
        if (operator := operators.pick(staff, line)) is not None:
            return by[Of.OPERATOR], None, operator
        missed.append(operators.missed(staff, line))
    if Of.SOURCE in by:
        if (source := sources.pick(known, line)) is not None:
            return by[Of.SOURCE], source, None
        missed.append(sources.missed(known, line))
    if Of.BOTH in by and ("." in one.who or not missed):
        try:
            return by[Of.BOTH], *_pair(one, known, staff)
        except NotFound as error:
            missed.insert(0 if not any(each.fields.get("close") for each in missed) else len(missed), error)
    raise next((each for each in missed if each.fields.get("close")), missed[0])


def _pair(
    one: TypedChange, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]
) -> tuple[SourceListed, OperatorFacts]:
    """The source and the operator of `shop_bot.Anna`; names may have points of their own."""
    missed: NotFound | None = None
    for before, after in _cuts(one.who):
        source, operator = sources.pick(known, _line(before)), operators.pick(staff, _line(after))
        if source is not None and operator is not None:
            return source, operator
        if source is not None:
            missed = operators.missed(staff, _line(after))
        elif missed is None:
            missed = sources.missed(known, _line(before))
    if missed is None:  # no source is named
        if operators.pick(staff, _line(one.who)) is None:
            raise operators.missed(staff, _line(one.who))
        raise BadChange(part=str(one), close=[f"{each.name}.{one}" for each in known[:3]])
    raise missed


def _cuts(who: str) -> Iterator[tuple[str, str]]:
    for at, sign in enumerate(who):
        if sign == ".":
            yield who[:at], who[at + 1 :]


def _line(text: str) -> TypedLine:
    return TypedLine.of(text.strip())
