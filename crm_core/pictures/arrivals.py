"""Contacts over a period, hour by hour or day by day: what the picture's columns show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core.statistics import Period, beginning
from crm_core.storage.tables import Contact

_contact = Contact.__table__


class Step(StrEnum):
    """How long a column is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Contacts opened from a moment (in the installation's zone) until the next one's; how many have no operator."""

    since: datetime
    contacts: int
    unassigned: int


def arrivals(s: Session, *, period: Period, now: datetime, zone: tzinfo) -> tuple[Step, list[Arrival]]:
    """Contacts over a period up to its end, and how long each step is; none for all time where there never was one."""
    since = beginning(period, now=now, zone=zone) or s.execute(select(func.min(_contact.c.created_at))).scalar_one()
    if since is None:
        return Step.DAY, []
    first, last = since.astimezone(zone).date(), now.astimezone(zone).date()
    step = Step.HOUR if period is Period.TODAY else step_for(first, last)
    moments = list(_moments(first, last, step, zone))
    found = []
    for begin, end in pairwise(moments):
        opened = (_contact.c.created_at >= begin, _contact.c.created_at < end)
        has_operator = func.count(_contact.c.operator_id)
        count, given = s.execute(select(func.count(), has_operator).select_from(_contact).where(*opened)).one()
        found.append(Arrival(begin, count, count - given))
    return step, found


def step_for(first: date, last: date) -> Step:
    """The step by which a span of days makes at most some forty columns."""
    days = (last - first).days + 1
    if days <= 31:
        return Step.DAY
    if days <= 7 * 30:
        return Step.WEEK
    return Step.MONTH if days <= 365 * 3 else Step.YEAR


def _moments(first: date, last: date, step: Step, zone: tzinfo) -> Iterator[datetime]:
    """Where the columns begin, and where the last one ends."""
    if step is Step.HOUR:
        for hour in range(24):
            yield datetime.combine(first, time(hour), tzinfo=zone)
        yield datetime.combine(first + timedelta(days=1), time(), tzinfo=zone)
        return
    day = {
        Step.WEEK: first - timedelta(days=first.weekday()),
        Step.MONTH: first.replace(day=1),
        Step.YEAR: first.replace(month=1, day=1),
    }.get(step, first)
    while day <= last:
        yield datetime.combine(day, time(), tzinfo=zone)
        day = _next(day, step)
    yield datetime.combine(day, time(), tzinfo=zone)


def _next(day: date, step: Step) -> date:
    match step:
        case Step.WEEK:
            return day + timedelta(days=7)
        case Step.MONTH:
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case Step.YEAR:
            return day.replace(year=day.year + 1)
        case _:
            return day + timedelta(days=1)
