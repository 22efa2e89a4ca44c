"""Head starts: the queue is given out by minutes waited plus head start, which is `order_at`, the earliest first.

A waiting contact stands in the queue as if it had come so many minutes earlier: its own (the API), its lead's (`/vip`)
and its source's, added up. Minutes pass for all alike, so that nobody waits for ever: whoever comes with a head start
later than that overtakes nobody. A contact with an operator has no `order_at`; it is worked out when it is queued.

Whoever changes a head start holds the locks of the sources where contacts may be queued meanwhile, and whoever queues
one reads these numbers under such a lock: so no contact is queued by a number that is changed at the same moment.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, select, type_coerce, update
from sqlalchemy.orm import Session

from crm_core.names import check_number
from crm_core.routing.source_facts import WAITS
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Lead, Source
from crm_core.storage.types import Instant

LONGEST = 10_080
"""The longest head start in minutes: a week."""

_MINUTE = 60_000  # an `Instant` is stored in milliseconds
_contact = Contact.__table__


def _minutes_of(column: Any, row: Any, row_id: Any) -> ColumnElement[int]:
    return select(column).where(row == row_id).correlate(_contact).scalar_subquery()


_AHEAD_OF_ALL = 100 * 366 * 24 * 60 * _MINUTE  # a century: no minutes add up to it
_HEAD_START = (
    _contact.c.head_start
    + _minutes_of(Lead.head_start, Lead.id, _contact.c.lead_id)
    + _minutes_of(Source.priority_minutes, Source.id, _contact.c.source_id)
)


def order_at(goes_first: ColumnElement[bool]) -> ColumnElement[Any]:
    """What `order_at` of a contact is while it waits, in SQL.

    Args:
        goes_first: whether it stands before all that do not, as what woke to somebody above their ceiling does.
    """
    ahead = case((goes_first, _AHEAD_OF_ALL), else_=0)
    return type_coerce(type_coerce(_contact.c.created_at, BigInteger) - _MINUTE * _HEAD_START - ahead, Instant())


ORDER_AT = order_at(_contact.c.goes_first)
"""The same of one that is in the queue, or is only offered."""

_OF_NEW = Prepared(
    select(
        (
            select(Lead.head_start).where(Lead.id == bindparam("lead_id")).scalar_subquery()
            + select(Source.priority_minutes).where(Source.id == bindparam("source_id")).scalar_subquery()
        ).label("minutes")
    )
)


def order_of_new(s: Session, *, lead_id: int, source_id: int, own: int, now: datetime) -> datetime:
    """`order_at` of a contact that is queued now, under the lock of its source.

    Args:
        own: minutes that it was given itself.
    """
    minutes: int = execute(s, _OF_NEW, {"lead_id": lead_id, "source_id": source_id}).scalar_one()
    return now - timedelta(minutes=minutes + own)


_OF_ONE: Select[Any] = select(ORDER_AT.label("order_at")).where(_contact.c.id == bindparam("contact_id"))


def order_of(s: Session, contact_id: int) -> datetime:
    """What `order_at` of a contact is, or would be if it were queued now."""
    found: datetime = execute(s, _OF_ONE, {"contact_id": contact_id}).scalar_one()
    return found


_MOVE = update(_contact).values(order_at=ORDER_AT)


def source_changed(s: Session, source_id: int) -> None:
    """What waits at a source moves to where its head starts say now. The caller has locked the source."""
    execute(s, _MOVE.where(*WAITS, _contact.c.source_id == source_id))


def lead_changed(s: Session, lead_id: int) -> None:
    """The same for what waits of a lead. The caller has locked every source."""
    execute(s, _MOVE.where(*WAITS, _contact.c.lead_id == lead_id))


def check_minutes(minutes: int) -> int:
    """A head start in minutes. Raises BadValue."""
    return check_number(minutes, field="priority_minutes", minimum=0, maximum=LONGEST)
