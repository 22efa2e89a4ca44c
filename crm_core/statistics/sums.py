"""What is summed per operator and source, and what one draw adds to it: arithmetic alone.

A draw owes each operator with a weight at the source a part of a contact: their weight / the sum of weights (`due`). An
operator who could not get it, being absent or at the limit, misses that part, and the others gain it, in proportion to
their weights. So what each was owed, and how far chance may deviate from it, is known for each draw, whatever changes
between draws.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

WHOLE = 1_000_000
"""Parts of a contact are counted in millionths: integers give the same sum in any order."""


@dataclass(slots=True)
class Sums:
    """Sums of one source's contacts for one operator (or, `opened` alone, for the source itself).

    Attributes:
        opened: contacts that were opened.
        drawn, given: how often the operator got one by a draw, and by hand.
        lost: how often one was given to somebody else by hand.
        returned: how often one went back to the queue because of the operator's absence. A return for another cause
            needs a sum of its own, which `held` subtracts as well.
        due: weight / sum of weights, summed over the draws.
        missed_off, missed_full: what the operator missed of that while absent, and while at the limit.
        gained_off, gained_full: what the operator was owed in addition while others were.
        spread: the variance of the draws, if each is by chance.
    """

    opened: int = 0
    drawn: int = 0
    given: int = 0
    lost: int = 0
    returned: int = 0
    due: int = 0
    missed_off: int = 0
    missed_full: int = 0
    gained_off: int = 0
    gained_full: int = 0
    spread: int = 0

    @property
    def held(self) -> int:
        """Contacts that the operator holds, or held when they were closed."""
        return self.drawn + self.given - self.lost - self.returned

    def add(self, other: "Sums", times: int = 1) -> None:
        """Adds other sums, several times."""
        # Unrolled: a reading does it a thousand times, and a loop over names takes four times as long.
        self.opened += other.opened * times
        self.drawn += other.drawn * times
        self.given += other.given * times
        self.lost += other.lost * times
        self.returned += other.returned * times
        self.due += other.due * times
        self.missed_off += other.missed_off * times
        self.missed_full += other.missed_full * times
        self.gained_off += other.gained_off * times
        self.gained_full += other.gained_full * times
        self.spread += other.spread * times


NAMES = tuple(one.name for one in fields(Sums))
values_of = attrgetter(*NAMES)
"""A `Sums` as a tuple, in the order of `NAMES`."""


def owed(weights: Mapping[int, int], *, off: Collection[int], full: Collection[int]) -> dict[int, Sums]:
    """What one draw owes each operator.

    Args:
        weights: of the source at that moment, per operator.
        off, full: who could not get it, being absent or at the limit.
    """
    all_weights = sum(weights.values())
    there = sum(weight for one, weight in weights.items() if one not in off and one not in full)
    away = sum(weight for one, weight in weights.items() if one in off)
    found = {}
    for one, weight in weights.items():
        due = weight * WHOLE // all_weights
        if one in off:
            found[one] = Sums(due=due, missed_off=due)
        elif one in full:
            found[one] = Sums(due=due, missed_full=due)
        else:
            chance = weight * WHOLE // there
            because_off = (chance - due) * away // (all_weights - there) if all_weights > there else 0
            found[one] = Sums(
                due=due,
                gained_off=because_off,
                gained_full=chance - due - because_off,
                spread=chance * (WHOLE - chance) // WHOLE,
            )
    return found
