"""Causes of a gap between planned and actual shares, and which cause each exclusion and each return counts under.

Both mappings are total. A new exclusion, or a new reason for which a contact goes back to the queue, does not pass the
type checker until it has a cause here, and a new cause not until it has a sum (`crm_core.statistics.gathering`), its
part of the gap (`crm_core.statistics.gaps`) and its texts.
"""

from enum import StrEnum
from typing import Literal, assert_never, get_args

from crm_core.routing.choose import Exclusion
from crm_core.routing.returns import ReturnReason


class Cause(StrEnum):
    """What made most of a gap; where the gap is positive, what happened to the other operators."""

    OFF = "off"
    OFF_SHIFT = "off_shift"
    FULL = "full"
    FULL_HERE = "full_here"
    RATE = "rate"
    RAMP = "ramp"
    NO_SKILL = "no_skill"
    DECLINED = "declined"
    MISSED = "missed"
    STICKY = "sticky"
    BY_HAND = "by_hand"
    WEIGHT = "weight"
    CHANCE = "chance"
    UNEXPLAINED = "unexplained"


Absence = Literal[
    Cause.OFF,
    Cause.OFF_SHIFT,
    Cause.FULL,
    Cause.FULL_HERE,
    Cause.RATE,
    Cause.RAMP,
    Cause.NO_SKILL,
    Cause.DECLINED,
    Cause.MISSED,
]
ABSENCES: tuple[Absence, ...] = get_args(Absence)
"""Why somebody could not get a contact at its draw: each has two sums, what they missed and what others gained."""


def cause_of_exclusion(why: Exclusion) -> Absence | Literal[Cause.WEIGHT]:
    """The cause under which it counts that an operator could not get a contact."""
    match why:
        case Exclusion.INACTIVE | Exclusion.UNREACHABLE | Exclusion.OFFLINE | Exclusion.OWN_REQUEST:
            return Cause.OFF
        case Exclusion.DECLINED | Exclusion.REFUSED | Exclusion.RETURNED:
            return Cause.DECLINED
        case Exclusion.MISSED:
            return Cause.MISSED
        case Exclusion.OFF_SHIFT:
            return Cause.OFF_SHIFT
        case Exclusion.FULL | Exclusion.CEILING:
            return Cause.FULL
        case Exclusion.FULL_HERE:
            return Cause.FULL_HERE
        case Exclusion.RATE:
            return Cause.RATE
        case Exclusion.RAMP:
            return Cause.RAMP
        case Exclusion.NO_SKILL:
            return Cause.NO_SKILL
        case Exclusion.NO_WEIGHT:
            return Cause.WEIGHT
        case _:
            assert_never(why)


def cause_of_return(why: ReturnReason) -> Literal[Cause.OFF, Cause.DECLINED, Cause.MISSED]:
    """The cause under which a contact counts that went back from its operator to the queue."""
    match why:
        case (
            ReturnReason.OPERATOR_REMOVED
            | ReturnReason.OPERATOR_REPLACED
            | ReturnReason.OPERATOR_UNREACHABLE
            | ReturnReason.OFFER_WITHDRAWN
            | ReturnReason.WOKE_AWAY
            | ReturnReason.WOKE_ABOVE
            | ReturnReason.AWAY
        ):
            return Cause.OFF
        case ReturnReason.DECLINED | ReturnReason.RETURNED | ReturnReason.MOVED:
            return Cause.DECLINED
        case ReturnReason.MISSED:
            return Cause.MISSED
        case _:
            assert_never(why)
