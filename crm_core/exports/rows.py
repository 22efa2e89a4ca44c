"""The content of an export: its columns, and its rows, a page at a time, by rising id."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select, type_coerce
from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.exports.kinds import What
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Event, Lead, Message, Operator, Source, Staff
from crm_core.storage.types import EPOCH, MILLISECOND

WAITING = "waiting"  # the status, to readers, of a new contact that nobody holds
PAGE = 1000  # rows read at once


class Kind(StrEnum):
    """The kind of cells in a column."""

    NUMBER = "number"
    TEXT = "text"
    MOMENT = "moment"
    WORD = "word"  # one of our codes, or True and False, in the reader's language


@dataclass(frozen=True, slots=True)
class Span:
    """A period: from `since` up to but not including `until`; None for no limit."""

    since: datetime | None = None
    until: datetime | None = None


_LEAD = {
    "client": Kind.TEXT,
    "username": Kind.TEXT,
    "phone": Kind.TEXT,
    "email": Kind.TEXT,
    "external_id": Kind.TEXT,
}
COLUMNS: dict[What, dict[str, Kind]] = {
    What.CONTACTS: {
        "number": Kind.NUMBER,
        "opened": Kind.MOMENT,
        "source": Kind.TEXT,
        "status": Kind.WORD,
        "operator": Kind.TEXT,
        **_LEAD,
        "message": Kind.TEXT,
        "forwarded_from": Kind.TEXT,
        "queued": Kind.MOMENT,
        "assigned": Kind.MOMENT,
        "taken": Kind.MOMENT,
        "replied": Kind.MOMENT,
        "closed": Kind.MOMENT,
    },
    What.LEADS: {
        "number": Kind.NUMBER,
        "first_seen": Kind.MOMENT,
        **_LEAD,
        "language": Kind.TEXT,
        "contacts": Kind.NUMBER,
        "last_contact": Kind.MOMENT,
    },
    What.OPERATORS: {
        "number": Kind.NUMBER,
        "name": Kind.TEXT,
        "active": Kind.WORD,
        "online": Kind.WORD,
        "limit": Kind.NUMBER,
        "load": Kind.NUMBER,
        "contacts_of_period": Kind.NUMBER,
        "telegram_id": Kind.NUMBER,
        "added": Kind.MOMENT,
        "removed": Kind.MOMENT,
    },
    What.EVENTS: {
        "number": Kind.NUMBER,
        "at": Kind.MOMENT,
        "event": Kind.TEXT,
        "actor": Kind.TEXT,
        "who": Kind.TEXT,
        "contact": Kind.NUMBER,
        "lead": Kind.NUMBER,
        "source": Kind.TEXT,
        "operator": Kind.TEXT,
        "reason": Kind.TEXT,
        "details": Kind.TEXT,
    },
}
"""The columns of each export, in order."""

Cells = tuple[Any, ...]
_contact, _lead, _operator, _event = Contact.__table__, Lead.__table__, Operator.__table__, Event.__table__
_message = Message.__table__
_MOMENT = {What.CONTACTS: _contact.c.created_at, What.LEADS: _lead.c.created_at, What.EVENTS: _event.c.at}


@dataclass(frozen=True, slots=True)
class Known:
    """What is small enough to be read once: names by id, and figures of operators in the period."""

    sources: Mapping[int, str] = field(default_factory=dict)
    operators: Mapping[int, str] = field(default_factory=dict)
    staff: Mapping[str, str] = field(default_factory=dict)
    contacts: Mapping[int, int] = field(default_factory=dict)


def prepare(s: Session, *, what: What, span: Span) -> tuple[int, Known]:
    """How many rows there will be (a few more or fewer, if rows are added meanwhile), and what all pages need."""
    if what is What.OPERATORS:
        figures = statistics.overview(s, since=span.since, until=span.until)
        contacts = Counter[int]()
        for source in figures.sources:
            contacts.update({share.operator_id: share.contacts for share in source.shares})
        return execute(s, select(func.count()).select_from(_operator)).scalar_one(), Known(contacts=contacts)
    moment = _MOMENT[what]
    within = [moment >= span.since] if span.since else []
    within += [moment < span.until] if span.until else []
    number = execute(s, select(func.count()).select_from(moment.table).where(*within)).scalar_one()
    return number, Known(
        sources=dict(execute(s, select(Source.id, Source.name)).all()),
        operators=dict(execute(s, select(Operator.id, Operator.name)).all()),
        staff={f"tg:{number}": name for number, name in execute(s, select(Staff.telegram_id, Staff.name))},
    )


def page(s: Session, *, what: What, span: Span, known: Known, after: int, size: int = PAGE) -> list[Cells]:
    """The next rows: those with an id above `after`, at most `size`. The first cell is the id."""
    reads = {What.CONTACTS: _contacts, What.LEADS: _leads, What.OPERATORS: _operators, What.EVENTS: _events}
    return list(reads[what](s, span, known, after, size))


def _within(moment: ColumnElement[datetime], span: Span) -> Iterator[ColumnElement[bool]]:
    """The period, written so that no index on moments is used: each page would then sort the whole period again."""
    passed = type_coerce(moment, BigInteger) + 0
    if span.since is not None:
        yield passed >= (span.since - EPOCH) // MILLISECOND
    if span.until is not None:
        yield passed < (span.until - EPOCH) // MILLISECOND


_OF_LEAD = (_lead.c.full_name, _lead.c.username, _lead.c.phone, _lead.c.email, _lead.c.external_id)


_first = (
    select(func.min(_message.c.id))
    .where(_message.c.contact_id == _contact.c.id, _message.c.author == "client")
    .correlate(_contact)
    .scalar_subquery()
)
_FORWARDED_FROM = select(_message.c.forwarded_from).where(_message.c.id == _first).scalar_subquery()


def _contacts(s: Session, span: Span, known: Known, after: int, size: int) -> Iterator[Cells]:
    rows = execute(
        s,
        select(
            _contact.c.id,
            _contact.c.created_at,
            _contact.c.source_id,
            _contact.c.status,
            _contact.c.operator_id,
            *_OF_LEAD,
            _contact.c.message,
            _FORWARDED_FROM,
            _contact.c.queued_at,
            _contact.c.assigned_at,
            _contact.c.taken_at,
            _contact.c.replied_at,
            _contact.c.closed_at,
        )
        .select_from(_contact.outerjoin(_lead, _lead.c.id == _contact.c.lead_id))
        .where(_contact.c.id > after, *_within(_contact.c.created_at, span))
        .order_by(_contact.c.id)
        .limit(size),
    )
    for number, opened, source_id, status, operator_id, *rest in rows:
        shown = WAITING if status == "new" and operator_id is None else status
        yield number, opened, known.sources.get(source_id), shown, known.operators.get(operator_id), *rest


_OF_THE_LEAD = _contact.c.lead_id == _lead.c.id


def _leads(s: Session, span: Span, known: Known, after: int, size: int) -> Iterator[Cells]:
    rows = execute(
        s,
        select(
            _lead.c.id,
            _lead.c.created_at,
            *_OF_LEAD,
            _lead.c.language,
            select(func.count()).select_from(_contact).where(_OF_THE_LEAD).scalar_subquery(),
            select(func.max(_contact.c.created_at)).where(_OF_THE_LEAD).scalar_subquery(),
        )
        .where(_lead.c.id > after, *_within(_lead.c.created_at, span))
        .order_by(_lead.c.id)
        .limit(size),
    )
    yield from (tuple(row) for row in rows)


def _operators(s: Session, span: Span, known: Known, after: int, size: int) -> Iterator[Cells]:
    """All operators, removed ones too; only the count of contacts is of the period."""
    rows = execute(
        s,
        select(_operator, Staff.telegram_id)
        .outerjoin(Staff, Staff.operator_id == _operator.c.id)
        .where(_operator.c.id > after)
        .order_by(_operator.c.id)
        .limit(size),
    )
    for one in rows:
        yield (
            one.id,
            one.name,
            one.is_active,
            one.is_online,
            one.max_leads,
            one.current_leads,
            known.contacts.get(one.id, 0),
            one.telegram_id,
            one.created_at,
            one.removed_at,
        )


def _events(s: Session, span: Span, known: Known, after: int, size: int) -> Iterator[Cells]:
    rows = execute(
        s, select(_event).where(_event.c.id > after, *_within(_event.c.at, span)).order_by(_event.c.id).limit(size)
    )
    for one in rows:
        yield (
            one.id,
            one.at,
            one.kind,
            one.actor,
            known.staff.get(one.actor),
            one.contact_id,
            one.lead_id,
            known.sources.get(one.source_id),
            known.operators.get(one.operator_id),
            one.reason,
            None if one.data is None else json.dumps(one.data, ensure_ascii=False),
        )
