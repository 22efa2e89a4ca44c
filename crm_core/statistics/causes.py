"""Causes of a gap between planned and actual shares, and which cause each exclusion and each return counts under.

Both mappings are total. A new exclusion, or a new reason for which a contact goes back to the queue, does not pass the
type checker until it has a cause here, and a new cause not until it has a sum (`crm_core.statistics.gathering`), its
part of the gap (`crm_core.statistics.gaps`) and its texts.
"""

from enum import StrEnum
from typing import Literal, assert_never

from crm_core.routing.choose import Exclusion
from crm_core.routing.returns import ReturnReason


class Cause(StrEnum):
    """What made most of a gap; where the gap is positive, what happened to the other operators."""

    OFF = "off"
    FULL = "full"
    BY_HAND = "by_hand"
    WEIGHT = "weight"
    CHANCE = "chance"
    UNEXPLAINED = "unexplained"


def cause_of_exclusion(why: Exclusion) -> Literal[Cause.OFF, Cause.FULL, Cause.WEIGHT]:
    """The cause under which it counts that an operator could not get a contact."""
    match why:
        case (
            Exclusion.INACTIVE
            | Exclusion.UNREACHABLE
            | Exclusion.OFFLINE
            | Exclusion.OFF_SHIFT
            | Exclusion.OWN_REQUEST
            | Exclusion.DECLINED
            | Exclusion.MISSED
            | Exclusion.REFUSED
            | Exclusion.RETURNED
        ):
            return Cause.OFF
        case Exclusion.FULL:
            return Cause.FULL
        case Exclusion.NO_WEIGHT:
            return Cause.WEIGHT
        case _:
            assert_never(why)


def cause_of_return(why: ReturnReason) -> Literal[Cause.OFF]:
    """The cause under which a contact counts that went back from its operator to the queue."""
    match why:
        case (
            ReturnReason.OPERATOR_REMOVED
            | ReturnReason.OPERATOR_REPLACED
            | ReturnReason.OPERATOR_UNREACHABLE
            | ReturnReason.DECLINED
            | ReturnReason.MISSED
            | ReturnReason.OFFER_WITHDRAWN
            | ReturnReason.RETURNED
        ):
            return Cause.OFF
        case _:
            assert_never(why)
