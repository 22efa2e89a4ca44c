"""What is summed per operator and source, and what one draw adds to it: arithmetic alone.

A draw owes each operator with a weight at the source a part of a contact: their weight / the sum of weights (`due`). An
operator who could not get it, being absent or at a limit, misses that part, and the others gain it, in proportion to
their weights. So what each was owed, and how far chance may deviate from it, is known for each draw, whatever changes
between draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

from crm_core.statistics.causes import ABSENCES, Absence

WHOLE = 1_000_000
"""Parts of a contact are counted in millionths: integers give the same sum in any order."""


@dataclass(slots=True)
class Sums:
    """Sums of one source's contacts for one operator (or, `opened` alone, for the source itself).

    Attributes:
        opened: contacts that were opened.
        drawn, given: how often the operator got one by a draw, and by hand.
        lost: how often one was given to somebody else by hand.
        returned: how often one went back to the queue because of the operator's absence.
        returned_declined, returned_missed: how often one went back since they declined it, or gave it back, and since
            they did not answer its offer.
        sticky: how often the operator got one because its client had them before.
        due: weight / sum of weights, summed over the draws.
        missed_…: what the operator missed of that while absent (`off`), at the limit (`full`) and so on, by the causes
            of absence (`crm_core.statistics.causes`).
        gained_…: what the operator was owed in addition while others were.
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
    missed_off_shift: int = 0
    missed_full_here: int = 0
    missed_rate: int = 0
    missed_ramp: int = 0
    missed_no_skill: int = 0
    gained_off_shift: int = 0
    gained_full_here: int = 0
    gained_rate: int = 0
    gained_ramp: int = 0
    gained_no_skill: int = 0
    returned_declined: int = 0
    returned_missed: int = 0
    sticky: int = 0
    missed_declined: int = 0
    missed_missed: int = 0
    gained_declined: int = 0
    gained_missed: int = 0

    @property
    def held(self) -> int:
        """Contacts that the operator holds, or held when they were closed."""
        got = self.drawn + self.given + self.sticky
        return got - self.lost - self.returned - self.returned_declined - self.returned_missed

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
        self.missed_off_shift += other.missed_off_shift * times
        self.missed_full_here += other.missed_full_here * times
        self.missed_rate += other.missed_rate * times
        self.missed_ramp += other.missed_ramp * times
        self.missed_no_skill += other.missed_no_skill * times
        self.gained_off_shift += other.gained_off_shift * times
        self.gained_full_here += other.gained_full_here * times
        self.gained_rate += other.gained_rate * times
        self.gained_ramp += other.gained_ramp * times
        self.gained_no_skill += other.gained_no_skill * times
        self.returned_declined += other.returned_declined * times
        self.returned_missed += other.returned_missed * times
        self.sticky += other.sticky * times
        self.missed_declined += other.missed_declined * times
        self.missed_missed += other.missed_missed * times
        self.gained_declined += other.gained_declined * times
        self.gained_missed += other.gained_missed * times


NAMES = tuple(one.name for one in fields(Sums))
values_of = attrgetter(*NAMES)
"""A `Sums` as a tuple, in the order of `NAMES`."""

MISSED: Mapping[Absence, str] = {cause: f"missed_{cause}" for cause in ABSENCES}
GAINED: Mapping[Absence, str] = {cause: f"gained_{cause}" for cause in ABSENCES}
"""The names of the sums of each absence."""


def owed(weights: Mapping[int, int], *, out: Mapping[int, Absence]) -> dict[int, Sums]:
    """What one draw owes each operator.

    Args:
        weights: of the source at that moment, per operator.
        out: who could not get it, and why.
    """
    all_weights = sum(weights.values())
    away = {cause: sum(weights[one] for one in weights if out.get(one) is cause) for cause in ABSENCES if out}
    there = all_weights - sum(away.values())
    found = {}
    for one, weight in weights.items():
        due = weight * WHOLE // all_weights
        if one in out:
            found[one] = Sums(due=due)
            setattr(found[one], MISSED[out[one]], due)
        else:
            chance = weight * WHOLE // there
            found[one] = Sums(due=due, spread=chance * (WHOLE - chance) // WHOLE)
            _gain(found[one], chance - due, away)
    return found


def _gain(sums: Sums, gained: int, away: Mapping[Absence, int]) -> None:
    """Splits what an operator gained by the weights of those who were away; the running total is rounded."""
    total, before = sum(away.values()), 0
    for cause, weight in away.items() if total else ():
        so_far = before + weight
        setattr(sums, GAINED[cause], gained * so_far // total - gained * before // total)
        before = so_far
