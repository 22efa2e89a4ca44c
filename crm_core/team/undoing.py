"""/undo: puts back the latest change of a setting that an admin made, from the events that say what was before it.

An undo is a change like any other: it assigns what it makes room for, tells whom it concerns, and can be undone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import ChangedSince, NothingToPutBack
from crm_core.hours.stored import readable
from crm_core.routing import sources
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators, lock_team
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event
from crm_core.team import operators, shifts

_event = Event.__table__
_OF_SETTINGS = or_(
    _event.c.kind == events.WEIGHT_CHANGED,
    and_(_event.c.kind == events.OPERATOR_CHANGED, _event.c.reason.in_(("limit", "hours"))),
    and_(_event.c.kind == events.SOURCE_CHANGED, _event.c.reason.in_(("strategy_random", "strategy_exact", "sticky"))),
)


@dataclass(frozen=True, slots=True)
class WeightHere:
    """What an operator gets of a source, and how many open contacts from there at most: None for no limit there."""

    weight: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A change of a setting, and what was before it.

    Attributes:
        what: `weight`, `limit`, `hours`, `strategy` or `sticky`.
        before, after: limits, strategies and days as they are; a weight as `WeightHere`; hours as they are stored, None
            for always.
    """

    event_id: int
    at: datetime
    what: str
    source_id: int | None
    source: str
    operator_id: int | None
    operator: str
    before: Any
    after: Any


def latest(s: Session, *, actor: Actor) -> SettingChange:
    """The latest change of a setting that an admin made.

    Raises NotAllowed, NothingToPutBack, and ChangedSince if somebody has changed it since.
    """
    access_admin(s, actor)
    mine = select(_event).where(_event.c.actor == actor.label, _OF_SETTINGS).order_by(_event.c.id.desc()).limit(1)
    event = execute(s, mine).one_or_none()
    if event is None:
        raise NothingToPutBack()
    return _change(s, event)


def put_back(s: Session, *, event_id: int, actor: Actor, now: datetime, rng: Rng) -> SettingChange:
    """Puts back what an admin changed last.

    Args:
        event_id: of that change, as the button carries it.

    Raises NotAllowed, NothingToPutBack, ChangedSince (also where the admin has changed something else since), and what
    the change of the setting raises: OperatorNotFound, SourceNotFound.
    """
    _lock(s, latest(s, actor=actor))
    found = latest(s, actor=actor)
    if found.event_id != event_id:
        raise ChangedSince(setting=found.what)
    who: dict[str, Any] = {"actor": actor, "now": now}
    actions: dict[str, Callable[[], object]] = {
        "weight": lambda: sources.set_weight(
            s,
            source_id=found.source_id or 0,
            operator_id=found.operator_id or 0,
            weight=found.before.weight,
            limit=found.before.limit,
            rng=rng,
            **who,
        ),
        "limit": lambda: operators.set_limit(
            s, operator_id=found.operator_id or 0, max_leads=found.before, rng=rng, **who
        ),
        "hours": lambda: shifts.set_hours(
            s, operator_id=found.operator_id or 0, hours=readable(found.before), rng=rng, **who
        ),
        "strategy": lambda: sources.set_strategy(s, source_id=found.source_id or 0, strategy=found.before, **who),
        "sticky": lambda: sources.set_sticky(s, source_id=found.source_id or 0, sticky_days=found.before, **who),
    }
    actions[found.what]()
    return found


def _lock(s: Session, found: SettingChange) -> None:
    """Keeps a setting as it is until this transaction ends."""
    if found.source_id is not None:
        lock_team(s, [found.source_id], operator_ids=[] if found.operator_id is None else [found.operator_id])
    elif found.operator_id is not None:
        hold_operators(s, [found.operator_id])


def _change(s: Session, event: Row[Any]) -> SettingChange:
    """What an event changed. Raises ChangedSince."""
    what = _what(event)
    values = [_BEFORE_ANY[what]]
    for one in execute(s, _same_setting(event)):
        values.append(_value(one, before=values[-1]))
    if one.id != event.id:
        raise ChangedSince(setting=what)
    source = None if event.source_id is None else sources.one(s, source_id=event.source_id)
    operator = None if event.operator_id is None else operators.one(s, operator_id=event.operator_id)
    return SettingChange(
        event.id,
        event.at,
        what,
        event.source_id,
        "" if source is None else source.name,
        event.operator_id,
        "" if operator is None else operator.name,
        values[-2],
        values[-1],
    )


def _same_setting(event: Row[Any]) -> Any:
    """All events of the same setting of the same operator and source, in order."""
    reasons = {
        "limit": ("limit", "added"),
        "hours": ("hours",),
        "strategy": ("strategy_random", "strategy_exact"),
        "sticky": ("sticky",),
    }.get(_what(event))
    same = [
        _event.c.kind == event.kind,
        _event.c.source_id.is_not_distinct_from(event.source_id),
        _event.c.operator_id.is_not_distinct_from(event.operator_id),
    ]
    if reasons is not None:
        same.append(_event.c.reason.in_(reasons))
    return select(_event).where(*same).order_by(_event.c.id)


def _what(event: Row[Any]) -> str:
    if event.kind == events.WEIGHT_CHANGED:
        return "weight"
    reason = event.reason or ""
    return "strategy" if reason.startswith("strategy_") else reason


_BEFORE_ANY: dict[str, Any] = {
    "weight": WeightHere(),
    "limit": operators.DEFAULT_LIMIT,
    "hours": None,
    "strategy": "random",
    "sticky": 0,
}
"""What each setting is before its first event."""


def _value(event: Row[Any], *, before: Any) -> Any:
    """What a setting is after an event; an event that says nothing of it leaves it as it was."""
    data = event.data or {}
    match _what(event):
        case "weight":
            weight = data.get("weight", 0)
            return WeightHere(weight, data.get("limit", before.limit) if weight else None)
        case "limit" | "added":
            return data.get("limit", before)
        case "hours":
            return data.get("hours")
        case "strategy":
            return (event.reason or "").removeprefix("strategy_")
        case _:
            return data.get("sticky_days", before)
