"""Why an operator has more or fewer of a source's contacts than planned: arithmetic alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from crm_core.statistics.causes import ABSENCES, Cause
from crm_core.statistics.sums import GAINED, MISSED, WHOLE, Sums

DEVIATIONS = 3
"""How many standard deviations chance may explain: one operator of twenty would exceed two of them by chance alone."""

LEAST_SHOWN = 0.005
"""A smaller difference of shares does not show in whole per cent."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How many contacts an operator has more (or, negative, fewer) than today's weights would have given them.

    Attributes:
        cause: what made most of it. None for a gap of less than one contact or half of a per cent, and without a plan.
        parts: contacts by cause; they add up to `contacts`.
    """

    contacts: float
    cause: Cause | None
    parts: Mapping[Cause, float]


NO_GAP = Gap(0.0, None, {})


def gap(mine: Sums, everybody: Sums, *, planned: float | None) -> Gap:
    """The gap between what an operator has and what was planned, split by cause. The parts add up exactly.

    Args:
        mine: the operator's sums at the source.
        everybody: the sums of all operators there.
        planned: the operator's share by today's weights, from 0 to 1.
    """
    if planned is None or not everybody.held:
        return NO_GAP
    absent: dict[Cause, int] = {
        cause: getattr(mine, GAINED[cause]) - getattr(mine, MISSED[cause]) for cause in ABSENCES
    }
    fair = (mine.due + sum(absent.values())) / WHOLE
    parts: dict[Cause, float] = {cause: amount / WHOLE for cause, amount in absent.items()}
    parts[Cause.OFF] += planned * everybody.returned - mine.returned
    parts[Cause.DECLINED] += planned * everybody.returned_declined - mine.returned_declined
    parts[Cause.MISSED] += planned * everybody.returned_missed - mine.returned_missed
    parts |= {
        Cause.STICKY: mine.sticky - planned * everybody.sticky,
        Cause.BY_HAND: mine.given - mine.lost - planned * (everybody.given - everybody.lost),
        Cause.WEIGHT: mine.due / WHOLE - planned * everybody.drawn,
        Cause.CHANCE: mine.drawn - fair,
    }
    contacts = mine.held - planned * everybody.held
    return Gap(contacts, _cause(contacts, parts, mine, everybody), parts)


def _cause(contacts: float, parts: Mapping[Cause, float], mine: Sums, everybody: Sums) -> Cause | None:
    if abs(contacts) < 1 or abs(contacts) < LEAST_SHOWN * everybody.held:
        return None  # contacts cannot be divided: no draw could have come closer
    cause = max(parts, key=lambda one: parts[one] if contacts > 0 else -parts[one])
    if cause is Cause.CHANCE and abs(parts[cause]) > max(1.0, DEVIATIONS * sqrt(mine.spread / WHOLE)):
        return Cause.UNEXPLAINED
    return cause
