"""What a working calendar must keep to, besides each of its days."""

from collections.abc import Iterable
from datetime import date, timedelta

from crm_core.errors import BadHours
from crm_core.hours.days import MINUTES, Day, Reason, shown


def check_week(week: tuple[Day, ...]) -> None:
    """Raises BadHours for a shift that ends after the first one of the next day begins; Sunday is before Monday."""
    if len(week) != 7:
        raise ValueError("a week has seven days")
    for number, day in enumerate(week):
        following = week[(number + 1) % 7].shifts
        if day.shifts and following and day.shifts[-1][1] - MINUTES > following[0][0]:
            raise BadHours(reason=Reason.SHIFTS_OVERLAP, part=shown(*day.shifts[-1]))


def check_each_once(dates: Iterable[date]) -> None:
    """Raises BadHours for a date that is there twice."""
    seen: set[date] = set()
    for when in dates:
        if when in seen:
            raise BadHours(reason=Reason.GIVEN_TWICE, part=when.isoformat())
        seen.add(when)


def joined(leave: tuple[tuple[date, date], ...]) -> tuple[tuple[date, date], ...]:
    """Ranges of dates, sorted, those that touch as one. Raises BadHours for one that ends before it begins."""
    found: list[tuple[date, date]] = []
    for first, last in sorted(leave):
        if last < first:
            raise BadHours(reason=Reason.ENDS_FIRST, part=f"{first.isoformat()} - {last.isoformat()}")
        if found and first <= found[-1][1] + timedelta(days=1):
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)
