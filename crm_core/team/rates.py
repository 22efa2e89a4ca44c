"""Rates: how many contacts an operator is given in an hour at most.

Each contact that they are given counts for an hour (`crm_core.routing.given`); a periodic job notices when that is over
and gives out what waits. Nothing else depends on when a process runs.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.names import check_number
from crm_core.routing import given, queue
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.routing.queue import Assigned
from crm_core.team import operators

RATE_LARGEST = 1_000


def set_rate(s: Session, *, operator_id: int, rate: int | None, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets how many contacts an operator is given in any 60 minutes; what they were given in the last ones counts.

    Args:
        rate: contacts, at least 1; None for any number.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = None if rate is None else check_number(rate, field="rate", minimum=1, maximum=RATE_LARGEST)
    source_ids = hold_operators(s, [operator_id])
    before = operators.one(s, operator_id=operator_id).rate
    if checked == before:
        return Assigned(0)
    operators.set_columns(s, operator_id, rate=checked)
    if checked is None:
        given.stop(s, operator_id=operator_id)
    elif before is None:
        given.start(s, operator_id=operator_id, now=now)
    change_reach(s, operator_id)  # whoever chose them by what they had before chooses again
    operators.record_change(s, operator_id, "rate", actor, now, data={"rate": checked})
    return queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def turn(s: Session, *, operator_ids: list[int], now: datetime, rng: Rng) -> int:
    """Forgets what these operators were given an hour ago (`given.due`), and gives out what waits for them.

    Returns how many contacts were assigned.
    """
    source_ids = hold_operators(s, operator_ids)
    given.expire(s, operator_ids=operator_ids, now=now)
    return queue.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng).count
