"""Ceilings: how many contacts may be an operator's at all, those included that sleep or wait for their clients."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import Assigned
from crm_core.team.bounds import set_bound

CEILING_LARGEST = 10_000


def set_ceiling(
    s: Session, *, operator_id: int, max_held: int | None, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets the most contacts that may be an operator's. A lowered ceiling takes nothing away.

    Args:
        max_held: contacts, at least 1; None for three times their limit.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    return set_bound(
        s,
        operator_id=operator_id,
        column="max_held",
        value=max_held,
        largest=CEILING_LARGEST,
        reason="ceiling",
        actor=actor,
        now=now,
        rng=rng,
    )
