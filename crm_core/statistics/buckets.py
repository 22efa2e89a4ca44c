"""Days, months and hours as numbers, and a period as few ranges of them.

A span is a readable number: 2026010513 is an hour, 20260105 a day, 202601 a month, 0 all time. Numbers of one kind sort
by time, and kinds do not overlap. Spans belong to a time zone, so the hour that is repeated when clocks go back is one
span of two hours.
"""

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from enum import StrEnum

ALL = 0
QUARTER_MS = 15 * 60 * 1000
"""Every present time zone differs from UTC by whole quarters of an hour: sums per quarter fit into any zone."""


class Grain(StrEnum):
    """How long the spans of a series are."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


def day_span(day: date) -> int:
    """A day's number: 20260105."""
    return day.year * 10_000 + day.month * 100 + day.day


def span_of(moment: datetime, grain: Grain) -> int:
    """The number of the span that contains a moment, which is given in the time zone of the spans."""
    day = day_span(moment)
    if grain is Grain.DAY:
        return day
    return day // 100 if grain is Grain.MONTH else day * 100 + moment.hour


def bounds(grain: Grain, first: date | None, last: date | None) -> tuple[int, int]:
    """The lowest and the highest number of the spans that touch the days from `first` to `last` (None: no end)."""
    from_day, to_day = day_span(first or date(1000, 1, 1)), day_span(last or date.max)
    if grain is Grain.DAY:
        return from_day, to_day
    return (from_day // 100, to_day // 100) if grain is Grain.MONTH else (from_day * 100, to_day * 100 + 23)


def start_of(span: int, zone: tzinfo) -> datetime:
    """The moment at which an hour, a day or a month begins."""
    hour, day = 0, span
    if span > 1_000_000_000:
        day, hour = divmod(span, 100)
    elif span < 1_000_000:
        day = span * 100 + 1
    return datetime(day // 10_000, day // 100 % 100, day % 100, hour, tzinfo=zone)


def local(zone: tzinfo) -> Callable[[int], datetime]:
    """Returns a function from a quarter of an hour, counted since 1970 in UTC, to its beginning in a time zone."""
    known: dict[int, datetime] = {}

    def moment(quarter: int) -> datetime:
        if quarter not in known:
            known[quarter] = datetime.fromtimestamp(quarter * QUARTER_MS // 1000, zone)
        return known[quarter]

    return moment


def ranges(first: date | None, last: date | None) -> list[tuple[int, int]]:
    """The days from `first` to `last` (None: without an end) as ranges of spans, both ends included, months if whole.

    So few rows are read: a year is at most 12 months and some days, all time is a single span.
    """
    if first is None and last is None:
        return [(ALL, ALL)]
    if first is not None and last is not None and (first.year, first.month) >= (last.year, last.month):
        return [(day_span(first), day_span(last))]  # an empty range if they are in the wrong order
    found, low, high = [], 1, 999_912
    if first is not None:
        low = day_span(first) // 100
        if first.day > 1:
            found.append((day_span(first), low * 100 + 31))
            low += 1
    if last is not None:
        high = day_span(last) // 100
        found.append((high * 100 + 1, day_span(last)))
        high -= 1
    return [*found, (low, high)] if low <= high else found
