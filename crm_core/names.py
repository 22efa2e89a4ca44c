"""Names that people type: checked when they are given, found again when they are almost right."""

import difflib
import re
from collections.abc import Iterable

from crm_core.errors import BadName, BadSlug, BadValue
from crm_core.leads import fold

NAME_LONGEST = 64
DESCRIPTION_LONGEST = 500
_SLUG = re.compile(
    r"[a-z0-9_-]{1,32}"
)  # with "src_" before it stays within Telegram's 64 characters of a start payload


def check_name(text: str) -> str:
    """A name with single spaces, 1 to 64 characters, no control characters. Raises BadName."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= NAME_LONGEST or not name.isprintable() or name.startswith(("/", "#")):
        raise BadName(field="name", maximum=NAME_LONGEST)
    return name


def check_description(text: str) -> str | None:
    """A description of at most 500 characters; an empty one is none. Raises BadValue."""
    description = text.strip()
    if len(description) > DESCRIPTION_LONGEST:
        raise BadValue(field="description", minimum=0, maximum=DESCRIPTION_LONGEST)
    return description or None


def check_slug(text: str) -> str:
    """The part of a link that names a source: small Latin letters, digits, - and _. Raises BadSlug."""
    slug = text.strip().casefold()
    if not _SLUG.fullmatch(slug):
        raise BadSlug(field="slug", maximum=32)
    return slug


def check_number(value: int, *, field: str, minimum: int, maximum: int) -> int:
    """A whole number within its range. Raises BadValue with the range."""
    if not minimum <= value <= maximum:
        raise BadValue(field=field, minimum=minimum, maximum=maximum)
    return value


def resembling(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that somebody may have meant, best first."""
    by_fold = {fold(one) or "": one for one in known}
    wanted = fold(name) or ""
    inside = [by_fold[one] for one in by_fold if wanted and (wanted in one or one in wanted)]
    alike = [by_fold[one] for one in difflib.get_close_matches(wanted, by_fold, n=3, cutoff=0.6)]
    return list(dict.fromkeys([*alike, *inside]))[:3]
