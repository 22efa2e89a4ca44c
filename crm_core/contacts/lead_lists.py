"""Lists of leads for the API, a page at a time, and the contacts of one lead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crm_core.contacts import lead_words
from crm_core.contacts.emails import email_key
from crm_core.contacts.phones import phone_key
from crm_core.errors import LeadNotFound
from crm_core.storage.paging import Page, RowCount
from crm_core.storage.region import DEFAULT_REGION
from crm_core.storage.tables import Contact, Lead

_lead, _contact = Lead.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Which leads to find; a field that is None sets no condition.

    Attributes:
        email: the whole address, in any spelling of it.
        phone: the whole number, in any notation.
        region: where `phone` belongs if it has no country code.
        name: beginnings of words of it, in any order (`lead_words.words`). A blank one sets no condition either; one
            without letters and digits finds nobody.
    """

    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    region: str = DEFAULT_REGION

    @property
    def beginnings(self) -> tuple[str, ...] | None:
        """What words of the name must begin with; None if any name will do."""
        return None if self.name is None or not self.name.strip() else lead_words.beginnings(self.name)

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on everything but the name, in SQL; all of them must hold."""
        found = []
        if self.external_id is not None:
            found.append(_lead.c.external_id == self.external_id)
        if self.email is not None:
            # A lead of an earlier version whose address another one has, too, is found as it is written.
            as_it_was = self.email.strip().casefold()
            found.append(_lead.c.email_key.in_(dict.fromkeys((email_key(self.email), as_it_was))))
        if self.phone is not None:
            found.append(_lead.c.phone_key == (phone_key(self.phone, region=self.region) or ""))
        return found


_COUNT = select(func.count()).select_from(_contact).where(_contact.c.lead_id == _lead.c.id).scalar_subquery()
_LEADS = select(
    _lead.c.id,
    _lead.c.external_id,
    _lead.c.email,
    _lead.c.phone,
    _lead.c.full_name,
    _lead.c.created_at,
    _lead.c.head_start.label("priority_minutes"),
    _COUNT.label("contacts_count"),
)


def leads(s: Session, *, skip: int, limit: int, wanted: LeadFilter, total: RowCount, now: datetime) -> Page:
    """Leads, oldest first, with the number of contacts of each, in a constant number of statements.

    Args:
        skip, limit: how many rows to leave out, and the most to return.
        total: the number of all leads, for a list without conditions.
    """
    beginnings, conditions = wanted.beginnings, wanted.conditions()
    if beginnings == ():
        return Page([], 0)
    if beginnings is not None and not conditions:
        return _named(s, beginnings, skip, limit)
    conditions += [lead_words.has(_lead.c.id, one) for one in beginnings or ()]
    rows = s.execute(_LEADS.where(*conditions).order_by(_lead.c.id).offset(skip).limit(limit)).all()
    if not conditions:
        return Page(rows, total.count(s, now=now))
    if len(rows) < limit and (rows or skip == 0):  # this page is the last one
        return Page(rows, skip + len(rows))
    return Page(rows, s.execute(select(func.count()).select_from(_lead).where(*conditions)).scalar_one())


def _named(s: Session, beginnings: tuple[str, ...], skip: int, limit: int) -> Page:
    """Leads by name alone, of which any number may begin in the same way."""
    counts = s.execute(lead_words.counting(beginnings)).one()
    by_rarity = sorted(zip(counts, beginnings, strict=True))
    rarest, _ = by_rarity[0]
    if not rarest:
        return Page([], 0)
    found = lead_words.matching([one for _, one in by_rarity]).subquery()
    page = (
        select(found.c.lead_id, func.count().over().label("total")).order_by(found.c.lead_id).offset(skip).limit(limit)
    )
    chosen = s.execute(page).all()
    if chosen:
        total = chosen[0].total
    else:
        total = s.execute(select(func.count()).select_from(found)).scalar_one() if skip else 0
    rows = s.execute(_LEADS.where(_lead.c.id.in_([one.lead_id for one in chosen])).order_by(_lead.c.id)).all()
    return Page(rows, total, is_complete=rarest <= lead_words.LOOKED_AT)


def lead(s: Session, *, lead_id: int) -> Any:
    """One lead, with the number of their contacts. Raises LeadNotFound."""
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
    of_lead = _contact.c.lead_id == lead_id
    rows = s.execute(select(*columns).where(of_lead).order_by(_contact.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_contact).where(of_lead)).scalar_one())
