"""What somebody has just set, as a replay makes it: read from the events of it, whichever setting it was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, bindparam, func, select, type_coerce
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor
from crm_core.replay.changes import Changes
from crm_core.replay.playable import PLAYABLE
from crm_core.replay.settings import set_by
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event

T = TypeVar("T")

NEWEST = 500
"""Events among which a change is looked for: in its transaction, only what it has given out follows it."""
_PLAYED = {one.name for one in PLAYABLE}

_event = Event.__table__
_LAST = select(func.coalesce(func.max(_event.c.id), 0)).scalar_subquery()
_JUST_SET = (
    select(
        type_coerce(_event.c.at, BigInteger).label("at"),
        _event.c.kind,
        _event.c.source_id,
        _event.c.operator_id,
        _event.c.reason,
        _event.c.data,
    )
    .where(
        _event.c.id > _LAST - NEWEST,
        _event.c.id > bindparam("after"),
        _event.c.kind.in_((events.OPERATOR_CHANGED, events.SOURCE_CHANGED, events.WEIGHT_CHANGED)),
        _event.c.actor == bindparam("actor"),
        _event.c.source_id.is_not_distinct_from(bindparam("source_id")),
        _event.c.operator_id.is_not_distinct_from(bindparam("operator_id")),
        _event.c.at >= bindparam("since", type_=_event.c.at.type),
    )
    .order_by(_event.c.id)
)


def newest(s: Session) -> int:
    """The id of the newest event."""
    found: int = execute(s, select(_LAST)).scalar_one()
    return found


def changed_since(
    s: Session,
    *,
    since: datetime,
    actor: Actor,
    source_id: int | None = None,
    operator_id: int | None = None,
    after: int = 0,
) -> Changes:
    """What an actor has set of an operator, of a source, or of an operator at a source, in the transaction of that.

    Args:
        since: not before this; of settings that a replay does not know, and of one that was so before, there is
            nothing.
        after: the id of an event before it.
    """
    of = {"after": after, "source_id": source_id, "operator_id": operator_id, "actor": actor.label}
    floor = since - timedelta(microseconds=since.microsecond % 1000)  # moments are stored in milliseconds
    rows = execute(s, _JUST_SET, {**of, "since": floor})
    return Changes({key: value for row in rows for key, value in set_by(row) if key.name in _PLAYED})


def beside(then_read: Callable[[Session], T], **of: Any) -> Callable[[Session], tuple[T, Changes]]:
    """A query with `changed_since` beside it, to be made in the transaction of a change."""
    return lambda s: (then_read(s), changed_since(s, **of))
