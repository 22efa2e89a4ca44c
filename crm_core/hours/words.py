"""How a text of hours is cut into words; upper and lower case, ё and е, and all kinds of dashes are alike."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from crm_core.errors import BadHours
from crm_core.graphemes import beginning
from crm_core.hours.days import Reason
from crm_core.hours.vocabulary import PATTERNS, Kind
from crm_core.names import without_invisible

TEXT_LONGEST = 4_000  # as much as one message of Telegram has
PART_LONGEST = 40  # of a text that an error names
_LIKE = str.maketrans("‐‑‒–—―−ёЁ", "-------еЕ")
_BLANKS = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: what it is, what it means, and where it stands."""

    kind: Kind
    value: Any
    start: int
    end: int


class Text:
    """A text of hours, cut into words.

    Raises BadHours for a word that nobody knows, and for a text over TEXT_LONGEST.
    """

    def __init__(self, typed: str) -> None:
        self.typed = _BLANKS.sub(" ", without_invisible(unicodedata.normalize("NFC", typed))).strip()
        if len(self.typed) > TEXT_LONGEST:
            raise BadHours(reason=Reason.TOO_MUCH, part="")
        self.words = tuple(word for word in self._cut(self.typed.translate(_LIKE)) if word.kind is not Kind.SKIPPED)

    def refusal(self, reason: Reason, start: int, end: int) -> BadHours:
        """The error that names a stretch of the text as it was typed."""
        part = " ".join(self.typed[start:end].split())
        return BadHours(reason=reason, part=beginning(part, PART_LONGEST))

    def _cut(self, text: str) -> Iterable[Word]:
        at = 0
        while at < len(text):
            word = _word(text, at)
            if word is None:
                unknown = re.compile(r"\w+|\S").match(text, at)
                raise self.refusal(Reason.UNKNOWN, at, unknown.end() if unknown else len(text))
            yield word
            at = word.end


def _word(text: str, at: int) -> Word | None:
    for kind, pattern, value in PATTERNS:
        found = pattern.match(text, at)
        if found is not None:
            return Word(kind, value(found), at, found.end())
    return None
