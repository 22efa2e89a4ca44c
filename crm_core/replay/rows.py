"""Reading what a replay needs, in one snapshot: rows as they are stored, since on SQLite this holds up everybody.

What is made of them (`crm_core.replay.reading`) needs no database, and is done in a thread of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Row, Select, and_, bindparam, false, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.serving import SPEAKER
from crm_core.errors import PeriodTooLong
from crm_core.replay.world import SETTINGS
from crm_core.routing.given import HOUR
from crm_core.routing.priority import order_at
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Credit, Event, Operator, Source, Staff, StaffChat, Weight
from crm_core.storage.types import EPOCH, MILLISECOND

MOST = 100_000
"""Contacts of a period that are played again at most: about half a minute of one core."""

_event, _contact = Event.__table__, Contact.__table__
_MOVES = (
    events.CONTACT_CREATED,
    events.CONTACT_ASSIGNED,
    events.CONTACT_QUEUED,
    events.CONTACT_MOVED,
    events.CONTACT_CLOSED,
    events.CONTACT_REOPENED,
    events.CONTACT_SNOOZED,
    events.CONTACT_WOKE,
)
_STEPS = (*_MOVES, events.CONTACT_TAKEN)


def _milliseconds(column: Any, name: str) -> Any:
    """A moment as the number that is stored."""
    return type_coerce(column, BigInteger).label(name)


_AT = _milliseconds(_event.c.at, "at")
_SINCE, _UNTIL = bindparam("first", type_=BigInteger), bindparam("end", type_=BigInteger)
_BETWEEN = and_(_event.c.id >= _SINCE, _event.c.id < _UNTIL)
_IN_PERIOD = and_(_BETWEEN, _event.c.kind.in_(_MOVES))
_MOVED = (
    select(
        _event.c.id,
        _AT,
        _event.c.kind,
        _event.c.contact_id,
        _event.c.source_id,
        _event.c.operator_id,
        _event.c.reason,
        _event.c.decision,
    )
    .where(_BETWEEN, _event.c.kind.in_(_STEPS))
    .order_by(_event.c.id)
)
_SET = select(
    _event.c.id, _AT, _event.c.kind, _event.c.source_id, _event.c.operator_id, _event.c.reason, _event.c.data
).order_by(_event.c.id)
_SET_SINCE = _SET.where(_event.c.id >= _SINCE, _event.c.kind.in_(SETTINGS))
_LAST_BEFORE = (
    select(func.max(_event.c.id))
    .where(_event.c.id < _SINCE, _event.c.kind.in_(SETTINGS))
    .group_by(_event.c.kind, _event.c.reason, _event.c.source_id, _event.c.operator_id)
)
_SET_BEFORE = _SET.where(_event.c.id.in_(_LAST_BEFORE))

_EARLIER = (_contact.c.created_at < bindparam("since", type_=_contact.c.created_at.type),)
_MAYBE_OPEN = (
    select(_contact.c.id)
    .where(*_EARLIER, OPEN)
    .union(
        select(_contact.c.id)
        .join(_event, _event.c.contact_id == _contact.c.id)
        .where(*_EARLIER, _event.c.id >= _SINCE, _event.c.kind.in_(_MOVES))
    )
)
_STATES = (
    select(_event.c.contact_id, _AT, _event.c.kind, _event.c.operator_id, _event.c.reason)
    .where(_event.c.contact_id.in_(_MAYBE_OPEN), _event.c.id < _SINCE, _event.c.kind.in_(_MOVES))
    .order_by(_event.c.id)
)
_CONTACTS = select(
    _contact.c.id,
    _contact.c.source_id,
    _contact.c.lead_id,
    _contact.c.chat_id,
    _milliseconds(_contact.c.created_at, "created_at"),
    _milliseconds(_contact.c.closed_at, "closed_at"),
    _milliseconds(_contact.c.current_assigned_at, "assigned_at"),
    _milliseconds(order_at(false()), "order_at"),
    _contact.c.skills,
    _milliseconds(_contact.c.taken_at, "taken_at"),
    _contact.c.operator_id,
).where(or_(_contact.c.id.in_(select(_event.c.contact_id).where(_IN_PERIOD)), _contact.c.id.in_(_MAYBE_OPEN)))

_LEFT = (
    select(_event.c.contact_id, _event.c.data)
    .join(_contact, _contact.c.id == _event.c.contact_id)
    .where(_contact.c.first_source_id.is_not(None), _event.c.id >= _SINCE, _event.c.kind == events.CONTACT_MOVED)
    .order_by(_event.c.id.desc())
)

_GIVEN = (
    select(_AT, _event.c.kind, _event.c.contact_id, _event.c.operator_id, _event.c.reason, _event.c.decision)
    .where(
        _event.c.id >= bindparam("hour", type_=BigInteger),
        _event.c.id < _SINCE,
        _event.c.kind.in_((events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)),
        _event.c.operator_id.is_not(None),
    )
    .order_by(_event.c.id)
)
_other = _contact.alias("other")
_FORMER = select(
    _contact.c.id,
    _contact.c.source_id,
    _contact.c.lead_id,
    _contact.c.operator_id,
    _milliseconds(_contact.c.closed_at, "closed_at"),
).where(
    _contact.c.status == "closed",
    _contact.c.closed_at < bindparam("since", type_=_contact.c.closed_at.type),
    _contact.c.closed_at > bindparam("earliest", type_=_contact.c.closed_at.type),
    _contact.c.lead_id.in_(
        select(_other.c.lead_id).where(
            or_(_other.c.id.in_(select(_event.c.contact_id).where(_IN_PERIOD)), _other.c.id.in_(_MAYBE_OPEN))
        )
    ),
)

_OPERATORS = select(
    Operator.id,
    Operator.name,
    Operator.max_leads,
    Operator.is_active,
    Operator.is_online,
    Operator.on_shift,
    Operator.removed_at,
    Operator.hours,
    Operator.max_held,
    Operator.rate,
    Operator.skills,
    _milliseconds(Operator.receives_since, "receives_since"),
)
_SOURCES = select(
    Source.id,
    Source.name,
    Source.slug,
    Source.strategy,
    Source.is_active,
    Source.sticky_days,
    Source.sticky_mode,
    Source.bot_id,
    Source.is_open,
    Source.skills,
    Source.priority_minutes,
    Source.ramp,
    Source.catch_up,
    Source.hours,
    _milliseconds(Source.opened_at, "opened_at"),
    Source.offer_seconds,
    Source.offer_rounds,
    Source.miss_limit,
    Source.duty_operator_id,
    SPEAKER.label("speaker"),
).order_by(Source.id)
_CHATS = (
    select(Staff.operator_id, StaffChat.bot_id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.is_reachable.is_(True)))
    .where(Staff.operator_id.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Rows:
    """A period as it is stored.

    Attributes:
        moved: events of contacts in it, in order.
        settings: events of settings since it began, until now.
        settings_before: the last of each kind before it; none where nothing has changed since.
        states: events of contacts that may have been open when it began, until then.
        given: assignments and returns of the hour before it.
        former: contacts that were closed before it, of clients who may have come back.
        left: the sources from which contacts were moved since it began, until now, the newest first.
        chats: operators with an account, and a bot that can write to it, or None.
    """

    since: int
    until: int
    end: int
    moved: list[Row[Any]]
    settings: list[Row[Any]]
    settings_before: list[Row[Any]]
    states: list[Row[Any]]
    contacts: list[Row[Any]]
    given: list[Row[Any]]
    former: list[Row[Any]]
    left: list[Row[Any]]
    operators: list[Row[Any]]
    sources: list[Row[Any]]
    weights: list[Row[Any]]
    chats: list[Row[Any]]
    credits: list[Row[Any]]


def read_rows(s: Session, *, since: datetime, until: datetime, at_most: int = MOST, sticky_days: int = 0) -> Rows:
    """Reads a period.

    Args:
        since, until: the second one is excluded.
        at_most: how many contacts may have been opened in it.
        sticky_days: for how long a source is to remember whom a client had; beside what sources do.

    Raises PeriodTooLong.
    """
    opened = select(func.count()).where(_contact.c.created_at >= since, _contact.c.created_at < until)
    if (count := execute(s, opened).scalar_one()) > at_most:
        raise PeriodTooLong(contacts=count, maximum=at_most)
    first, end = first_event(s, since), first_event(s, until)
    period = {"first": first, "end": end, "since": since}

    def rows(statement: Select[*tuple[Any, ...]], **values: Any) -> list[Row[Any]]:
        return list(execute(s, statement, values))

    settings, sources = rows(_SET_SINCE, first=first), rows(_SOURCES)
    days = max([sticky_days, *_remembered(settings), *(row.sticky_days for row in sources)])
    former = {"earliest": max(since - timedelta(days=days), EPOCH), **period}
    return Rows(
        since=(since - EPOCH) // MILLISECOND,
        until=(until - EPOCH) // MILLISECOND,
        end=end,
        moved=rows(_MOVED, first=first, end=end),
        settings=settings,
        settings_before=rows(_SET_BEFORE, first=first) if settings else [],
        states=rows(_STATES, first=first, since=since),
        contacts=rows(_CONTACTS, **period),
        given=rows(_GIVEN, hour=first_event(s, since - HOUR), first=first),
        former=rows(_FORMER, **former) if days else [],
        left=rows(_LEFT, first=first),
        operators=rows(_OPERATORS),
        sources=sources,
        weights=rows(select(Weight.source_id, Weight.operator_id, Weight.weight, Weight.limit)),
        chats=rows(_CHATS),
        credits=rows(select(Credit.source_id, Credit.operator_id, Credit.credit)),
    )


def _remembered(settings: list[Row[Any]]) -> Iterator[int]:
    """For how many days sources remembered operators, as far as that was changed."""
    for row in settings:
        if row.kind == events.SOURCE_CHANGED and row.reason == "sticky":
            yield (row.data or {}).get("sticky_days", 0)


_NEXT = select(_event.c.id, _event.c.at).where(_event.c.id >= _SINCE).order_by(_event.c.id).limit(1)


def first_event(s: Session, moment: datetime) -> int:
    """The id of the first event that is not before a moment, by halves: events are stored in the order of time.

    Where all are before it, the number after the last one.
    """
    low = 1
    high = int(execute(s, select(func.coalesce(func.max(_event.c.id), 0))).scalar_one()) + 1
    while low < high:
        middle = (low + high) // 2
        row = execute(s, _NEXT, {"first": middle}).first()
        if row is None or row.at >= moment:
            high = middle
        else:
            low = row.id + 1
    return low
