"""The settings that can be otherwise in a replay: a table of their names, as they are typed, and of their values.

`crm_core.replay.settings` has what events say of them, and `World` and `Candidates` what they decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from crm_core.errors import CannotBeReplayed
from crm_core.replay.typed_values import (
    Typing,
    flag,
    hours,
    number,
    number_or_off,
    number_or_zero,
    one_of,
    operator,
    seconds,
    tags,
)
from crm_core.routing import offer_settings, priority, ramps, source_settings, weight_settings
from crm_core.team import ceilings, operators, rates


class Of(Enum):
    """Who has a setting."""

    OPERATOR = "an operator"
    SOURCE = "a source"
    BOTH = "an operator at a source"


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


PLAYABLE = (
    Playable("weight", Of.BOTH, ("weight", "вес"), number("weight", 0, weight_settings.WEIGHT_LARGEST)),
    Playable("limit", Of.BOTH, ("limit", "лимит"), number_or_off("limit_here", operators.LIMIT_LARGEST)),
    Playable("limit", Of.OPERATOR, ("limit", "лимит", "max_leads"), number("limit", 0, operators.LIMIT_LARGEST)),
    Playable(
        "ceiling",
        Of.OPERATOR,
        ("ceiling", "потолок", "max_held"),
        number_or_off("ceiling", ceilings.CEILING_LARGEST),
    ),
    Playable("rate", Of.OPERATOR, ("rate", "темп"), number_or_off("rate", rates.RATE_LARGEST)),
    Playable("skills", Of.OPERATOR, ("skills", "навыки"), tags(with_minutes=False)),
    Playable("hours", Of.OPERATOR, ("hours", "часы"), hours),
    Playable("is_active", Of.OPERATOR, ("active", "вкл", "is_active"), flag),
    Playable(
        "strategy",
        Of.SOURCE,
        ("strategy", "доли"),
        one_of(random="random", exact="exact", случайно="random", точно="exact"),
    ),
    Playable(
        "sticky_days",
        Of.SOURCE,
        ("sticky", "возврат", "sticky_days"),
        number_or_zero("sticky_days", source_settings.STICKY_LONGEST),
    ),
    Playable(
        "sticky_mode",
        Of.SOURCE,
        ("sticky_mode", "учёт", "учет"),
        one_of(**source_settings.STICKY_MODES),
    ),
    Playable("skills", Of.SOURCE, ("skills", "навыки"), tags(with_minutes=True)),
    Playable(
        "priority_minutes",
        Of.SOURCE,
        ("priority", "приоритет", "priority_minutes"),
        number("priority_minutes", 0, priority.LONGEST),
    ),
    Playable("ramp", Of.SOURCE, ("ramp", "старт"), number_or_off("ramp", ramps.LARGEST)),
    Playable(
        "catch_up",
        Of.SOURCE,
        ("catchup", "отпуск", "catch_up"),
        number("catch_up", 0, source_settings.CATCH_UP_LARGEST),
    ),
    Playable("hours", Of.SOURCE, ("hours", "часы"), hours),
    Playable(
        "offer_seconds",
        Of.SOURCE,
        ("offers", "предложения", "offer", "предложение", "offer_seconds"),
        seconds,
    ),
    Playable(
        "offer_rounds",
        Of.SOURCE,
        ("rounds", "раунды", "offer_rounds"),
        number("offer_rounds", 1, offer_settings.MOST_ROUNDS),
    ),
    Playable(
        "miss_limit",
        Of.SOURCE,
        ("misses", "пропуски", "miss_limit"),
        number_or_zero("miss_limit", offer_settings.MOST_MISSES),
    ),
    Playable("duty_operator_id", Of.SOURCE, ("duty", "дежурный", "duty_operator_id"), operator),
    Playable("is_active", Of.SOURCE, ("active", "вкл", "is_active"), flag),
)
"""Every setting that can be otherwise in a replay."""

NAMES = list(dict.fromkeys(one.words[0] for one in PLAYABLE))
"""Their names in English, each once."""

_BY_PEOPLE = frozenset(
    {"handover", "away_minutes", "передача", "ожидание"}
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
