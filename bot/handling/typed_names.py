"""Finds the operator or source that an admin means by the text that they typed."""

from collections.abc import Callable
from typing import TypeVar

from aiogram.utils.formatting import Code, Text

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.message import text_message
from crm_core.access.actors import Actor
from crm_core.names import TypedLine
from crm_core.routing import sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts

T = TypeVar("T")
BETWEEN = frozenset({"=", "->", "→"})


async def which_operator(db: Database, actor: Actor, line: TypedLine) -> OperatorFacts:
    """The operator that a line names. Raises NotAllowed, OperatorNotFound with close names."""
    known = await read_as_admin(db, actor, operators.listing)
    found = operators.pick(known, line)
    if found is None:
        raise operators.missed(known, line)
    return found


async def which_source(db: Database, actor: Actor, line: TypedLine) -> SourceListed:
    """The source that a line names. Raises NotAllowed, SourceNotFound with close names."""
    known = await read_as_admin(db, actor, sources.listing)
    found = sources.pick(known, line)
    if found is None:
        raise sources.missed(known, line)
    return found


def new_name(line: TypedLine, pick: Callable[[TypedLine], T | None]) -> tuple[TypedLine, TypedLine] | None:
    """A line that names something known and then says something new: `Anna = Anna Maria`, or without the sign.

    Returns the two parts; None if the line cannot be split.
    """
    for at, word in enumerate(line.words):
        if word.text in BETWEEN and not word.is_quoted and 0 < at < len(line) - 1:
            return line.from_word(0, at), line.from_word(at + 1)
    for known, rest in line.splits():
        if pick(known) is not None:
            return known, rest
    first, sign, rest_raw = line.raw.partition("=")
    return (
        (TypedLine.of(first), TypedLine.of(rest_raw.strip())) if sign and first.strip() and rest_raw.strip() else None
    )


async def say_usage(act: Act, text: str, example: str) -> None:
    """Answers what is missing, with an example that a tap copies."""
    await act.answer(text_message(Text(text, ": ", Code(example))))
