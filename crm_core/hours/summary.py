"""A calendar in as few lines as it can be said in: days with the same hours together. Its words are elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from crm_core.hours.calendar import Calendar
from crm_core.hours.dates import LONGEST, Dates
from crm_core.hours.days import FREE, Day, Span


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift with its breaks, in minutes after midnight; what is beyond 1440 is of the next day."""

    span: Span
    breaks: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Weekdays with the same shifts, none for days off.

    Attributes:
        runs: first and last of each run of days, 0 for Monday.
    """

    runs: tuple[tuple[int, int], ...]
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class SpecialDates:
    """Dates with the same shifts, none for days off.

    Attributes:
        runs: first and last of each run of dates.
    """

    runs: tuple[Dates, ...]
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is to be shown of a calendar.

    Attributes:
        week: in the order of their first day; empty if no weekday is worked.
        dates: exceptions and holidays in the order of their first date.
        leave: from and until, both included.
    """

    week: tuple[Weekdays, ...]
    dates: tuple[SpecialDates, ...]
    leave: tuple[Dates, ...]
    start_before: int
    stop_before: int
    zone: str


def summary(calendar: Calendar) -> Summary:
    """What is to be shown of a calendar; it loses nothing."""
    by_day: dict[Day, list[int]] = {}
    for number, day in enumerate(calendar.week):
        by_day.setdefault(day, []).append(number)
    by_hours: dict[Day, list[int]] = {}
    special = dict(calendar.exceptions) | dict.fromkeys(calendar.holidays, FREE)
    for when in sorted(special):
        by_hours.setdefault(special[when], []).append(when.toordinal())
    is_worked = any(day != FREE for day in calendar.week)
    return Summary(
        tuple(Weekdays(tuple(_runs(days)), _shifts(day)) for day, days in by_day.items()) if is_worked else (),
        tuple(SpecialDates(tuple(_ranges(dates)), _shifts(day)) for day, dates in by_hours.items()),
        calendar.leave,
        calendar.start_before,
        calendar.stop_before,
        calendar.zone,
    )


def _shifts(day: Day) -> tuple[Shift, ...]:
    return tuple(
        Shift((start, end), tuple(one for one in day.breaks if start < one[0] < end)) for start, end in day.shifts
    )


def _runs(numbers: Iterable[int]) -> Iterable[tuple[int, int]]:
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        found = [number for _, number in run]
        yield found[0], found[-1]


def _ranges(ordinals: Iterable[int]) -> Iterable[Dates]:
    """Runs of dates, none longer than a range may be that is read."""
    for first, last in _runs(ordinals):
        for start in range(first, last + 1, LONGEST):
            begin = date.fromordinal(start)
            yield begin, min(begin + timedelta(days=LONGEST - 1), date.fromordinal(last))
