"""What lists show, a page at a time, each in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.orm import Session

from crm_core.errors import LeadNotFound
from crm_core.names import normalise, phone_key
from crm_core.storage.tables import Contact, Lead, Operator, Source

_operator, _source, _lead, _contact = Operator.__table__, Source.__table__, Lead.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, and how many there are in all."""

    rows: Sequence[Any]
    total: int


def operators(s: Session, *, skip: int, limit: int) -> Page:
    """Operators that are not removed, in the order of making."""
    columns = (
        _operator.c.id,
        _operator.c.name,
        _operator.c.is_active,
        _operator.c.max_leads,
        _operator.c.current_leads,
    )
    there = _operator.c.removed_at.is_(None)
    rows = s.execute(select(*columns).where(there).order_by(_operator.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_operator).where(there)).scalar_one())


def sources(s: Session, *, skip: int, limit: int) -> Page:
    """Sources in the order of making, those that are switched off too."""
    columns = (_source.c.id, _source.c.name, _source.c.description)
    rows = s.execute(select(*columns).order_by(_source.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_source)).scalar_one())


SETTLED_AFTER = timedelta(minutes=10)
"""No transaction lasts that long (`storage.postgres`): what was made before is all there, and its number is final."""


class RowCount:
    """How many rows a table has that only grows: counted once, from then on only those that came since."""

    def __init__(self, table: Table) -> None:
        """
        Args:
            table: of leads or of contacts.
        """
        self._table = table
        self._known = (0, 0)  # an id, and how many rows there are up to it

    def count(self, s: Session, *, now: datetime) -> int:
        """All rows that there are now."""
        row = self._table.c
        known_to, known = self._known  # as one: another count may be under way
        came = row.id > known_to
        settled = select(row.id).where(came, row.created_at < now - SETTLED_AFTER).order_by(row.id.desc()).limit(1)
        up_to = s.execute(settled).scalar_one_or_none()
        if up_to is not None:
            older = select(func.count()).select_from(self._table).where(came, row.id <= up_to)
            self._known = known_to, known = up_to, known + s.execute(older).scalar_one()
        newer = select(func.count()).select_from(self._table).where(row.id > known_to)
        return known + int(s.execute(newer).scalar_one())


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Whom to look for; what is None is not looked at.

    Attributes:
        email: in any case; the whole address.
        phone: however it is written; the last ten digits count.
        name: any part of it, in any case, ё and е alike.
    """

    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as SQL."""
        found = []
        if self.external_id is not None:
            found.append(_lead.c.external_id == self.external_id)
        if self.email is not None:
            found.append(_lead.c.email == self.email.strip().casefold())
        if self.phone is not None:
            found.append(_lead.c.phone_key == (phone_key(self.phone) or ""))
        if self.name is not None:
            found.append(_lead.c.name_folded.contains(normalise(self.name) or "", autoescape=True))
        return found


_COUNT = select(func.count()).select_from(_contact).where(_contact.c.lead_id == _lead.c.id).scalar_subquery()
_LEADS = select(
    _lead.c.id,
    _lead.c.external_id,
    _lead.c.email,
    _lead.c.phone,
    _lead.c.full_name,
    _lead.c.created_at,
    _COUNT.label("contacts_count"),
)


def leads(s: Session, *, skip: int, limit: int, wanted: LeadFilter, total: RowCount, now: datetime) -> Page:
    """Leads in the order of their first words, with the number of their contacts."""
    conditions = wanted.conditions()
    rows = s.execute(_LEADS.where(*conditions).order_by(_lead.c.id).offset(skip).limit(limit)).all()
    if not conditions:
        return Page(rows, total.count(s, now=now))
    if len(rows) < limit and (rows or skip == 0):  # this page is the last one
        return Page(rows, skip + len(rows))
    return Page(rows, s.execute(select(func.count()).select_from(_lead).where(*conditions)).scalar_one())


def lead(s: Session, *, lead_id: int) -> Any:
    """One lead, with the number of his contacts. Raises LeadNotFound."""
    row = s.execute(_LEADS.where(_lead.c.id == lead_id)).one_or_none()
    if row is None:
        raise LeadNotFound(lead=lead_id)
    return row


def lead_contacts(s: Session, *, lead_id: int, skip: int, limit: int) -> Page:
    """The contacts of a lead, oldest first. Raises LeadNotFound."""
    if s.execute(select(_lead.c.id).where(_lead.c.id == lead_id)).first() is None:
        raise LeadNotFound(lead=lead_id)
    columns = (
        _contact.c.id,
        _contact.c.lead_id,
        _contact.c.source_id,
        _contact.c.operator_id,
        _contact.c.message,
        _contact.c.status,
        _contact.c.created_at,
    )
    his = _contact.c.lead_id == lead_id
    rows = s.execute(select(*columns).where(his).order_by(_contact.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_contact).where(his)).scalar_one())
