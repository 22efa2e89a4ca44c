"""Setting what bounds an operator's contacts beside their limit: a number, or None for no bound of its own."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.names import check_number
from crm_core.routing import giving_out
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.team import operators


def set_bound(
    s: Session,
    *,
    operator_id: int,
    column: str,
    value: int | None,
    largest: int,
    reason: str,
    actor: Actor,
    now: datetime,
    rng: Rng,
    then: Callable[[int | None], None] | None = None,
) -> Assigned:
    """Sets a bound, and gives out what waits; one that is so already changes nothing.

    Args:
        column: of the operator's row, and the attribute of `OperatorFacts`.
        value: at least 1, at most `largest`; None for no bound.
        reason: of the event, and the field that an error names.
        then: what else a change means, from what was before.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = None if value is None else check_number(value, field=reason, minimum=1, maximum=largest)
    source_ids = hold_operators(s, [operator_id])
    before = getattr(operators.one(s, operator_id=operator_id), column)
    if checked == before:
        return Assigned(0)
    operators.set_columns(s, operator_id, **{column: checked})
    if then is not None:
        then(before)
    change_reach(s, operator_id)  # whoever chose them by what they had before chooses again
    operators.record_change(s, operator_id, reason, actor, now, data={column: checked})
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
