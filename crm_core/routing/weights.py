"""Storing weights, and which weight somebody has at a source where nobody has chosen one yet."""

from datetime import datetime
from enum import Enum

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor
from crm_core.routing import ledger
from crm_core.storage.execute import execute_count
from crm_core.storage.tables import Operator, Weight

FIRST_WEIGHT = 10
"""The weight of a source's first operator: later ones may get less or more without fractions."""

_weight = Weight.__table__


class Kept(Enum):
    """The limit at a source stays as it is, which is something else than none."""

    KEPT = "kept"


KEPT = Kept.KEPT


def store(
    s: Session,
    *,
    source_id: int,
    operator_id: int,
    weight: int,
    actor: Actor,
    now: datetime,
    limit: int | Kept | None = KEPT,
) -> bool:
    """Stores a weight, none for 0, and records it. Returns whether the operator had one there before.

    Credits stay as they are: what was owed under other weights is still owed.

    Args:
        limit: the most open contacts from there, None for no limit but the operator's own; it goes with the weight.
    """
    limits = {} if limit is KEPT else {"limit": limit}
    mine = (_weight.c.source_id == source_id, _weight.c.operator_id == operator_id)
    if weight == 0:
        had = execute_count(s, delete(_weight).where(*mine)) == 1
    else:
        had = execute_count(s, update(_weight).where(*mine).values(weight=weight, **limits)) == 1
        if not had:
            row = {"source_id": source_id, "operator_id": operator_id, "weight": weight, **limits}
            s.execute(insert(_weight), row)
            ledger.join(s, source_id=source_id, operator_id=operator_id)
    events.record_one(
        s,
        events.WEIGHT_CHANGED,
        actor=actor.label,
        now=now,
        source_id=source_id,
        operator_id=operator_id,
        data={"weight": weight, **(limits if weight else {})},
    )
    return had


def of_source(s: Session, source_id: int) -> dict[int, int]:
    """The weights at a source by operator, of those who were not removed."""
    found = (
        select(_weight.c.operator_id, _weight.c.weight)
        .join(Operator, Operator.id == _weight.c.operator_id)
        .where(_weight.c.source_id == source_id, Operator.removed_at.is_(None))
        .order_by(_weight.c.operator_id)
    )
    return {row.operator_id: row.weight for row in s.execute(found)}


def usual(s: Session, source_id: int) -> int:
    """The weight with which somebody gets as much of a source as the others there do on average."""
    there = of_source(s, source_id).values()
    return max(1, round(sum(there) / len(there))) if there else FIRST_WEIGHT


def inherit(s: Session, *, source_id: int, heir_id: int, actor: Actor, now: datetime) -> None:
    """Gives a new source the weights of another one, whose lock the caller holds."""
    for operator_id, weight in of_source(s, source_id).items():
        store(s, source_id=heir_id, operator_id=operator_id, weight=weight, actor=actor, now=now)
