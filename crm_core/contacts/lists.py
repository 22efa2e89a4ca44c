"""Contacts as the API lists them: by filter, newest first. What was said and done in one is in `contact_details`.

However many contacts there are, and however few of them a filter wants, no list walks past all of them. Open contacts
and those of one lead are few: they are gathered by their index and then sorted. Those of an operator, of a source or of
a span of time are read in the order of an index until the page is full. A list is three statements, however long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, func, literal, literal_column, select, text, type_coerce
from sqlalchemy.orm import Session

from crm_core.errors import ContactNotFound
from crm_core.routing.queue import OPEN
from crm_core.routing.source_facts import WAITS
from crm_core.storage import prepared
from crm_core.storage.execute import execute
from crm_core.storage.paging import Page
from crm_core.storage.tables import Contact, Lead, Operator, Source

_contact = Contact.__table__

COUNTED_AT_MOST = 100_000
"""A filter's total is exact up to here and stops there, where pages do too: counting a million takes a second."""

FEW = 10_000
"""Up to so many open contacts are gathered and sorted; of more, a page's worth stands among the newest of all."""


class Status(StrEnum):
    """What a list can be of: a status, or something that an open contact can be besides."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"
    ACTIVE = "active"  # open and with an operator
    UNASSIGNED = "unassigned"  # open and without one: the queue
    OFFERED = "offered"  # to an operator whose it is not yet
    SNOOZED = "snoozed"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts are wanted; what is None is not looked at.

    Attributes:
        since, until: opened at the one moment or after it, and before the other.
    """

    status: Status | None = None
    source_id: int | None = None
    operator_id: int | None = None
    lead_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows are found: by an index, or in its order.

    Attributes:
        columns: those that the index knows.
        says: the index's own condition, word for word: only for it SQLite uses a partial index.
        is_sorted: whether the index is in the order of the list.
    """

    columns: frozenset[str]
    says: tuple[Any, ...] = ()
    is_sorted: bool = False


_BY_LEAD = _Way(frozenset({"lead_id"}))
_BY_QUEUE = _Way(frozenset({"source_id"}), WAITS)
_BY_OFFERED = _Way(frozenset({"offered_at"}), (text("contacts.offered_at IS NOT NULL"),))
_BY_WAKING = _Way(frozenset({"wakes_at"}), (text("contacts.wakes_at IS NOT NULL"),))
_BY_OPEN = _Way(frozenset({"operator_id"}), (OPEN,))
_BY_OPERATOR = _Way(frozenset({"operator_id", "created_at"}), (text("contacts.operator_id > 0"),), is_sorted=True)
_BY_SOURCE = _Way(frozenset({"source_id", "created_at"}), (text("contacts.id > 0"),), is_sorted=True)
_BY_TIME = _Way(frozenset({"created_at"}), is_sorted=True)


_OF_OPEN = {Status.UNASSIGNED: _BY_QUEUE, Status.OFFERED: _BY_OFFERED, Status.SNOOZED: _BY_WAKING}


def _way(wanted: Filter, *, are_few: bool) -> _Way:
    if wanted.lead_id is not None:
        return _BY_LEAD
    if are_few and wanted.status not in (None, Status.CLOSED):
        return _OF_OPEN.get(wanted.status, _BY_OPEN)
    if wanted.operator_id is not None:
        return _BY_OPERATOR
    return _BY_TIME if wanted.source_id is None else _BY_SOURCE


def _column(name: str, way: _Way) -> ColumnElement[Any]:
    """A column; where the index does not know it, as a value that no other index knows either.

    SQLite has no statistics here: left to itself it picks among the indexes by guessing.
    """
    column = _contact.c[name]
    if name in way.columns:
        return column
    return type_coerce(type_coerce(column, BigInteger) + literal_column("0"), column.type)


def _conditions(wanted: Filter, way: _Way) -> list[Any]:
    found = list(way.says)
    for name in ("lead_id", "operator_id", "source_id"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(_column(name, way) == value)
    if wanted.since is not None:
        found.append(_column("created_at", way) >= wanted.since)
    if wanted.until is not None:
        found.append(_column("created_at", way) < wanted.until)
    operator = _column("operator_id", way)
    match wanted.status:
        case None:
            pass
        case Status.ACTIVE:
            found += [_contact.c.status != "closed", operator > 0]
        case Status.UNASSIGNED:
            found += [_contact.c.status == "new", operator.is_(None), _column("wakes_at", way).is_(None)]
        case Status.OFFERED:
            found += [_contact.c.status == "new", _column("offered_at", way).is_not(None)]
        case Status.SNOOZED:
            found += [_contact.c.status != "closed", _column("wakes_at", way).is_not(None)]
        case Status.IN_PROGRESS:
            found += [_contact.c.status == wanted.status, operator > 0]  # it always has one
        case _:
            found.append(_contact.c.status == wanted.status)
    return found


def counting(wanted: Filter) -> Select[int]:
    """The statement that counts what a filter wants, up to `COUNTED_AT_MOST`."""
    way = _way(wanted, are_few=True)
    some = select(literal(1).label("one")).select_from(_contact).where(*_conditions(wanted, way))
    return select(func.count()).select_from(some.limit(COUNTED_AT_MOST).subquery())


def finding(wanted: Filter, *, skip: int, limit: int, newest_first: bool, total: int) -> Select[int]:
    """The statement that finds the ids of a page.

    Args:
        total: how many the filter wants, as counted.
    """
    way = _way(wanted, are_few=total <= FEW)
    order = [_contact.c.created_at if way.is_sorted else _column("created_at", way), _contact.c.id]
    return (
        select(_contact.c.id)
        .where(*_conditions(wanted, way))
        .order_by(*[column.desc() for column in order] if newest_first else order)
        .offset(skip)
        .limit(limit)
    )


_SHOWN = (
    select(
        *(column for column in _contact.c if column.name not in ("bot_id", "chat_id")),
        _contact.c.chat_id.is_not(None).label("in_telegram"),
        Source.name.label("source_name"),
        Operator.name.label("operator_name"),
        Lead.external_id.label("lead_external_id"),
        Lead.email,
        Lead.phone,
        Lead.full_name,
    )
    .select_from(_contact)
    .join(Source, Source.id == _contact.c.source_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
)
_ROWS = prepared.PreparedForIds(lambda ids: _SHOWN.where(_contact.c.id.in_(ids)))


def _counted(s: Session, wanted: Filter) -> int:
    total: int = execute(s, counting(wanted)).scalar_one()
    return total


def listing(
    s: Session,
    *,
    wanted: Filter,
    skip: int,
    limit: int,
    newest_first: bool = True,
    everything: Callable[[Session], int] | None = None,
) -> Page:
    """A page of the contacts that a filter wants, by the moment when they were opened, and their total.

    Args:
        everything: counts all contacts, where somebody can do that in no time (`RowCount`).
    """
    count = everything if everything is not None and wanted == Filter() else lambda s: _counted(s, wanted)
    total = count(s)
    page = finding(wanted, skip=skip, limit=limit, newest_first=newest_first, total=total)
    ids: Sequence[int] = execute(s, page).scalars().all()
    return Page(_rows(s, ids), total)


def _rows(s: Session, ids: Sequence[int]) -> list[Any]:
    found = {row.id: row for row in execute(s, _ROWS, {"ids": ids})} if ids else {}
    return [found[contact_id] for contact_id in ids]


def one(s: Session, *, contact_id: int) -> Any:
    """One contact, as lists show it. Raises ContactNotFound."""
    rows = execute(s, _ROWS, {"ids": [contact_id]}).all()
    if not rows:
        raise ContactNotFound(contact=contact_id)
    return rows[0]
