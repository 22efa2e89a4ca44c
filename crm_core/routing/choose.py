"""Choosing who gets a contact: arithmetic alone, without database, clock or random numbers of its own.

A new rule of eligibility is a new member of `Exclusion`. The type checker then names everything that must answer to it:
the rule itself (`_rule`), its cause in the statistics (`crm_core.statistics.causes`) and its text
(`bot.texts.phrases`). It cannot name four things more. A fact that the rule needs is a field of `Candidate`, read in
`crm_core.routing.candidates`. `exclusion` repeats the rule in one expression with the others. The action that ends the
exclusion calls `giving_out.assign_waiting`, or contacts wait for the sweeper. And `/operators` shows the state of each
operator (`bot.admins.operator_screens`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import assert_never

from crm_core.routing.credits import turn


class Exclusion(StrEnum):
    """Why an operator cannot get a contact now.

    The order is that of the rules: where several exclude an operator, the first is named. Events keep these values for
    good, so a value is never renamed or reused.
    """

    NO_WEIGHT = "no_weight"
    INACTIVE = "inactive"
    UNREACHABLE = "unreachable"
    OFFLINE = "offline"
    OFF_SHIFT = "off_shift"
    FULL = "full"
    CEILING = "ceiling"
    FULL_HERE = "full_here"
    RATE = "rate"
    RAMP = "ramp"
    NO_SKILL = "no_skill"
    OWN_REQUEST = "own_request"
    REFUSED = "refused"
    RETURNED = "returned"
    DECLINED = "declined"
    MISSED = "missed"


OF_ONE_CONTACT = frozenset({Exclusion.OWN_REQUEST, Exclusion.REFUSED, Exclusion.RETURNED})
"""Exclusions from one contact, and not from the next one of its source."""

SOFT = frozenset({Exclusion.DECLINED, Exclusion.MISSED})
"""Exclusions that end where nobody else is eligible: a contact comes back before it is left without an operator."""


class SourceExclusion(StrEnum):
    """Why nobody can get a contact of a source now, whatever the state of its operators."""

    NO_OPERATORS = "no_operators"
    SOURCE_OFF = "source_off"
    SOURCE_CLOSED = "source_closed"


OTHERS_FIRST = "others_first"
"""Why a new contact is queued although somebody is free: what waits is being given out, and it is the last of it."""


NOTHING: frozenset[str] = frozenset()

TIMES_LIMIT = 3
"""The ceiling of an operator for whom none is set, in multiples of their limit."""


def ceiling_of(limit: int, max_held: int | None) -> int:
    """The most contacts that may be an operator's, those that sleep included.

    Args:
        limit: of their load; for one of 0, to whom contacts come by hand alone, the ceiling is that of 1.
        max_held: what was set; None for three times the limit.
    """
    return TIMES_LIMIT * max(limit, 1) if max_held is None else max_held


class Asked(StrEnum):
    """What came of a contact that an operator had before. Stored, so a value is never renamed or reused."""

    DECLINED = "declined"
    """They declined its offer for a reason that may pass."""
    MISSED = "missed"
    """They did not answer its offer in time."""
    REFUSED = "refused"
    """They declined its offer for good."""
    RETURNED = "returned"
    """They gave it back; it comes to them again only where nobody else is there for it, free or not."""


@dataclass(slots=True, unsafe_hash=True)
class Candidate:
    """An operator as a source sees them at the moment of the choice.

    Not to be changed, though not frozen: each choice makes one for each operator, which would cost four times as much.

    Attributes:
        weight: how much of the source the operator should get.
        load, limit: open contacts that they hold, and the most they may hold.
        chat_id: their private chat, None where they work through the API alone.
        reach_version: tells whether they were removed, replaced or lost a chat since they were read.
        is_own: whether they are the client of the contact themselves.
        is_on_shift: whether their working hours let new contacts come now.
        load_here, limit_here: open contacts that they hold from this source, and the most; counted only with a limit.
        last_hour, rate: contacts that they were given in the last hour, and the most; counted only with a rate.
        had_waited: whether the contact waited before they came, or before its source opened; known only with a ramp.
        last_minute, ramp: contacts of this kind that they were given in the last minute, and the most; None for another
            kind.
        on_leave: whether this is planned absence by their hours; known only where that may be credited.
        lacking: skills that the contact requires and they do not have.
        asked: what came of it when they had this very contact before; None if they had not.
        relief, relief_here: what those that wait for their clients take off these loads, in hundredths of a contact;
            only with a ceiling.
        held, ceiling: contacts that are theirs, sleeping ones included, and the most; counted only where that can
            matter: without a ceiling, they are below it.
    """

    operator_id: int
    weight: int
    load: int
    limit: int
    is_active: bool = True
    is_online: bool = True
    is_reachable: bool = True
    chat_id: int | None = None
    reach_version: int = 0
    is_own: bool = False
    is_on_shift: bool = True
    load_here: int = 0
    limit_here: int | None = None
    last_hour: int = 0
    rate: int | None = None
    lacking: frozenset[str] = NOTHING
    asked: Asked | None = None
    held: int = 0
    ceiling: int | None = None
    relief: int = 0
    relief_here: int = 0
    had_waited: bool = False
    last_minute: int = 0
    ramp: int | None = None
    on_leave: bool = False


def _is_full_here(one: Candidate) -> bool:
    return one.limit_here is not None and (one.load_here - one.limit_here) * 100 >= one.relief_here


def is_at_ceiling(candidate: Candidate) -> bool:
    """Whether nothing more may be an operator's, which no person can overrule."""
    return candidate.ceiling is not None and candidate.held >= candidate.ceiling


