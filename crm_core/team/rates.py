"""Rates: how many contacts an operator is given in an hour at most.

Each contact that they are given counts for an hour (`crm_core.routing.given`); a periodic job notices when that is over
and gives out what waits. Nothing else depends on when a process runs.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor
from crm_core.routing import given, giving_out
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import hold_operators
from crm_core.team.bounds import set_bound

RATE_LARGEST = 1_000


def set_rate(s: Session, *, operator_id: int, rate: int | None, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets how many contacts an operator is given in any 60 minutes; what they were given in the last ones counts.

    Args:
        rate: contacts, at least 1; None for any number.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """

    def count(before: int | None) -> None:
        if rate is None:
            given.stop(s, operator_id=operator_id)
        elif before is None:
            given.start(s, operator_id=operator_id, now=now)

    return set_bound(
        s,
        operator_id=operator_id,
        column="rate",
        value=rate,
        largest=RATE_LARGEST,
        reason="rate",
        actor=actor,
        now=now,
        rng=rng,
        then=count,
    )


def turn(s: Session, *, operator_ids: list[int], now: datetime, rng: Rng) -> int:
    """Forgets what these operators were given an hour ago (`given.due`), and gives out what waits for them.

    Returns how many contacts were assigned.
    """
    source_ids = hold_operators(s, operator_ids)
    given.expire(s, operator_ids=operator_ids, now=now)
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng).count
