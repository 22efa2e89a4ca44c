"""What is summed per operator and source, and what one draw adds to it: arithmetic alone.

A draw owes everybody with a weight at the source a part of a contact: his weight of all weights (`due`). Whoever could
not get it, being away or at his limit, misses his part, and those who could gain it, in proportion to their weights. So
what each was really owed, and how far chance may lead from it, is known draw by draw, whatever changes between them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

WHOLE = 1_000_000
"""Parts of a contact are counted in millionths: whole numbers add up alike in any order."""


@dataclass(slots=True)
class Sums:
    """What became of the contacts of one source, for one operator (or, `opened` alone, for the source itself).

    Attributes:
        opened: contacts that were opened.
        drawn, given: how often he got one by the draw, and by hand.
        lost, returned: how often one left him by hand, and for the queue.
        due: his weight of all weights, summed over the draws.
        missed_off, missed_full: what he missed of that while he was away, and while he was at his limit.
        gained_off, gained_full: what he was owed besides while others were.
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
        """Contacts that are his, or were when they were closed."""
        return self.drawn + self.given - self.lost - self.returned

    def add(self, other: "Sums", times: int = 1) -> None:
        """Adds another one, several times."""
        # Written out: it is done a thousand times for a reading, and a loop over names takes four times as long.
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
        off, full: who could not get it, being away or at his limit.
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