Rule = Callable[[Candidate], bool]
"""Whether an operator cannot get a contact now, for one reason."""


def _rule(why: Exclusion) -> Rule:
    match why:
        case Exclusion.NO_WEIGHT:
            return lambda one: one.weight <= 0
        case Exclusion.INACTIVE:
            return lambda one: not one.is_active
        case Exclusion.UNREACHABLE:
            return lambda one: not one.is_reachable
        case Exclusion.OFFLINE:
            return lambda one: not one.is_online
        case Exclusion.OFF_SHIFT:
            return lambda one: not one.is_on_shift
        case Exclusion.FULL:
            return lambda one: (one.load - one.limit) * 100 >= one.relief
        case Exclusion.CEILING:
            return is_at_ceiling
        case Exclusion.FULL_HERE:
            return _is_full_here
        case Exclusion.RATE:
            return lambda one: one.rate is not None and one.last_hour >= one.rate
        case Exclusion.RAMP:
            return lambda one: one.ramp is not None and one.last_minute >= one.ramp
        case Exclusion.NO_SKILL:
            return lambda one: bool(one.lacking)
        case Exclusion.OWN_REQUEST:
            return lambda one: one.is_own
        case Exclusion.REFUSED:
            return lambda one: one.asked is Asked.REFUSED
        case Exclusion.RETURNED:
            return lambda one: one.asked is Asked.RETURNED
        case Exclusion.DECLINED:
            return lambda one: one.asked is Asked.DECLINED
        case Exclusion.MISSED:
            return lambda one: one.asked is Asked.MISSED
        case _:
            assert_never(why)


RULES = tuple((why, _rule(why)) for why in Exclusion)
"""Every rule of eligibility, in the order in which they are applied (both founding documents, step 2)."""


def exclusion(candidate: Candidate) -> Exclusion | None:
    """Why this operator is not eligible, or None if they are."""
    one = candidate
    # Most are: to ask them every rule takes five times as long as this, which says the same (a test compares them).
    is_eligible = (
        one.weight > 0
        and one.is_active
        and one.is_reachable
        and one.is_online
        and one.is_on_shift
        and (one.load - one.limit) * 100 < one.relief
        and (one.ceiling is None or one.held < one.ceiling)
        and (one.limit_here is None or (one.load_here - one.limit_here) * 100 < one.relief_here)
        and (one.rate is None or one.last_hour < one.rate)
        and (one.ramp is None or one.last_minute < one.ramp)
        and not one.lacking
        and not one.is_own
        and one.asked is None
    )
    return None if is_eligible else next((why for why, excludes in RULES if excludes(one)), None)


def could_get_it(candidate: Candidate) -> bool:
    """Whether nothing excludes this operator, or only that they were asked before in vain (`SOFT`)."""
    return exclusion(candidate) in (None, *SOFT)


