"""Typed commands of the form `/operators limit Anna 15`: a verb, whom it is about, and perhaps a value."""

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aiogram.utils.formatting import Code, Text

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import known_and_new, with_rest
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.names import TypedLine
from crm_core.storage.database import Database


class Named(Protocol):
    """What a verb is about: an operator or a source."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Typed:
    """What an admin typed after a command, and what is needed to carry it out.

    Attributes:
        example: how the verb is typed correctly, with its command.
        timezone: of the installation.
    """

    line: TypedLine
    act: Act
    actor: Actor
    db: Database
    _: Translator
    example: str = ""
    timezone: str = "UTC"


Run = Callable[[Typed], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of a command.

    Attributes:
        example: the verb as it is typed, without the command: `limit Anna 15`, with names of the reader's language.
        run: carries it out; gets the line after the verb, which is not empty.
    """

    example: Callable[[Translator], str]
    run: Run


@dataclass(frozen=True, slots=True)
class Subject:
    """What a command is about.

    Attributes:
        command: as it is typed: `/operators`.
        find: the one that a line names; raises an error if there is none.
        listing, pick: all of them, and the one of these that a line names or None.
    """

    command: str
    find: Callable[[Database, Actor, TypedLine], Awaitable[Named]]
    listing: Callable[..., Sequence[Any]]
    pick: Callable[[Sequence[Any], TypedLine], Named | None]


# Whoever types values in Russian (`выкл`, `пн-пт 9-18`) tries the verbs, too.
IN_RUSSIAN = {
    "веса": "weights",
    "вкл": "on",
    "включить": "on",
    "выкл": "off",
    "выключить": "off",
    "добавить": "add",
    "дежурный": "duty",
    "лимит": "limit",
    "навыки": "skills",
    "описание": "describe",
    "переименовать": "rename",
    "потолок": "ceiling",
    "приоритет": "priority",
    "слова": "keywords",
    "случайно": "random",
    "ссылка": "link",
    "точно": "exact",
    "удалить": "remove",
    "часы": "hours",
}


def verb_of(line: TypedLine) -> str | None:
    """The verb that a line begins with, whether or not there is such a one; None where it begins with quotes."""
    first = line.words[0]
    text = first.text.casefold()
    return None if first.is_quoted else IN_RUSSIAN.get(text, text)


async def carry_out(typed: Typed, subject: Subject, verbs: Mapping[str, Verb], *, missing: str) -> bool:
    """Carries out the verb that a line begins with. Returns False if it begins with none.

    Args:
        missing: what to tell an admin who typed the verb alone.
    """
    rest, verb = typed.line.from_word(1), verbs.get(verb_of(typed.line) or "")
    if verb is None:
        return False
    example = f"{subject.command} {verb.example(typed._)}"
    if rest:
        await verb.run(replace(typed, line=rest, example=example))
    else:
        await show_usage(typed.act, missing, example)
    return True


async def offer_similar(typed: Typed, subject: Subject, verbs: Mapping[str, Verb], *, besides: str) -> bool:
    """Offers what a line nearly is, `remov Anna` or `Anna limit 15`; before a known name, says which verbs there are.

    Args:
        besides: a further verb of the command.

    Returns False if it is like nothing.
    """
    line, _ = typed.line, typed._
    rest, verb = line.from_word(1), verb_of(line)
    if not rest or verb is None:
        return False
    known = await read_as_admin(typed.db, typed.actor, subject.listing)
    if named := with_rest(line, lambda part: subject.pick(known, part)):
        one, after = named
        if not after or verb_of(after) not in verbs:
            return False
        offered = f"{verb_of(after)} {one.name} {after.from_word(1).raw}".rstrip()
        await show_usage(typed.act, _("Did you mean"), f"{subject.command} {offered}")
        return True
    if similar := difflib.get_close_matches(verb, [*verbs, besides], n=1, cutoff=0.6):
        await show_usage(typed.act, _("Did you mean"), f"{subject.command} {similar[0]} {rest.raw}")
        return True
    if with_rest(rest, lambda part: subject.pick(known, part)) is None:
        return False
    text = _("{command} does not know “{verb}”. It knows: {verbs}.")
    named_all = {"command": subject.command, "verb": line.words[0].text, "verbs": ", ".join([besides, *verbs])}
    await typed.act.answer(text_message(text.format(**named_all)))
    return True


def of_one(subject: Subject, change: Callable[[Typed, int], Awaitable[None]]) -> Run:
    """What a verb does whose whole line is a name; `change` gets the id."""

    async def run(typed: Typed) -> None:
        await change(typed, (await subject.find(typed.db, typed.actor, typed.line)).id)

    return run


def with_text(
    subject: Subject, change: Callable[[Typed, int, str], Awaitable[None]], missing: Callable[[Translator], str]
) -> Run:
    """What a verb does with a known name and a new text, as in `rename Anna = Anna Maria`.

    Args:
        change: gets the id and the text.
        missing: what to tell an admin whose line cannot be cut in two.
    """

    async def run(typed: Typed) -> None:
        known = await read_as_admin(typed.db, typed.actor, subject.listing)
        parts = known_and_new(typed.line, lambda line: subject.pick(known, line))
        if parts is None:
            await show_usage(typed.act, missing(typed._), typed.example)
            return
        one = await subject.find(typed.db, typed.actor, parts[0])
        await change(typed, one.id, parts[1].name)

    return run


async def show_usage(act: Act, missing: str, example: str) -> None:
    """Answers with what is missing and a correct example, which can be copied with a touch."""
    await act.answer(text_message(Text(missing, ": ", Code(example))))
