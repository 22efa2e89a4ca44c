"""Skills: tags that operators have and contacts require, as they are typed and stored. Arithmetic on short texts.

A requirement may have minutes: after a contact has waited so long it is dropped. Texts are stored in one form,
`german,vip=30`, so that two that say the same are equal; tags are compared without regard to case.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from crm_core.errors import BadSkills
from crm_core.names import means_off
from crm_core.routing.choose import NOTHING

TAGS_AT_MOST = 20
MINUTES_LONGEST = 7 * 24 * 60
_MINUTES = re.compile(r"\(?(?<![\w+#.-])(\d+)\s?(?:(?:min(?:ute)?s?|мин(?:ут[аы]?)?)\b\.?)?\)?(?![\w+#.-])")
"""How long a requirement lasts, with or without its unit, and in parentheses, as it is shown."""

_TAG = re.compile(r"(?!\d+$)[\w+#.-]{1,32}")

Required = Mapping[str, int | None]
"""Tags that a contact requires, each with the minutes of waiting after which it is dropped; None: never."""


def write(required: Required) -> str | None:
    """The stored text of a requirement; None where nothing is required."""
    return ",".join(tag if after is None else f"{tag}={after}" for tag, after in sorted(required.items())) or None


@lru_cache(maxsize=1_000)
def read(text: str | None) -> Required:
    """A requirement from its stored text."""
    found: dict[str, int | None] = {}
    for part in text.split(",") if text else ():
        tag, _, after = part.partition("=")
        found[tag] = int(after) if after else None
    return found


@lru_cache(maxsize=1_000)
def tags(text: str | None) -> frozenset[str]:
    """The tags of a stored text alone."""
    return frozenset(read(text)) if text else NOTHING


def required_by(source: str | None, own: str | None) -> Required:
    """What a contact requires: its source and itself, which says after how long where both do.

    Args:
        source, own: stored texts.
    """
    return {**read(source), **read(own)} if source or own else {}


def check(required: Mapping[str, int | None] | Iterable[str]) -> dict[str, int | None]:
    """Tags as they are compared, with their minutes. Raises BadSkills with the one that is none."""
    given = required if isinstance(required, Mapping) else dict.fromkeys(required)
    checked: dict[str, int | None] = {}
    for tag, after in given.items():
        folded = tag.strip().casefold()
        if not _TAG.fullmatch(folded) or (after is not None and not 0 <= after <= MINUTES_LONGEST):
            raise BadSkills(part=tag)
        checked[folded] = after
    if len(checked) > TAGS_AT_MOST:
        raise BadSkills(part="")
    return checked


def typed(text: str, *, with_minutes: bool) -> dict[str, int | None]:
    """Tags as people type them: `german, vip 30`; a dash or `off` alone for none. Raises BadSkills.

    Args:
        with_minutes: whether a number behind a tag says after how many minutes it is dropped, `vip (30 min)` too, as it
            is shown.
    """
    if means_off(text):
        return {}
    if with_minutes:
        text = _MINUTES.sub(r" \1 ", text)
    found: dict[str, int | None] = {}
    last = None
    for word in text.replace(",", " ").replace(";", " ").split():
        if word.isdecimal() and with_minutes and last is not None:
            found[last], last = int(word), None
        else:
            found[word], last = None, word
    if not found:
        raise BadSkills(part="")
    return check(found)


def only(required: Required, needs: Collection[str]) -> dict[str, int | None]:
    """The part of a requirement that is not dropped."""
    return {tag: after for tag, after in required.items() if tag in needs}
