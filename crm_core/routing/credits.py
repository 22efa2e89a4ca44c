"""Whose turn a contact is where shares are exact: arithmetic in whole numbers, without database or clock.

A contact is worth `UNIT` credits. At a draw these are split among the eligible operators by weight (`split`), and the
operator who gets the contact pays them all. So the sum of a source's ledger is 0 at all times, and a credit says by how
much of a contact somebody is behind their share.

The turn (`turn`) goes to whoever can pay and would be the first to fall a contact behind, if they were passed over
again and again (R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32, 1980). With a fixed set of
operators nobody is then ever a whole contact off their share. The largest credit alone does not promise that: two large
weights and a small one can come due together. It decides between those who are equally near, where nobody can pay, and
where Tijdeman's choice would break the wider bound, (k - 1) / 2 contacts among k operators whose set changes. The
proofs, and a version that shows nothing but the rule, are in `tests/model/credits.py`.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from math import lcm
from types import MappingProxyType

UNIT = lcm(*range(1, 31))
"""2,329,089,562,800 credits: so many that the parts are exact for every sum of weights up to 30, and else less than one
credit off. Multiplied by the largest weight and by 500 operators it fits into 64 bits.
"""

FLOOR = -3 * UNIT
"""Who is this far ahead pays nothing more for contacts that were not drawn, so that they still get new clients."""


def split(weights: Mapping[int, int]) -> Mapping[int, int]:
    """Splits the credits of one contact by weight into whole parts that add up to `UNIT`.

    The running total is rounded, not each part, so that what is lost in one is in the next.

    Args:
        weights: of the eligible operators, at least one, each above 0.
    """
    return _split(tuple(sorted(weights.items())))


@lru_cache(maxsize=1_000)
def _split(weights: tuple[tuple[int, int], ...]) -> Mapping[int, int]:
    """`split` of weights in order; kept, since those who are eligible are mostly the same at the next draw."""
    total, before, parts = sum(weight for _, weight in weights), 0, {}
    for operator, weight in weights:
        so_far = before + weight
        parts[operator] = UNIT * so_far // total - UNIT * before // total
        before = so_far
    return MappingProxyType(parts)


def paid(credits: Mapping[int, int], weights: Mapping[int, int], payer: int) -> dict[int, int]:
    """The credits that a contact changes, as they are then: the eligible operators have earned, and the payer has paid.

    Args:
        credits, weights: as in `turn`; the payer is one of the eligible operators, unless a person chose them.
    """
    after = {operator: credits.get(operator, 0) + part for operator, part in split(weights).items()}
    after[payer] = after.get(payer, credits.get(payer, 0)) - UNIT
    return after


def missed(weights: Mapping[int, int], on_leave: Mapping[int, int]) -> dict[int, int]:
    """What operators on leave miss of a contact: what each would have earned of it beside those who are eligible.

    Args:
        weights: of the eligible operators.
        on_leave: weights of those on leave.
    """
    total = sum(weights.values())
    return {operator: UNIT * weight // (total + weight) for operator, weight in on_leave.items()}


def may_pay(credits: Mapping[int, int], weights: Mapping[int, int], payer: int) -> bool:
    """Whether an operator pays for a contact that was not drawn: they work there, and do not go below `FLOOR`.

    Nor does anybody pay where nobody is eligible, who would earn it.

    Args:
        credits, weights: as in `paid`.
    """
    return bool(weights) and payer in credits and credits[payer] + split(weights).get(payer, 0) - UNIT >= FLOOR


def spread(amount: int, operators: list[int]) -> dict[int, int]:
    """Splits an amount of credits, of either sign, equally among operators into whole parts that add up to it."""
    count = len(operators)
    return {
        operator: amount * (at + 1) // count - amount * at // count for at, operator in enumerate(sorted(operators))
    }


def turn(credits: Mapping[int, int], weights: Mapping[int, int]) -> list[int]:
    """Whose turn the next contact is: one of the eligible operators, or several who are equally entitled.

    Args:
        credits: before the draw, of everybody who ever worked at the source; who is missing has 0.
        weights: of those who are eligible.
    """
    parts = split(weights)
    after = {operator: credits.get(operator, 0) + part for operator, part in parts.items()}
    most = max(after.values())
    largest = [operator for operator, credit in after.items() if credit == most]
    if len(after) == 1:
        return largest
    share = 2 * len(after) - 2  # nobody is to be behind, or ahead, by more than 1 - 1 / share
    urgency = {  # of those who can pay
        operator: (_skips(credit, parts[operator], share), -credit)
        for operator, credit in after.items()
        if share * credit >= UNIT
    }
    if not urgency:
        return largest
    most_urgent = min(urgency.values())
    due = [operator for operator, found in urgency.items() if found == most_urgent]
    if after[due[0]] == most or all(_is_balanced({**credits, **after, one: after[one] - UNIT}) for one in due):
        return due
    return largest


def _skips(credit: int, part: int, share: int) -> int:
    """At how many draws, this one included, somebody can be passed over without falling further behind than allowed."""
    return max(0, ((share - 1) * UNIT - share * credit) // (share * part) + 1)


def _is_balanced(credits: Mapping[int, int]) -> bool:
    """Whether any m of the k operators together are at most m (k - m) / 2 contacts ahead."""
    k = len(credits)
    sums = accumulate(sorted(credits.values()))
    return all(2 * total >= -m * (k - m) * UNIT for m, total in enumerate(sums, start=1))
