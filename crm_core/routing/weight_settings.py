"""Setting what operators get of a source: their weights, and their limits there."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.errors import NoWeight, OperatorNotFound
from crm_core.messaging import alerts
from crm_core.names import check_number
from crm_core.routing import duty, giving_out, reach, sources, weights
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import one_candidate
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import change_reach, lock_team
from crm_core.routing.source_facts import source_facts
from crm_core.routing.weights import KEPT, Kept
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Operator

WEIGHT_LARGEST = 1_000
LIMIT_LARGEST = 1_000


def set_weight(
    s: Session,
    *,
    source_id: int,
    operator_id: int,
    weight: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    limit: int | Kept | None = KEPT,
) -> Assigned:
    """Sets how much of a source an operator should get, 0 for nothing, and assigns waiting contacts.

    Args:
        limit: the most open contacts from there that they hold, at least 1; None for no limit but their own.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(weight, field="weight", minimum=0, maximum=WEIGHT_LARGEST)
    most = limit if limit is None or limit is KEPT else _check_limit(limit)
    sources.one(s, source_id=source_id)
    lock_team(s, [source_id], operator_ids=[operator_id])
    check_there(s, operator_id)
    with duty.watching(s, now=now):
        _change_weight(s, source_id, operator_id, checked, actor=actor, now=now, limit=most)
    if most is not KEPT:
        change_reach(s, operator_id)  # whoever chose them by what they had before chooses again
    reach.reach_known_chats(s, operator_id=operator_id, now=now)
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_limit(
    s: Session, *, source_id: int, operator_id: int, limit: int | None, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets how many open contacts from a source an operator holds at most; what they hold stays with them.

    Args:
        limit: at least 1; None for no limit but their own.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound, BadValue,
    and NoWeight where they get nothing from there.
    """
    access_admin(s, actor)
    source = sources.one(s, source_id=source_id)
    lock_team(s, [source_id], operator_ids=[operator_id])
    check_there(s, operator_id)
    weight = weights.of_source(s, source_id).get(operator_id)
    if weight is None:
        name = s.execute(select(Operator.name).where(Operator.id == operator_id)).scalar_one()
        raise NoWeight(operator=name, source=source.name)
    return set_weight(
        s, source_id=source_id, operator_id=operator_id, weight=weight, limit=limit, actor=actor, now=now, rng=rng
    )


def _check_limit(limit: int) -> int:
    return check_number(limit, field="limit_here", minimum=1, maximum=LIMIT_LARGEST)


def give_usual_weights(
    s: Session, *, operator_id: int, actor: Actor, now: datetime, rng: Rng, source_id: int | None = None
) -> Assigned:
    """Gives an operator a source, or all, with the weight that the others have there on average; known weights stay.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = (
        sorted(known.id for known in sources.listing(s))
        if source_id is None
        else [sources.one(s, source_id=source_id).id]
    )
    lock_team(s, source_ids, operator_ids=[operator_id])
    check_there(s, operator_id)
    for each in source_ids:
        if operator_id not in weights.of_source(s, each):
            _change_weight(s, each, operator_id, weights.usual(s, each), actor=actor, now=now)
    reach.reach_known_chats(s, operator_id=operator_id, now=now)
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def check_there(s: Session, operator_id: int) -> None:
    """Raises OperatorNotFound unless there is such an operator."""
    if execute(s, _THERE, {"operator_id": operator_id}).one_or_none() is None:
        raise OperatorNotFound(name=str(operator_id), close=[])


_THERE = Prepared(select(Operator.id).where(Operator.id == bindparam("operator_id"), Operator.removed_at.is_(None)))


def _change_weight(
    s: Session,
    source_id: int,
    operator_id: int,
    weight: int,
    *,
    actor: Actor,
    now: datetime,
    limit: int | Kept | None = KEPT,
) -> None:
    """Stores a weight; the operator is told of their first one at a source, and of losing it."""
    had = weights.store(
        s, source_id=source_id, operator_id=operator_id, weight=weight, limit=limit, actor=actor, now=now
    )
    if had is not bool(weight):
        _notify_assigned(s, source_id, operator_id, is_assigned=not had, now=now)


def _notify_assigned(s: Session, source_id: int, operator_id: int, *, is_assigned: bool, now: datetime) -> None:
    """Tells an operator that the contacts of a source come to them from now on, or no longer."""
    source = sources.one(s, source_id=source_id)
    facts = source_facts(s, source_id)
    is_reached = one_candidate(s, facts, operator_id=operator_id).candidate.is_reachable
    alerts.notify_operator(
        s,
        operator_id,
        code="source_given" if is_assigned else "source_taken",
        now=now,
        bot_id=facts.card_bot_id,
        source=source.name,
        start=None if is_reached or not is_assigned else source.bot,
    )
