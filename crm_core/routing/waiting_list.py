"""Who waits in the queue, as lists show it: each contact, how many there are, and the position of one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from crm_core.errors import ContactNotFound
from crm_core.routing import queue
from crm_core.routing.source_facts import WAITS
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Lead, Operator, Source

_contact = Contact.__table__


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact in the queue, as a list shows it; `operator` and `is_closed` in case it has left the queue.

    Attributes:
        head_start: minutes that it has before others: its own, its lead's and its source's.
        is_vip: whether its lead has any.
    """

    id: int
    source_name: str
    lead_name: str | None
    message: str | None
    since: datetime
    version: int
    operator: str | None = None
    is_closed: bool = False
    head_start: int = 0
    is_vip: bool = False


_LISTED = (
    select(
        _contact.c.id,
        Source.name,
        Lead.full_name,
        _contact.c.message,
        _contact.c.created_at,
        _contact.c.version,
        Operator.name,
        _contact.c.status == "closed",
        _contact.c.head_start + Lead.head_start + Source.priority_minutes,
        Lead.head_start > 0,
    )
    .join(Source, Source.id == _contact.c.source_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
)


def waiting(s: Session, *, limit: int = 20, skip: int = 0) -> list[Waiting]:
    """The queue over all sources, first in line first."""
    rows = s.execute(_LISTED.where(*WAITS).order_by(*queue.LINE).offset(skip).limit(limit))
    return [Waiting(*row) for row in rows]


def one(s: Session, *, contact_id: int) -> Waiting:
    """One contact, in the queue or not, for an admin who is about to assign it by hand. Raises ContactNotFound."""
    row = s.execute(_LISTED.where(_contact.c.id == contact_id)).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return Waiting(*row)


def length(s: Session, *, source_id: int | None = None) -> int:
    """How many contacts wait, over all sources or at one."""
    statement = select(func.count()).select_from(_contact).where(*WAITS)
    if source_id is not None:
        statement = statement.where(_contact.c.source_id == source_id)
    return s.execute(statement).scalar_one()


def lengths(s: Session) -> dict[int, int]:
    """How many contacts wait at each source where any do."""
    found = select(_contact.c.source_id, func.count()).where(*WAITS).group_by(_contact.c.source_id)
    return {row[0]: row[1] for row in s.execute(found)}


_this = _contact.alias("this")
_THIS_ORDER = select(_this.c.order_at).where(_this.c.id == bindparam("contact_id")).scalar_subquery()
_AHEAD = (
    select(func.count())
    .select_from(_contact)
    .where(
        *WAITS,
        _contact.c.source_id == bindparam("source_id"),
        tuple_(*queue.LINE) <= tuple_(_THIS_ORDER, bindparam("contact_id")),
    )
)


def position_of(s: Session, *, contact_id: int, source_id: int) -> int:
    """The position of a waiting contact in the queue of its source, from 1; 0 for one that does not wait."""
    ahead: int = execute(s, _AHEAD, {"source_id": source_id, "contact_id": contact_id}).scalar_one()
    return ahead


def longest_waiting(s: Session, source_id: int) -> int | None:
    """The contact that has waited the longest at a source, whoever is given out before it."""
    of_source = select(_contact.c.id).where(*WAITS, _contact.c.source_id == source_id)
    found: int | None = s.execute(of_source.order_by(_contact.c.created_at, _contact.c.id).limit(1)).scalar()
    return found
