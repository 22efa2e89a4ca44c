"""Contacts over a period as the picture's columns: spans without contacts included, and never hundreds of columns."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.statistics import Arrivals, Grain, Period, Statistics


class Step(StrEnum):
    """How long a column is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def figures(
    s: Session, *, period: Period, now: datetime, zone: tzinfo
) -> tuple[Statistics, Step, tuple[Arrivals, ...]]:
    """Everything that the picture of a period shows, read in one transaction."""
    numbers = statistics.overview(s, since=statistics.beginning(period, now=now, zone=zone))
    return numbers, *columns_of(s, period=period, now=now, zone=zone)


def columns_of(s: Session, *, period: Period, now: datetime, zone: tzinfo) -> tuple[Step, tuple[Arrivals, ...]]:
    """Contacts over a period up to its end, step by step; nothing for all time if there never was one."""
    since = statistics.beginning(period, now=now, zone=zone)
    grain = Grain.HOUR if period is Period.TODAY else Grain.DAY
    came = statistics.arrivals(s, since=since, grain=grain)
    today = now.astimezone(zone).date()
    if period is Period.TODAY:
        return Step.HOUR, _summed(came, _hours(today, zone))
    if since is None and not came:
        return Step.DAY, ()
    first = (since or came[0].start).date()
    step = step_for(first, today)
    return step, _summed(came, _days(first, today, step, zone))


def _summed(came: list[Arrivals], starts: Iterator[datetime]) -> tuple[Arrivals, ...]:
    """Contacts from each moment until the next one."""
    moments, found, place = list(starts), [], 0
    for number, start in enumerate(moments):
        contacts = unassigned = 0
        until = moments[number + 1] if number + 1 < len(moments) else None
        while place < len(came) and (until is None or came[place].start < until):
            contacts += came[place].contacts
            unassigned += came[place].unassigned
            place += 1
        found.append(Arrivals(start, contacts, unassigned))
    return tuple(found)


def step_for(first: date, last: date) -> Step:
    """The step that divides a span of days into at most about forty columns."""
    days = (last - first).days + 1
    if days <= 31:
        return Step.DAY
    if days <= 7 * 30:
        return Step.WEEK
    return Step.MONTH if days <= 365 * 3 else Step.YEAR


def _hours(day: date, zone: tzinfo) -> Iterator[datetime]:
    for hour in range(24):
        yield datetime.combine(day, time(hour), tzinfo=zone)


def _days(first: date, last: date, step: Step, zone: tzinfo) -> Iterator[datetime]:
    day = {
        Step.WEEK: first - timedelta(days=first.weekday()),
        Step.MONTH: first.replace(day=1),
        Step.YEAR: first.replace(month=1, day=1),
    }.get(step, first)
    while day <= last:
        yield datetime.combine(day, time(), tzinfo=zone)
        day = _next(day, step)


def _next(day: date, step: Step) -> date:
    match step:
        case Step.WEEK:
            return day + timedelta(days=7)
        case Step.MONTH:
            return (day + timedelta(days=32)).replace(day=1)
        case Step.YEAR:
            return day.replace(year=day.year + 1)
        case _:
            return day + timedelta(days=1)
