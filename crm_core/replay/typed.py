"""Changes for a replay as people type them: `shop_bot.Anna.weight=40`, `Anna.limit=5`, `Anna.hours=mon-fri 9-18`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_core.errors import BadChange, NotFound
from crm_core.names import suggestions
from crm_core.replay.changes import Changes
from crm_core.replay.playable import NAMES, Of, Playable, playable
from crm_core.replay.settings import Key
from crm_core.replay.typed_names import SEPARATORS, Names, cuts, line
from crm_core.replay.typed_values import NotOneOf, Typing
from crm_core.routing import sources
from crm_core.routing.sources import SourceListed
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts

_SET = re.compile(r"\.\s*(?P<what>[^\W\d]+)\s*=\s*")  # `9.30` in hours has a number behind its point
NO_NAMES = Names()


@dataclass(frozen=True, slots=True)
class TypedChange:
    """One change, not understood yet: whose setting, which, and what it is to be."""

    who: str
    what: str
    value: str

    def __str__(self) -> str:
        return f"{self.who}.{self.what}={self.value}"


def split(text: str, names: Names = NO_NAMES) -> tuple[str, list[TypedChange]]:
    """Splits a line into its changes. Returns what stands before them, too: the period, perhaps.

    Before a change stands a known name, the longest if there are several, or the last word, or several in quotes. Hours
    and skills have several words, and end at the last comma, semicolon or line end before that name, or at the name.
    """
    changes: list[TypedChange] = []
    begins = len(text)
    found = list(_SET.finditer(text))
    for one in reversed(found):
        if one.start() >= begins:
            continue  # inside of the name behind it
        start = names.begin(text, one.start(), is_first=one is found[0])
        value = text[one.end() : begins].strip(SEPARATORS)
        changes.append(TypedChange(text[start : one.start()].strip(), one["what"], value))
        begins = start
    return text[:begins].strip(SEPARATORS), changes[::-1]


def one_change(text: str, names: Names = NO_NAMES) -> TypedChange:
    """A text that is one change, so that nothing stands before its name. Raises BadChange."""
    cut = [
        TypedChange(text[: one.start()].strip(), one["what"], text[one.end() :].strip()) for one in _SET.finditer(text)
    ]
    if not cut:
        raise BadChange(part=text, close=[])
    known = [one for one in reversed(cut) if names.know(one.who)]  # the longest name first
    best = [one for one in known if playable(one.what)] or [one for one in cut if playable(one.what)] or known or cut
    return best[0]


def read_changes(
    typed: Iterable[TypedChange | str],
    *,
    known: Sequence[SourceListed],
    staff: Sequence[OperatorFacts],
    zone: str,
    today: date,
) -> Changes:
    """Changes from how they were typed.

    Args:
        typed: those of a line (`split`), or a text for each.
        known, staff: all sources and operators.
        zone, today: what hours without a zone and dates without a year mean.

    Raises BadChange, CannotBeReplayed, SourceNotFound and OperatorNotFound with names that come close, BadValue with
    the range, BadHours, BadSkills.
    """
    values: dict[Key, Any] = {}
    names = Names.of(known, staff)
    for each in typed:
        one = one_change(each, names) if isinstance(each, str) else each
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
    named = line(one.who)
    if Of.OPERATOR in by:
        if (operator := operators.pick(staff, named)) is not None:
            return by[Of.OPERATOR], None, operator
        missed.append(operators.missed(staff, named))
    if Of.SOURCE in by:
        if (source := sources.pick(known, named)) is not None:
            return by[Of.SOURCE], source, None
        missed.append(sources.missed(known, named))
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
    for before, after in cuts(one.who):
        source, operator = sources.pick(known, line(before)), operators.pick(staff, line(after))
        if source is not None and operator is not None:
            return source, operator
        if source is not None:
            missed = operators.missed(staff, line(after))
        elif missed is None:
            missed = sources.missed(known, line(before))
    if operators.pick(staff, line(one.who)) is not None:  # no source is named
        raise BadChange(part=str(one), close=[f"{each.name}.{one}" for each in known[:3]])
    raise missed or operators.missed(staff, line(one.who))
