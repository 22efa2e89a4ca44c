"""Deciding who gets a contact: arithmetic alone, with no database, clock or chance of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Exclusion(StrEnum):
    """Why an operator cannot get a contact now."""

    NO_WEIGHT = "no_weight"
    INACTIVE = "inactive"
    OFFLINE = "offline"
    UNREACHABLE = "unreachable"
    FULL = "full"


@dataclass(slots=True, unsafe_hash=True)
class Candidate:
    """An operator as a source sees him at the moment of the choice.

    Not to be changed, though not frozen: each choice makes one for each operator, which would cost four times as much.

    Attributes:
        weight: how much of the source he should get.
        load, limit: open contacts he holds, and the most he may hold.
        dealt: contacts he got from the source since its weights last changed (for `exact`).
        chat_id: his private chat, None where he works through the API alone.
    """

    operator_id: int
    weight: int
    load: int
    limit: int
    is_active: bool = True
    is_online: bool = True
    is_reachable: bool = True
    dealt: int = 0
    chat_id: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The one chosen, or nobody, and what kept each of the others out.

    Attributes:
        reason: `random`, `exact`, or, for nobody, the exclusions that occurred (`full+offline`); `no_operators` where
            the source has none.
    """

    operator: Candidate | None
    reason: str
    excluded: tuple[tuple[int, Exclusion], ...]


def exclusion(candidate: Candidate) -> Exclusion | None:
    """Why this operator is not eligible, or None if he is (both founding documents, step 2)."""
    if candidate.weight <= 0:
        return Exclusion.NO_WEIGHT
    if not candidate.is_active:
        return Exclusion.INACTIVE
    if not candidate.is_reachable:
        return Exclusion.UNREACHABLE
    if not candidate.is_online:
        return Exclusion.OFFLINE
    if candidate.load >= candidate.limit:
        return Exclusion.FULL
    return None


def choose(candidates: Sequence[Candidate], roll: float, *, strategy: str = "random") -> Choice:
    """Picks one of the eligible operators.

    Args:
        candidates: everybody with a weight at the source, eligible or not.
        roll: a number in [0, 1).
        strategy: `random` gives each a chance of weight / sum of eligible weights (founding documents, step 3);
            `exact` gives the contact to whoever is furthest below his share, the roll deciding between equals.
    """
    excluded, eligible = [], []
    for candidate in candidates:
        why = exclusion(candidate)
        if why is None:
            eligible.append(candidate)
        else:
            excluded.append((candidate.operator_id, why))
    if not eligible:
        occurred = "+".join(sorted({why.value for _, why in excluded}))
        return Choice(None, occurred or "no_operators", tuple(excluded))
    chosen = _furthest_below(eligible, roll) if strategy == "exact" else _by_weight(eligible, roll)
    return Choice(chosen, strategy, tuple(excluded))


def _by_weight(eligible: Sequence[Candidate], roll: float) -> Candidate:
    point = roll * sum(candidate.weight for candidate in eligible)
    for candidate in eligible:
        point -= candidate.weight
        if point < 0:
            return candidate
    return eligible[-1]  # only rounding of a roll next to 1 leads here


def _furthest_below(eligible: Sequence[Candidate], roll: float) -> Candidate:
    """The next contact goes where, with it, most would still be missing to the share of all that were dealt.

    Whole numbers only, so that equals are equal; nobody ever gets a whole contact more than his share.
    """
    weights, dealt = sum(one.weight for one in eligible), sum(one.dealt for one in eligible)
    missing = {one: one.weight * (dealt + 1) - one.dealt * weights for one in eligible}
    most = max(missing.values())
    return _by_weight([one for one in eligible if missing[one] == most], roll)
