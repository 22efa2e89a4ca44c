"""Keyword rules: what requests require, and how far ahead they are, by the words of their first message. Arithmetic.

A rule has words (`refund`, `money back`; `refund*` for all that begins so), and what follows from any of them: skills,
each perhaps with minutes after which it is dropped, and a head start in the queue. Case does not count, nor do ё and
signs between words. A source's rules are stored as one text, in one form.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from crm_core.digest import digest
from crm_core.errors import BadKeywords
from crm_core.routing import skills
from crm_core.routing.priority import LONGEST
from crm_core.routing.skills import Required

RULES_AT_MOST = 20
WORDS_AT_MOST = 20
SKILLS_AT_MOST = 5
WORD_LONGEST = 40
BEGINNING_SHORTEST = 2
_WORD = re.compile(r"\w+")
_AHEAD = re.compile(r"(?<![\w+])\+\s?(\d+)(?:\s?(?:min|мин|m|м)\b\.?)?")


class BadRule(StrEnum):
    """Why a rule is refused."""

    NO_COLON = "no_colon"
    NO_WORDS = "no_words"
    BAD_WORD = "bad_word"
    NO_EFFECT = "no_effect"
    BAD_MINUTES = "bad_minutes"
    MANY_WORDS = "many_words"
    MANY_SKILLS = "many_skills"
    MANY_RULES = "many_rules"

    @classmethod
    def known(cls, code: str) -> "BadRule":
        """The reason of a code; one of another version counts as a rule without its colon."""
        return cls(code) if code in [*cls] else cls.NO_COLON


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from words.

    Attributes:
        words: folded, at least one; one that ends with `*` is the beginning of a word.
        skills: what is required of the operator, as it is stored; None for nothing.
        minutes: head start in the queue; 0 for none.
    """

    words: tuple[str, ...]
    skills: str | None = None
    minutes: int = 0

    @property
    def handle(self) -> str:
        """What a button names it by: another one as soon as anything of it is changed."""
        return digest(self.words, self.skills, self.minutes)

    def __str__(self) -> str:
        """As it is typed: `refund*, возврат: billing 30, +60`."""
        each = [tag if after is None else f"{tag} {after}" for tag, after in sorted(skills.read(self.skills).items())]
        return f"{', '.join(self.words)}: {', '.join([*each, *([f'+{self.minutes}'] if self.minutes else [])])}"


@dataclass(frozen=True, slots=True)
class Matched:
    """What follows from a text: of all rules whose words it has, all skills together, and the largest head start.

    Attributes:
        skills: what is required, as it is stored; None for nothing.
        recorded: what the event of the new contact says of it: the rules as they were then, and what follows from them.
    """

    rules: tuple[Rule, ...] = ()
    skills: str | None = None
    minutes: int = 0
    recorded: Mapping[str, Any] = field(default_factory=dict)


NO_MATCH = Matched()


def fold(text: str) -> str:
    """A text as words are compared: the words alone, with a space before and behind each."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return f" {' '.join(_WORD.findall(folded))} "


def match(stored: str, text: str | None) -> Matched:
    """What follows from the first message of a request.

    Where rules drop the same skill after different times, the longest holds.

    Args:
        stored: the rules of its source.
    """
    if not text:
        return NO_MATCH
    said = fold(text)
    found = tuple(rule for rule in read(stored) if any(_is_in(said, word) for word in rule.words))
    if not found:
        return NO_MATCH
    return _together(found)


@lru_cache(maxsize=1_000)
def _together(rules: tuple[Rule, ...]) -> Matched:
    required: dict[str, int | None] = {}
    for rule in rules:
        for tag, after in skills.read(rule.skills).items():
            before = required.get(tag, 0)
            required[tag] = None if before is None or after is None else max(before, after)
    minutes = max(rule.minutes for rule in rules)
    recorded = {"keywords": [str(rule) for rule in rules], "skills": sorted(required), "minutes": minutes}
    return Matched(rules, skills.write(required), minutes, recorded)


def _is_in(said: str, word: str) -> bool:
    return f" {word[:-1]}" in said if word.endswith("*") else f" {word} " in said


# --- as they are given -----------------------------------------------------------------------------------------------


def check(words: Iterable[str], required: Required, minutes: int) -> Rule:
    """A rule in its one form. Raises BadKeywords with what is wrong, and BadSkills."""
    folded = tuple(dict.fromkeys(_checked(word) for word in words))
    if not folded:
        raise BadKeywords(reason=BadRule.NO_WORDS, part="")
    if len(folded) > WORDS_AT_MOST:
        raise BadKeywords(reason=BadRule.MANY_WORDS, part="")
    stored = skills.write(skills.check(required))
    if len(required) > SKILLS_AT_MOST:
        raise BadKeywords(reason=BadRule.MANY_SKILLS, part="")
    if not 0 <= minutes <= LONGEST:
        raise BadKeywords(reason=BadRule.BAD_MINUTES, part=f"+{minutes}")
    if stored is None and not minutes:
        raise BadKeywords(reason=BadRule.NO_EFFECT, part="")
    return Rule(folded, stored, minutes)


def check_all(given: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of a source from `words`, `skills` and `priority_minutes` of each. Raises BadKeywords, BadSkills."""
    return at_most([check(one["words"], one.get("skills") or {}, one.get("priority_minutes") or 0) for one in given])


def at_most(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same rules, if they are not too many for a source. Raises BadKeywords."""
    if len(rules) > RULES_AT_MOST:
        raise BadKeywords(reason=BadRule.MANY_RULES, part="")
    return tuple(rules)


def _checked(word: str) -> str:
    typed = word.strip()
    is_beginning = typed.endswith("*")
    folded = fold(typed).strip()
    if not folded or len(typed) > WORD_LONGEST or len(folded) > WORD_LONGEST or "*" in typed[:-1]:
        raise BadKeywords(reason=BadRule.BAD_WORD, part=typed[: WORD_LONGEST + 1])
    if is_beginning and len(folded) < BEGINNING_SHORTEST:
        raise BadKeywords(reason=BadRule.BAD_WORD, part=typed)
    return folded + "*" * is_beginning


def read_rule(typed: str) -> Rule:
    """A rule as people type it: `refund*, возврат: billing 30, +60`. Raises BadKeywords, BadSkills."""
    words, colon, effect = typed.partition(":")
    if not colon or not words.strip():
        raise BadKeywords(reason=BadRule.NO_WORDS if colon else BadRule.NO_COLON, part="")
    ahead = [int(minutes) for minutes in _AHEAD.findall(effect)]
    rest = _AHEAD.sub(" ", effect)
    required = skills.typed(rest, with_minutes=True) if rest.strip(" ,;\n\t") else {}
    return check([one for one in re.split(r"[,;\n]", words) if one.strip()], required, max(ahead, default=0))


# --- as they are stored ----------------------------------------------------------------------------------------------


def write(rules: Sequence[Rule]) -> str | None:
    """The stored text of a source's rules; None for none."""
    if not rules:
        return None
    stored = [[list(one.words), one.skills, one.minutes] for one in rules]
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1_000)
def read(stored: str | None) -> tuple[Rule, ...]:
    """A source's rules from their stored text."""
    return tuple(Rule(tuple(words), tags, minutes) for words, tags, minutes in json.loads(stored or "[]"))


def shown(stored: str | None) -> list[dict[str, Any]]:
    """The rules of a source as systems read and write them, in the form of `check_all`."""
    return [
        {"words": list(one.words), "skills": dict(skills.read(one.skills)), "priority_minutes": one.minutes}
        for one in read(stored)
    ]
