"""Targets of a source: the most minutes of its working hours until a reply, and until a contact is closed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from crm_core.errors import BadTargets

LONGEST = 60 * 24 * 60  # minutes: 60 days
OPERATOR_AT, ADMINS_AT = 70, 100  # percent of a target at which each is told


class Measure(StrEnum):
    """What is measured. Events and notices keep these values for good."""

    FIRST_REPLY = "first_reply"
    NEXT_REPLY = "next_reply"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class Targets:
    """In minutes of the source's working hours; None: no target."""

    first_reply: int | None = None
    next_reply: int | None = None
    resolution: int | None = None

    def of(self, measure: Measure) -> timedelta | None:
        """The target of a measure."""
        minutes = getattr(self, measure.value)
        return None if minutes is None else timedelta(minutes=minutes)

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return self != Targets()


def to_json(targets: Targets) -> dict[str, int] | None:
    """Targets as they are stored: those that are set, None if none is."""
    found = {one.value: minutes for one in Measure if (minutes := getattr(targets, one.value)) is not None}
    return found or None


def from_json(stored: Mapping[str, Any] | None) -> Targets:
    """Targets from their stored form; what a later version has stored beside them is passed over."""
    return Targets(**{one.value: stored[one.value] for one in Measure if one.value in stored}) if stored else Targets()


def check(targets: Targets) -> Targets:
    """Targets of 1 minute to LONGEST. Raises BadTargets."""
    for one in Measure:
        minutes = getattr(targets, one.value)
        if minutes is not None and not 1 <= minutes <= LONGEST:
            raise BadTargets(part=str(minutes))
    return targets


_NONE = {"off", "none", "no", "нет", "без", "выкл", "выключить"}
_NAMES = {
    Measure.FIRST_REPLY: r"first|перв\w*",
    Measure.NEXT_REPLY: r"next|след\w*",
    Measure.RESOLUTION: r"resol\w*|close|решен\w*|закры\w*",
}
_MINUTES = {
    r"m|min\w*|м|мин\w*": 1,
    r"h|hours?|ч|час\w*": 60,
    r"d|days?|д|дн\w*|день": 24 * 60,
}
_WORD = re.compile(r"[^\W\d_]+\.?|\d+|[^\s,;:=]")
_PASSED_OVER = re.compile(r"reply|replies|answer|ответ\w*|in|within|за|until|до|и|and", re.IGNORECASE)


def read_targets(typed: str) -> Targets:
    """The targets that a text means: `first 15 next 30 resolve 8h`, `первый ответ 15 мин, решение 8 ч`, or `off`.

    What it does not name has no target. Numbers without a unit are minutes. Raises BadTargets with what was not
    understood.
    """
    words = [one.rstrip(".") for one in _WORD.findall(typed.casefold()) if not _PASSED_OVER.fullmatch(one)]
    if len(words) == 1 and words[0] in _NONE:
        return Targets()
    found: dict[str, int] = {}
    for measure, minutes in _pairs(words):
        if measure.value in found:
            raise BadTargets(part=measure.value)
        found[measure.value] = minutes
    if not found:
        raise BadTargets(part=typed.strip()[:40])
    return check(Targets(**found))


def _pairs(words: list[str]) -> Iterator[tuple[Measure, int]]:
    at = 0
    while at < len(words):
        measure = next((one for one, names in _NAMES.items() if re.fullmatch(names, words[at])), None)
        number = words[at + 1] if at + 1 < len(words) else ""
        if measure is None or not number.isdecimal() or len(number) > 6:
            raise BadTargets(part=words[at])
        at += 2
        unit = _unit(words[at]) if at < len(words) else None
        at += unit is not None
        yield measure, int(number) * (unit or 1)


def _unit(word: str) -> int | None:
    return next((minutes for names, minutes in _MINUTES.items() if re.fullmatch(names, word)), None)
