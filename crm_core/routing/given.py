"""What operators were given in the last hour: a row for each contact, which goes an hour later.

Only of operators with a rate. Their row has the number of these rows (`given_lately`), so that a choice reads it like
any other fact, and the UPDATE that takes a place compares and counts in one step: two transactions at once never exceed
a rate. Of others only what had waited before they came, for a minute (`crm_core.routing.ramps`).

`crm_core.team.rates` removes rows when their time is over, and gives out what waited for that.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, delete, exists, func, insert, not_, or_, select, union, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.routing.ramps import MINUTE
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
_NO_RATE = exists().where(_operator.c.id == _given.c.operator_id, _operator.c.rate.is_(None))

_COUNT = Prepared(insert(_given))
_BEGAN = bindparam("began", type_=_given.c.at.type)
_AHEAD = bindparam("ahead", type_=_given.c.at.type)
_A_MINUTE_AGO = bindparam("minute", type_=_given.c.at.type)
_DUE = Prepared(
    union(
        select(_given.c.operator_id).where(or_(_given.c.at <= _BEGAN, _given.c.at > _AHEAD)),
        select(_given.c.operator_id).where(_given.c.had_waited, _given.c.at <= _A_MINUTE_AGO),
    )
)


def count(s: Session, *, contact_id: int, operator_id: int, now: datetime, had_waited: bool = False) -> None:
    """Notes a contact whose place was counted in the operator's row when it was taken.

    Args:
        had_waited: whether it had waited before they came, or before its source opened.
    """
    execute(s, _COUNT, [{"operator_id": operator_id, "contact_id": contact_id, "at": now, "had_waited": had_waited}])


def due(s: Session, *, now: datetime) -> list[int]:
    """The operators who were given a contact so long ago that it counts no more; and after a clock was set."""
    found = execute(s, _DUE, {"began": now - HOUR, "minute": now - MINUTE, "ahead": now + CLOCKS_DIFFER})
    return sorted(found.scalars())


def expire(s: Session, *, operator_ids: Collection[int], now: datetime) -> None:
    """Removes the rows of these operators whose time is over. The caller has locked the operators' rows.

    What lies ahead counts as given now: nothing waits for longer than an hour because a clock was set back.
    """
    theirs = _given.c.operator_id.in_(operator_ids)
    is_over = (theirs, _given.c.had_waited, _given.c.at <= now - MINUTE)
    execute(s, update(_given).where(*is_over).values(had_waited=False))
    execute(s, delete(_given).where(theirs, or_(_given.c.at <= now - HOUR, and_(not_(_given.c.had_waited), _NO_RATE))))
    execute(s, update(_given).where(theirs, _given.c.at > now + CLOCKS_DIFFER).values(at=now))
    _recount(s, operator_ids)


def start(s: Session, *, operator_id: int, now: datetime) -> None:
    """Begins to count for an operator who had no rate: what they were given in the last hour counts already."""
    known = {
        row.contact_id for row in execute(s, select(_given.c.contact_id).where(_given.c.operator_id == operator_id))
    }
    in_vain, rows = Counter[int](), []
    for row in _events_since(s, now - HOUR):  # the newest first: an offer in vain takes back the one before it
        if row.operator_id != operator_id:
            continue
        if row.kind == events.CONTACT_QUEUED:
            in_vain[row.contact_id] += row.reason in OFFERS_IN_VAIN
        elif in_vain[row.contact_id]:
            in_vain[row.contact_id] -= 1
        elif row.contact_id in known:
            known.remove(row.contact_id)  # it has its row, since it had waited
        else:
            rows.append({"operator_id": operator_id, "contact_id": row.contact_id, "at": row.at})
    if rows:
        execute(s, insert(_given), rows)
    _recount(s, [operator_id])


def stop(s: Session, *, operator_id: int) -> None:
    """Counts no more by the hour for an operator without a rate."""
    execute(s, delete(_given).where(_given.c.operator_id == operator_id, not_(_given.c.had_waited)))
    _recount(s, [operator_id])


def forget(s: Session, *, operator_id: int) -> None:
    """Counts nothing of an operator who leaves for good."""
    execute(s, delete(_given).where(_given.c.operator_id == operator_id))
    _recount(s, [operator_id])


def take_back(s: Session, *, contact_id: int, operator_id: int) -> None:
    """An offer that came to nothing was not given: the newest row of its contact goes. The operator is locked."""
    theirs = (_given.c.contact_id == contact_id, _given.c.operator_id == operator_id)
    last = select(func.max(_given.c.id)).where(*theirs).scalar_subquery()
    if execute_count(s, delete(_given).where(_given.c.id == last)):
        _recount(s, [operator_id])


def newest(s: Session, *, contact_id: int, operator_id: int) -> Row[Any] | None:
    """The newest row of a contact: that it counts in what its operator was given, and whether it `had_waited`."""
    theirs = (_given.c.contact_id == contact_id, _given.c.operator_id == operator_id)
    return execute(s, select(_given.c.had_waited).where(*theirs).order_by(_given.c.id.desc()).limit(1)).one_or_none()


def give_again(s: Session, *, contact_id: int, operator_id: int, now: datetime, had_waited: bool) -> None:
    """The same contact is offered to the same operator anew, who did not lose its place."""
    count(s, contact_id=contact_id, operator_id=operator_id, now=now, had_waited=had_waited)
    _recount(s, [operator_id])


def _recount(s: Session, operator_ids: Collection[int]) -> None:
    number = select(func.count()).where(_given.c.operator_id == _operator.c.id).scalar_subquery()
    counted = case((_operator.c.rate.is_not(None), number), else_=0)
    execute(s, update(_operator).where(_operator.c.id.in_(operator_ids)).values(given_lately=counted))


def _events_since(s: Session, since: datetime) -> Iterator[Row[Any]]:
    """Every assignment and return since a moment, backwards from the newest event: no index has their moments."""
    last: int | None = execute(s, select(func.max(_event.c.id))).scalar_one()
    while last:
        block = (_event.c.id <= last, _event.c.id > last - BLOCK)
        columns = (_event.c.at, _event.c.kind, _event.c.reason, _event.c.operator_id, _event.c.contact_id)
        kinds = (events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)
        found = select(*columns).where(*block, _event.c.kind.in_(kinds), _event.c.at > since)
        yield from execute(s, found.order_by(_event.c.id.desc()))
        oldest = execute(s, select(func.min(_event.c.at)).where(*block)).scalar_one()
        last = None if oldest is None or oldest <= since else last - BLOCK
