"""Values of settings for a replay, from how they were typed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import change_hours, is_always
from crm_core.hours.stored import readable
from crm_core.names import TypedLine, means_off, read_number
from crm_core.routing import offer_settings, skills
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts


@dataclass(frozen=True, slots=True)
class Typing:
    """A value as somebody typed it.

    Attributes:
        zone, today: what hours without a zone and dates without a year mean.
        hours: of whom it concerns, as they are stored.
        staff: all operators, of whom one may be named.
    """

    text: str
    zone: str
    today: date
    hours: Mapping[str, Any] | None = None
    staff: Sequence[OperatorFacts] = ()


class NotOneOf(Exception):
    """What was typed is none of a few words."""

    def __init__(self, words: Collection[str]) -> None:
        super().__init__(", ".join(words))
        self.words = words


_YES = frozenset({"on", "yes", "1", "true", "да", "вкл"})


def _is_off(typed: Typing) -> bool:
    return typed.text == "0" or means_off(typed.text)


def number(field: str, minimum: int, maximum: int) -> Callable[[Typing], int]:
    """A whole number within its range."""
    return lambda typed: read_number(typed.text, field=field, minimum=minimum, maximum=maximum)


def number_or_off(field: str, maximum: int) -> Callable[[Typing], int | None]:
    """The same from 1, or None where it is off."""

    def read(typed: Typing) -> int | None:
        if _is_off(typed):
            return None
        return number(field, 1, maximum)(typed)

    return read


def one_of(**words: str) -> Callable[[Typing], str]:
    """One of a few words, by what each means."""

    def read(typed: Typing) -> str:
        found = words.get(typed.text.casefold())
        if found is None:
            raise NotOneOf(list(dict.fromkeys(words.values())))
        return found

    return read


def flag(typed: Typing) -> bool:
    """Yes or no."""
    is_on = typed.text.casefold() in _YES
    if not is_on and not _is_off(typed) and typed.text.casefold() != "false":
        raise NotOneOf(["yes", "no"])
    return is_on


def hours(typed: Typing) -> Calendar | None:
    """Working hours, None for always."""
    if is_always(typed.text):
        return None
    return change_hours(typed.text, zone=typed.zone, today=typed.today, before=readable(typed.hours))


def tags(*, with_minutes: bool) -> Callable[[Typing], str | None]:
    """Skills as they are stored, with the minutes after which they are dropped."""
    return lambda typed: skills.write(skills.typed(typed.text, with_minutes=with_minutes))


def number_or_zero(field: str, maximum: int) -> Callable[[Typing], int]:
    """A whole number, 0 where it is off."""
    return lambda typed: 0 if _is_off(typed) else number(field, 0, maximum)(typed)


def seconds(typed: Typing) -> int:
    """How long an offer lasts, 0 for none."""
    return offer_settings.read_seconds(typed.text)


def operator(typed: Typing) -> int | None:
    """The id of an operator, None for nobody. Raises OperatorNotFound with names that come close."""
    if _is_off(typed):
        return None
    line = TypedLine.of(typed.text)
    found = operators.pick(typed.staff, line)
    if found is None:
        raise operators.missed(typed.staff, line)
    return found.id
