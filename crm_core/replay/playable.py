"""The settings that can be otherwise in a replay: a table of their names, as they are typed, and of their values.

`crm_core.replay.settings` has what events say of them, and `World` and `Candidates` what they decide.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from crm_core.errors import CannotBeReplayed
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import change_hours, is_always
from crm_core.hours.stored import readable
from crm_core.names import means_off, read_number
from crm_core.routing import priority, ramps, skills, source_settings, weight_settings
from crm_core.team import ceilings, operators, rates


class Of(Enum):
    """Who has a setting."""

    OPERATOR = "an operator"
    SOURCE = "a source"
    BOTH = "an operator at a source"


@dataclass(frozen=True, slots=True)
class Typing:
    """A value as somebody typed it.

    Attributes:
        zone, today: what hours without a zone and dates without a year mean.
        hours: of whom it concerns, as they are stored.
    """

    text: str
    zone: str
    today: date
    hours: Mapping[str, Any] | None = None


class NotOneOf(Exception):
    """What was typed is none of a few words."""

    def __init__(self, words: Collection[str]) -> None:
        super().__init__(", ".join(words))
        self.words = words


@dataclass(frozen=True, slots=True)
class Playable:
    """A setting that can be otherwise.

    Attributes:
        name: of its `Key`.
        words: how people call it, the first one in messages.
        reads: its value from how it was typed.
    """

    name: str
    of: Of
    words: tuple[str, ...]
    reads: Callable[[Typing], Any]


_YES = frozenset({"on", "yes", "1", "true", "да", "вкл"})


def _is_off(typed: Typing) -> bool:
    return typed.text == "0" or means_off(typed.text)


def _number(field: str, minimum: int, maximum: int) -> Callable[[Typing], int]:
    return lambda typed: read_number(typed.text, field=field, minimum=minimum, maximum=maximum)


def _number_or_off(field: str, maximum: int) -> Callable[[Typing], int | None]:
    def read(typed: Typing) -> int | None:
        if _is_off(typed):
            return None
        return read_number(typed.text, field=field, minimum=1, maximum=maximum)

    return read


def _one_of(**words: str) -> Callable[[Typing], str]:
    def read(typed: Typing) -> str:
        found = words.get(typed.text.casefold())
        if found is None:
            raise NotOneOf(list(dict.fromkeys(words.values())))
        return found

    return read


def _flag(typed: Typing) -> bool:
    is_on = typed.text.casefold() in _YES
    if not is_on and not _is_off(typed) and typed.text.casefold() != "false":
        raise NotOneOf(["yes", "no"])
    return is_on


def _hours(typed: Typing) -> Calendar | None:
    if is_always(typed.text):
        return None
    return change_hours(typed.text, zone=typed.zone, today=typed.today, before=readable(typed.hours))


def _skills(*, with_minutes: bool) -> Callable[[Typing], str | None]:
    return lambda typed: skills.write(skills.typed(typed.text, with_minutes=with_minutes))


PLAYABLE = (
    Playable("weight", Of.BOTH, ("weight", "вес"), _number("weight", 0, weight_settings.WEIGHT_LARGEST)),
    Playable("limit", Of.BOTH, ("limit", "лимит"), _number_or_off("limit_here", operators.LIMIT_LARGEST)),
    Playable("limit", Of.OPERATOR, ("limit", "лимит", "max_leads"), _number("limit", 0, operators.LIMIT_LARGEST)),
    Playable(
        "ceiling",
        Of.OPERATOR,
        ("ceiling", "потолок", "max_held"),
        _number_or_off("ceiling", ceilings.CEILING_LARGEST),
    ),
    Playable("rate", Of.OPERATOR, ("rate", "темп"), _number_or_off("rate", rates.RATE_LARGEST)),
    Playable("skills", Of.OPERATOR, ("skills", "навыки"), _skills(with_minutes=False)),
    Playable("hours", Of.OPERATOR, ("hours", "часы"), _hours),
    Playable("is_active", Of.OPERATOR, ("active", "вкл", "is_active"), _flag),
    Playable(
        "strategy",
        Of.SOURCE,
        ("strategy", "доли"),
        _one_of(random="random", exact="exact", случайно="random", точно="exact"),
    ),
    Playable(
        "sticky_days",
        Of.SOURCE,
        ("sticky", "возврат", "sticky_days"),
        lambda typed: 0 if _is_off(typed) else _number("sticky_days", 0, source_settings.STICKY_LONGEST)(typed),
    ),
    Playable(
        "sticky_mode",
        Of.SOURCE,
        ("sticky_mode", "учёт", "учет"),
        _one_of(charged="charged", apart="apart", засчитывать="charged", отдельно="apart"),
    ),
    Playable("skills", Of.SOURCE, ("skills", "навыки"), _skills(with_minutes=True)),
    Playable(
        "priority_minutes",
        Of.SOURCE,
        ("priority", "приоритет", "priority_minutes"),
        _number("priority_minutes", 0, priority.LONGEST),
    ),
    Playable("ramp", Of.SOURCE, ("ramp", "старт"), _number_or_off("ramp", ramps.LARGEST)),
    Playable(
        "catch_up",
        Of.SOURCE,
        ("catchup", "отпуск", "catch_up"),
        _number("catch_up", 0, source_settings.CATCH_UP_LARGEST),
    ),
    Playable("hours", Of.SOURCE, ("hours", "часы"), _hours),
    Playable("is_active", Of.SOURCE, ("active", "вкл", "is_active"), _flag),
)
"""Every setting that can be otherwise in a replay."""

NAMES = list(dict.fromkeys(one.words[0] for one in PLAYABLE))
"""Their names in English, each once."""

_BY_PEOPLE = frozenset(
    {"offer", "offers", "offer_seconds", "offer_rounds", "miss_limit", "duty", "duty_operator_id"}
    | {"предложение", "предложения", "дежурный", "handover", "away_minutes", "передача", "ожидание"}
    | {
        "waiting",
        "waiting_load",
        "keywords",
        "слова",
        "sla",
        "цели",
        "late",
        "late_hours",
        "protect",
        "protect_content",
        "forum",
    }
)
"""Settings that no replay knows, since what people would have done decides, or words that nobody keeps."""


def is_playable(name: str, of: Of) -> bool:
    """Whether a setting can be otherwise in a replay, by its name in the API."""
    return any(one.of is of and name in (one.name, *one.words) for one in PLAYABLE)


def playable(word: str) -> list[Playable]:
    """The settings that a word means: of an operator, of a source or of both. Raises CannotBeReplayed."""
    folded = word.casefold()
    if folded in _BY_PEOPLE:
        raise CannotBeReplayed(part=word)
    return [one for one in PLAYABLE if folded in one.words]
