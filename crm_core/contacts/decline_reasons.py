"""The reasons for which an operator may decline an offer: two that are there from the start, or those of the admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_core import preferences
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import BadName, ReasonNotFound, TooManyReasons
from crm_core.names import check_name
from crm_core.preferences import Preference

MOST = 6
"""Reasons that admins may word: more do not fit under a card."""


@dataclass(frozen=True, slots=True)
class DeclineReason:
    """Why an operator declines a contact.

    Attributes:
        code: `busy`, `not_mine`, or the number of an admin's wording.
        text: an admin's wording; None for the two that are there from the start.
        may_ask_again: whether it may be offered to the same operator again, where nobody else takes it.
    """

    code: str
    text: str | None
    may_ask_again: bool


BUILT_IN = (DeclineReason("busy", None, True), DeclineReason("not_mine", None, False))


def _is_well_formed(value: list[Any]) -> bool:
    numbers = [one.get("number") for one in value if isinstance(one, dict)]
    return len(value) <= MOST and len({*map(str, numbers)}) == len(value) and all(map(_is_reason, value))


def _is_reason(one: Any) -> bool:
    """Whether it is what `add` stores: a program may set this preference, too."""
    if not isinstance(one, dict) or one.keys() != {"number", "text", "may_ask_again"}:
        return False
    if type(one["number"]) is not int or not isinstance(one["text"], str) or type(one["may_ask_again"]) is not bool:
        return False
    try:
        return one["number"] > 0 and check_name(one["text"]) == one["text"]
    except BadName:
        return False


REASONS = preferences.known(Preference("decline_reasons", list, default=[], check=_is_well_formed))


def listing(s: Session) -> list[DeclineReason]:
    """The reasons that operators choose from: what admins have worded, else the two that are there from the start."""
    own = preferences.read(s, REASONS)
    worded = [DeclineReason(str(one["number"]), one["text"], one["may_ask_again"]) for one in own]
    return worded or list(BUILT_IN)


def find_reason(s: Session, code: str, **about: int) -> DeclineReason:
    """The reason of a code.

    Args:
        about: the `contact` that is declined, for the error.

    Raises ReasonNotFound with those that there are.
    """
    known = listing(s)
    found = next((one for one in known if one.code == code), None)
    if found is None:
        raise ReasonNotFound(reason=code, known=[one.code for one in known], **about)
    return found


def add(s: Session, *, text: str, may_ask_again: bool, actor: Actor, now: datetime) -> DeclineReason:
    """Adds a reason; the first one replaces the two that are there from the start.

    Raises NotAllowed, BadName, TooManyReasons.
    """
    stored = preferences.current(s, REASONS)
    if len(stored.value) >= MOST:
        raise TooManyReasons(most=MOST)
    number = 1 + _largest_number(s, actor)
    new = DeclineReason(str(number), check_name(text), may_ask_again)
    value = [*stored.value, {"number": number, "text": new.text, "may_ask_again": may_ask_again}]
    preferences.set(s, REASONS, value, version=stored.version, actor=actor, now=now)
    return new


def _largest_number(s: Session, actor: Actor) -> int:
    """The largest number that any reason ever had: cards and events go on naming those that were removed."""
    every = (change.value or [] for change in preferences.history(s, REASONS, actor=actor, limit=10_000))
    return max((one["number"] for value in every if _is_well_formed(value) for one in value), default=0)


def remove(s: Session, *, code: str, actor: Actor, now: datetime) -> DeclineReason:
    """Removes a reason that an admin has added. Raises NotAllowed, ReasonNotFound."""
    access_admin(s, actor)
    stored, found = preferences.current(s, REASONS), find_reason(s, code)
    if found.text is None:
        raise ReasonNotFound(reason=code, known=[])
    value = [one for one in stored.value if str(one["number"]) != code]
    preferences.set(s, REASONS, value, version=stored.version, actor=actor, now=now)
    return found