def exclusion_by_hand(candidate: Candidate) -> Exclusion | None:
    """The same for an operator whom a person has chosen, whatever their skills and pace, and what came of it before."""
    return exclusion(replace(candidate, rate=None, ramp=None, lacking=NOTHING, asked=None))


@dataclass(frozen=True, slots=True)
class Choice:
    """The operator chosen, or nobody; among whom, and what excluded each of the others.

    Attributes:
        reason: `random`, `exact`, or, for nobody, the exclusions that occurred (`full+offline`); `no_operators` where
            the source has none.
        decision: of nobody, what it was made from (`crm_core.routing.decisions`).
    """

    operator: Candidate | None
    reason: str
    excluded: tuple[tuple[int, Exclusion], ...]
    eligible: tuple[Candidate, ...] = ()
    decision: str | None = None

    @property
    def weights(self) -> dict[int, int]:
        """The weights of those among whom was chosen, by operator."""
        return {one.operator_id: one.weight for one in self.eligible}


def choose(
    candidates: Sequence[Candidate],
    roll: float,
    *,
    strategy: str = "random",
    credits: Mapping[int, int] | None = None,
) -> Choice:
    """Picks one of the eligible operators.

    Args:
        candidates: everybody with a weight at the source, eligible or not.
        roll: a number in [0, 1).
        strategy: `random` gives each a chance of weight / sum of eligible weights (founding documents, step 3);
            `exact` gives the contact to the operator whose turn it is (`crm_core.routing.credits.turn`), the roll
            deciding between equals.
        credits: for `exact`, those of the source by operator; who is missing has 0.
    """
    pool, excluded = eligible(candidates)
    if not pool:
        return Choice(None, _nobody({why for _, why in excluded}), tuple(excluded))
    due = pool
    if strategy == "exact":
        whose = set(turn(credits or {}, {one.operator_id: one.weight for one in pool}))
        due = [one for one in pool if one.operator_id in whose]
    return Choice(_by_weight(due, roll), strategy, tuple(excluded), tuple(pool))


def eligible(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[tuple[int, Exclusion]]]:
    """Who could get a contact, and what excludes each of the others.

    Whoever was asked before in vain (`SOFT`) is eligible only where nobody else is.
    """
    pool, excluded = [], []
    for candidate in candidates:
        why = exclusion(candidate)
        if why is None:
            pool.append(candidate)
        else:
            excluded.append((candidate.operator_id, why))
    if not pool and (again := {one for one, why in excluded if why in SOFT}):
        pool = [one for one in candidates if one.operator_id in again]
        excluded = [(one, why) for one, why in excluded if one not in again]
    return pool, excluded


def held_back(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of a contact that nobody can get, those who could, were it not for a ramp."""
    without = {one.operator_id for one in eligible([replace(one, ramp=None) for one in candidates])[0]}
    return [one for one in candidates if one.operator_id in without and exclusion(one) is Exclusion.RAMP]


def free_places(candidate: Candidate) -> int:
    """How many contacts more an operator could get, whatever a ramp allows of them in this minute."""
    one = candidate
    bounds = [_left(one.limit, one.load, one.relief)]
    if one.ceiling is not None:
        bounds.append(one.ceiling - one.held)
    if one.limit_here is not None:
        bounds.append(_left(one.limit_here, one.load_here, one.relief_here))
    if one.rate is not None:
        bounds.append(one.rate - one.last_hour)
    return max(0, min(bounds))


def _left(limit: int, load: int, relief: int) -> int:
    return limit - load + ceil(relief / 100)  # a part of a place lets a whole contact in, as the rules have it


def on_leave(pool: Sequence[Candidate], weights: Mapping[int, int]) -> dict[int, int]:
    """The weights of those who miss a contact by their leave alone.

    Args:
        weights: of the eligible operators.
    """
    return {
        one.operator_id: one.weight
        for one in pool
        if one.on_leave and one.weight and one.is_active and one.is_reachable and one.operator_id not in weights
    }


def _nobody(occurred: set[Exclusion]) -> str:
    return "+".join(sorted(occurred)) or SourceExclusion.NO_OPERATORS.value


def _by_weight(pool: Sequence[Candidate], roll: float) -> Candidate:
    point = roll * sum(candidate.weight for candidate in pool)
    for candidate in pool:
        point -= candidate.weight
        if point < 0:
            return candidate
    return pool[-1]  # reached only by rounding, where the roll is close to 1
