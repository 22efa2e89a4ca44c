"""Who is eligible for a contact: one list of named rules, in order.

A rule looks at one `Candidate`, which has every fact that a rule may need, as it was at the moment of the decision. The
first rule that excludes an operator names the exclusion. Whoever only a `SOFT` rule excludes, one of the last two, gets
the contact if it finds nobody else.
"""

from collections.abc import Callable
from dataclasses import dataclass

WHOLE = 100
"""What an active contact counts in the load: hundredths, so that one that waits for its client can count less."""


@dataclass(frozen=True)
class Candidate:
    """An operator as a contact sees them.

    Attributes:
        load, load_here: hundredths of contacts, of all sources and of the contact's own.
        limit, limit_here, ceiling: contacts.
        held: contacts that are theirs: offered, held and snoozed.
        last_hour: contacts given to them in the last hour, and `rate`, the most.
        last_minute: contacts that had been waiting when they came, given in the last minute, and `ramp`, the most; None
            where this contact has not been waiting for so long.
        lacking: skills that the contact still requires and they do not have.
        asked: what came of it when they had this contact: `declined`, `missed`, `refused` for good; `returned` while
            somebody else is there for it, free or not.
        credit: at the contact's source.
    """

    operator: int
    weight: int
    credit: int = 0
    is_active: bool = True
    is_reachable: bool = True
    is_online: bool = True
    on_shift: bool = True
    on_leave: bool = False
    load: int = 0
    limit: int = 5
    held: int = 0
    ceiling: int = 15
    load_here: int = 0
    limit_here: int | None = None
    last_hour: int = 0
    rate: int | None = None
    last_minute: int = 0
    ramp: int | None = None
    lacking: frozenset[str] = frozenset()
    is_own: bool = False
    asked: str | None = None


Rule = Callable[[Candidate], bool]
"""Whether it excludes an operator."""

RULES: dict[str, Rule] = {
    "inactive": lambda one: not one.is_active,
    "unreachable": lambda one: not one.is_reachable,
    "offline": lambda one: not one.is_online,
    "off_shift": lambda one: not one.on_shift,
    "no_weight": lambda one: one.weight <= 0,
    "full": lambda one: one.load >= one.limit * WHOLE,
    "ceiling": lambda one: one.held >= one.ceiling,
    "full_here": lambda one: one.limit_here is not None and one.load_here >= one.limit_here * WHOLE,
    "rate": lambda one: one.rate is not None and one.last_hour >= one.rate,
    "ramp": lambda one: one.ramp is not None and one.last_minute >= one.ramp,
    "no_skill": lambda one: bool(one.lacking),
    "own_request": lambda one: one.is_own,
    "refused": lambda one: one.asked == "refused",
    "returned": lambda one: one.asked == "returned",
    "declined": lambda one: one.asked == "declined",
    "missed": lambda one: one.asked == "missed",
}
SOFT = frozenset({"declined", "missed"})

BY_HAND = ("unreachable", "ceiling", "own_request")
"""The rules that a person cannot overrule; they may choose who is full, away, or without a weight."""


def exclusion(candidate: Candidate) -> str | None:
    """The code of the first rule that excludes an operator; None if they are eligible."""
    return next((code for code, excludes in RULES.items() if excludes(candidate)), None)


def exclusion_by_hand(candidate: Candidate, *, is_confirmed: bool) -> str | None:
    """The same for somebody whom a person has chosen.

    Args:
        is_confirmed: whether the person has agreed that the operator is full or away.
    """
    asked = [code for code in RULES if code in BY_HAND or (not is_confirmed and code in NEEDS_CONFIRMATION)]
    return next((code for code in asked if RULES[code](candidate)), None)


NEEDS_CONFIRMATION = ("inactive", "offline", "off_shift", "full", "full_here")
