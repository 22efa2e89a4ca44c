"""From hours by the clock on the wall to stretches of real time, a day in UTC at a time.

What is worked by the clock is a set of times on the wall. Within a part of a day in which clocks do not change, real
time is that set moved by the offset of the zone. So an hour that clocks repeat is worked twice, one that they skip is
not worked, and a day costs a few comparisons.
"""

from collections.abc import Callable, Iterable, Iterator

from crm_core.hours.days import Day, Span
from crm_core.hours.zones import DAY, offsets

OfDay = Callable[[int], Iterable[Span]]
"""Stretches of a date (in days since 1970), in minutes after its midnight."""


def real_spans(zone: str, day: int, covered: OfDay, breaks: OfDay) -> tuple[Span, ...]:
    """The stretches of a day in UTC that are covered by the clock on the wall, without breaks.

    Args:
        zone: IANA name.
        day: days since 1970.
        covered, breaks: what a date covers; it may begin on the day before, and end on the next.

    Returns them in seconds since 1970, sorted and apart from each other.
    """
    found: list[Span] = []
    for start, end, ahead in offsets(zone, day):
        dates = range((start + ahead) // DAY - 1, (end - 1 + ahead) // DAY + 2)
        inside = _joined(_on_wall(dates, covered))
        for first, last in _without(inside, _joined(_on_wall(dates, breaks))):
            real = max(first - ahead, start), min(last - ahead, end)
            if real[0] < real[1]:
                found.append(real)
    return tuple(_joined(found))


def moved(day: Day, before_start: int, before_end: int) -> list[Span]:
    """The shifts of a day with both ends moved earlier by some minutes; none is left of one that is too short."""
    return [
        (start - before_start, end - before_end) for start, end in day.shifts if start - before_start < end - before_end
    ]


def _on_wall(dates: Iterable[int], covered: OfDay) -> list[Span]:
    return [(date * DAY + start * 60, date * DAY + end * 60) for date in dates for start, end in covered(date)]


def _joined(spans: list[Span]) -> list[Span]:
    """Stretches that overlap or touch each other as one."""
    if len(spans) < 2:
        return spans
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _without(spans: list[Span], holes: list[Span]) -> Iterator[Span]:
    for start, end in spans:
        at = start
        for first, last in holes:
            if first < end and last > at:
                if first > at:
                    yield at, first
                at = last
        if at < end:
            yield at, end
