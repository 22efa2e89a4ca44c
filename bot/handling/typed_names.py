"""Resolving what an admin typed: which operator, source or admin a line names, and where a line comes apart."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from bot.handling.queries import read_as_admin
from crm_core.access.actors import Actor
from crm_core.errors import AdminNotFound, AmbiguousNames, CrmError
from crm_core.names import TypedLine, find_named, normalise, suggestions
from crm_core.routing import sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.accounts import Admin
from crm_core.team.operators import OperatorFacts

T = TypeVar("T")
C = TypeVar("C", bound=StrEnum)
BETWEEN = frozenset({"=", "->", "→"})


async def which_operator(db: Database, actor: Actor, line: TypedLine) -> OperatorFacts:
    """The operator that a line names. Raises NotAllowed, OperatorNotFound with similar names."""
    known = await read_as_admin(db, actor, operators.listing)
    found = operators.pick(known, line)
    if found is None:
        raise operators.missed(known, line)
    return found


async def which_source(db: Database, actor: Actor, line: TypedLine) -> SourceListed:
    """The source that a line names. Raises NotAllowed, SourceNotFound with similar names."""
    known = await read_as_admin(db, actor, sources.listing)
    found = sources.pick(known, line)
    if found is None:
        raise sources.missed(known, line)
    return found


async def operator_and_rest(db: Database, actor: Actor, line: TypedLine) -> tuple[OperatorFacts, TypedLine] | None:
    """The operator whom a line begins with, and what follows: an empty line if it is their name alone.

    Returns None for a line of less than two words that names nobody. Raises NotAllowed, OperatorNotFound with similar
    names.
    """
    known = await read_as_admin(db, actor, operators.listing)
    found = with_rest(line, lambda part: operators.pick(known, part))
    if found is None and len(line) > 1:
        raise operators.missed(known, line.from_word(0, 1))
    return found


async def source_and_rest(db: Database, actor: Actor, line: TypedLine) -> tuple[SourceListed, TypedLine] | None:
    """The source that a line begins with, and what follows, as in `operator_and_rest`. Raises SourceNotFound."""
    known = await read_as_admin(db, actor, sources.listing)
    found = with_rest(line, lambda part: sources.pick(known, part))
    if found is None and len(line) > 1:
        raise sources.missed(known, line.from_word(0, 1))
    return found


def with_rest(line: TypedLine, pick: Callable[[TypedLine], T | None]) -> tuple[T, TypedLine] | None:
    """What a line begins with, by the longest name that is known, and what follows; None if it names nothing."""
    for name, rest in ((line, line.from_word(len(line))), *line.splits()):
        found = pick(name)
        if found is not None:
            return found, rest
    return None


def which_admin(known: Sequence[Admin], line: TypedLine) -> Admin:
    """The one of these admins that a line names, by name, @username or id. Raises AdminNotFound with similar names."""
    found = find_named(line, known, name=lambda one: one.name, also=_has_handle_or_id)
    if found is None:
        raise AdminNotFound(name=line.name, close=suggestions(line.name, [one.name for one in known]))
    return found


def _has_handle_or_id(one: Admin, text: str) -> bool:
    handle = text.removeprefix("@").casefold()
    return text == str(one.telegram_id) or (one.username is not None and handle == one.username.casefold())


def known_and_new(line: TypedLine, pick: Callable[[TypedLine], T | None]) -> tuple[TypedLine, TypedLine] | None:
    """Cuts a line into something known and something new: `Anna = Anna Maria`, or without the sign.

    Args:
        pick: finds what a part of the line names, None for nothing.

    Returns the two parts, None if the line cannot be cut: nothing follows the sign, for instance.
    """
    for at, word in enumerate(line.words):
        if word.text in BETWEEN and not word.is_quoted and 0 < at < len(line) - 1:
            return line.from_word(0, at), line.from_word(at + 1)
    for known, rest in line.splits():
        if pick(known) is not None:
            return None if _is_sign(rest) else (known, rest)
    first, sign, second = line.raw.partition("=")
    if not sign or not first.strip() or not second.strip():
        return None
    return TypedLine.of(first), TypedLine.of(second.strip())


def _is_sign(line: TypedLine) -> bool:
    return len(line) == 1 and line.words[0].text in BETWEEN and not line.words[0].is_quoted


@dataclass(frozen=True, slots=True)
class TypedWeight:
    """What a line after `/assign` names: a source, perhaps an operator, perhaps a weight as it was typed."""

    source: SourceListed
    operator: OperatorFacts | None = None
    weight: str | None = None

    @classmethod
    def of(cls, line: TypedLine, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]) -> "TypedWeight":
        """Tries known names at every place where the line can be cut. Raises UnknownPair, AmbiguousNames."""
        head, last = line.from_word(0, -1), line.words[-1].text
        if line.number is not None and (pair := _pair(head, known, staff)):
            return cls(*pair, last)
        if pair := _pair(line, known, staff):
            return cls(*pair)
        if source := sources.pick(known, line):
            return cls(source)
        if pair := _pair(head, known, staff):  # a weight that is not a number: refused where it is set
            return cls(*pair, last)
        names = head if line.number is not None and head else line
        error, similar = _unknown(names, known, staff)
        raise UnknownPair(error, [cls(*pair, line.number) for pair in similar])


def choose_typed(words: Iterable[str], choices: type[C], names: Callable[[C], str]) -> tuple[C | None, list[str]]:
    """Which of some things a few typed words name, such as `7 days`.

    Args:
        names: all that each is called by, in one text.

    Returns it, None for none, and the words that belong to none of them.
    """
    called = {one: set((normalise(names(one)) or "").split()) for one in choices}
    chosen: C | None = None
    unknown = []
    for word in words:
        meant = [one for one in called if (normalise(word) or "") in called[one]]
        if not meant:
            unknown.append(word)
        elif len(meant) == 1:
            chosen = meant[0]
    return chosen, unknown


class UnknownPair(Exception):
    """A line after `/assign` that names no known source and operator.

    Attributes:
        error: which of the two is unknown.
        similar: what the line may have meant.
    """

    def __init__(self, error: CrmError, similar: Sequence[TypedWeight]) -> None:
        super().__init__(error.code)
        self.error = error
        self.similar = similar


Pair = tuple[SourceListed, OperatorFacts]


def _pair(line: TypedLine, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]) -> Pair | None:
    found = {}
    for first, second in line.splits():
        source, facts = sources.pick(known, first), operators.pick(staff, second)
        if source is not None and facts is not None:
            found[source.id, facts.id] = (source, facts)
    if len(found) > 1:
        raise AmbiguousNames
    return next(iter(found.values()), None)


def _unknown(
    line: TypedLine, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]
) -> tuple[CrmError, list[Pair]]:
    for first, second in line.splits():
        if source := sources.pick(known, first):
            error: CrmError = operators.missed(staff, second)
            return error, [(source, one) for name in error.fields["close"] for one in staff if one.name == name]
    for first, second in line.splits():
        if facts := operators.pick(staff, second):
            error = sources.missed(known, first)
            return error, [(one, facts) for name in error.fields["close"] for one in known if one.name == name]
    return sources.missed(known, line.from_word(0, 1)), []
