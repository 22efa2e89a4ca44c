"""Ceilings: how many contacts may be an operator's at all, those included that sleep or wait for their clients."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.names import check_number
from crm_core.routing import queue
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.routing.queue import Assigned
from crm_core.team import operators

CEILING_LARGEST = 10_000


def set_ceiling(
    s: Session, *, operator_id: int, max_held: int | None, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets the most contacts that may be an operator's. A lowered ceiling takes nothing away.

    Args:
        max_held: contacts, at least 1; None for three times their limit.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = None
    if max_held is not None:
        checked = check_number(max_held, field="ceiling", minimum=1, maximum=CEILING_LARGEST)
    source_ids = hold_operators(s, [operator_id])
    if checked == operators.one(s, operator_id=operator_id).max_held:
        return Assigned(0)
    operators.set_columns(s, operator_id, max_held=checked)
    change_reach(s, operator_id)  # whoever chose them by what they had before chooses again
    operators.record_change(s, operator_id, "ceiling", actor, now, data={"max_held": checked})
    return queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
