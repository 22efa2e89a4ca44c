"""What operators were given in the last hour: a row for each contact, which goes an hour later.

Only of operators with a rate. Their row has the number of these rows (`given_lately`), so that a choice reads it like
any other fact, and the UPDATE that takes a place compares and counts in one step: two transactions at once never exceed
a rate. `crm_core.team.rates` removes rows when their hour is over, and gives out what waited for that.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Event, Given, Operator

HOUR = timedelta(hours=1)
CLOCKS_DIFFER = timedelta(minutes=1)
"""A row that lies further ahead than this is from before the clock was set back."""
OFFERS_IN_VAIN = frozenset({ReturnReason.DECLINED, ReturnReason.MISSED, ReturnReason.OFFER_WITHDRAWN})
BLOCK = 5_000  # event ids that are read at once, in a millisecond or two

_given, _operator, _event = Given.__table__, Operator.__table__, Event.__table__

_COUNT = Prepared(insert(_given))
_BEGAN = bindparam("began", type_=_given.c.at.type)
_AHEAD = bindparam("ahead", type_=_given.c.at.type)
_DUE = select(_given.c.operator_id).where(or_(_given.c.at <= _BEGAN, _given.c.at > _AHEAD)).distinct()


def count(s: Session, *, contact_id: int, operator_id: int, now: datetime) -> None:
    """Notes a contact whose place was counted in the operator's row when it was taken."""
    execute(s, _COUNT, [{"operator_id": operator_id, "contact_id": contact_id, "at": now}])


def due(s: Session, *, now: datetime) -> list[int]:
    """The operators who were given a contact an hour ago or longer, which counts no more; and after a clock was set."""
    found = execute(s, _DUE, {"began": now - HOUR, "ahead": now + CLOCKS_DIFFER})
    return sorted(found.scalars())


def expire(s: Session, *, operator_ids: Collection[int], now: datetime) -> None:
    """Removes the rows of these operators whose hour is over. The caller has locked their rows.

    What lies ahead counts as given now: nothing waits for longer than an hour because a clock was set back.
    """
    theirs = _given.c.operator_id.in_(operator_ids)
    execute(s, delete(_given).where(theirs, _given.c.at <= now - HOUR))
    execute(s, update(_given).where(theirs, _given.c.at > now + CLOCKS_DIFFER).values(at=now))
    _recount(s, operator_ids)


def start(s: Session, *, operator_id: int, now: datetime) -> None:
    """Begins to count for an operator who had no rate: what they were given in the last hour counts already."""
    in_vain, rows = Counter[int](), []
    for row in _events_since(s, now - HOUR):  # the newest first: an offer in vain takes back the one before it
        if row.operator_id != operator_id:
            continue
        if row.kind == events.CONTACT_QUEUED:
            in_vain[row.contact_id] += row.reason in OFFERS_IN_VAIN
        elif in_vain[row.contact_id]:
            in_vain[row.contact_id] -= 1
        else:
            rows.append({"operator_id": operator_id, "contact_id": row.contact_id, "at": row.at})
    if rows:
        execute(s, insert(_given), rows)
    _recount(s, [operator_id])


def stop(s: Session, *, operator_id: int) -> None:
    """Counts no more for an operator without a rate."""
    execute(s, delete(_given).where(_given.c.operator_id == operator_id))
    _recount(s, [operator_id])


def take_back(s: Session, *, contact_id: int, operator_id: int) -> None:
    """An offer that came to nothing was not given: the newest row of its contact goes. The operator is locked."""
    theirs = (_given.c.contact_id == contact_id, _given.c.operator_id == operator_id)
    newest = select(func.max(_given.c.id)).where(*theirs).scalar_subquery()
    if execute_count(s, delete(_given).where(_given.c.id == newest)):
        _recount(s, [operator_id])


def is_counted(s: Session, *, contact_id: int, operator_id: int) -> bool:
    """Whether a contact counts in what its operator was given in the last hour."""
    theirs = (_given.c.contact_id == contact_id, _given.c.operator_id == operator_id)
    return execute(s, select(_given.c.id).where(*theirs).limit(1)).first() is not None


def give_again(s: Session, *, contact_id: int, operator_id: int, now: datetime) -> None:
    """The same contact is offered to the same operator anew, who did not lose its place."""
    count(s, contact_id=contact_id, operator_id=operator_id, now=now)
    _recount(s, [operator_id])


def _recount(s: Session, operator_ids: Collection[int]) -> None:
    number = select(func.count()).where(_given.c.operator_id == _operator.c.id).scalar_subquery()
    execute(s, update(_operator).where(_operator.c.id.in_(operator_ids)).values(given_lately=number))


def _events_since(s: Session, since: datetime) -> Iterator[Row[Any]]:
    """Every assignment and return since a moment, backwards from the newest event: no index has their moments."""
    newest: int | None = execute(s, select(func.max(_event.c.id))).scalar_one()
    while newest:
        block = (_event.c.id <= newest, _event.c.id > newest - BLOCK)
        columns = (_event.c.at, _event.c.kind, _event.c.reason, _event.c.operator_id, _event.c.contact_id)
        kinds = (events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)
        found = select(*columns).where(*block, _event.c.kind.in_(kinds), _event.c.at > since)
        yield from execute(s, found.order_by(_event.c.id.desc()))
        oldest = execute(s, select(func.min(_event.c.at)).where(*block)).scalar_one()
        newest = None if oldest is None or oldest <= since else newest - BLOCK
