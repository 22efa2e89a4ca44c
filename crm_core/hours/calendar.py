"""When somebody works, or a source is served: a working calendar, and what can be asked of it.

The rules, which `tests/model/hours.py` has minute by minute: a shift over midnight belongs to the day on which it
begins; leave beats an exception, and an exception beats a holiday; hours go by the clock on the wall, so that an hour
that a clock change repeats is worked twice, and one that it skips is not worked.

Moments are datetimes with a zone; answers have UTC. They are worked out a day at a time and remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from crm_core.errors import BadHours
from crm_core.hours.checks import check_each_once, check_week, joined
from crm_core.hours.days import FREE, WHOLE, Day, Reason, Span
from crm_core.hours.spans import moved, real_spans
from crm_core.hours.zones import DAY, check_zone

FAR = 400  # days that are searched for an answer; hours that open more seldom never open
MARGIN_LONGEST = 720  # minutes
MOST_DATES = 1_000  # exceptions and holidays
MOST_LEAVE = 100
REMEMBERED = 3_000  # days of answers: a few years of one question

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class _Question(StrEnum):
    WORKS = "works"
    TAKES = "takes"
    ON_LEAVE = "on_leave"


@dataclass(frozen=True)
class Calendar:
    """A working calendar. Two that say the same are equal, in whichever order it was given.

    Attributes:
        zone: IANA name of the time zone.
        week: seven days, from Monday.
        exceptions: dates with hours of their own, sorted; one without shifts becomes a holiday.
        holidays: dates that are free, without those of exceptions.
        leave: from and until, both included; of these dates nothing is worked. Sorted; what touches is joined.
        start_before, stop_before: minutes by which new contacts begin before a shift, and end before its end.

    Raises BadHours for shifts of neighbouring weekdays that overlap, for two exceptions of one date, for leave that
    ends before it begins, for more dates than MOST_DATES, for margins over MARGIN_LONGEST, and for an unknown zone.
    """

    zone: str
    week: tuple[Day, ...]
    exceptions: tuple[tuple[date, Day], ...] = ()
    holidays: frozenset[date] = frozenset()
    leave: tuple[tuple[date, date], ...] = ()
    start_before: int = 0
    stop_before: int = 0
    _memory: dict[tuple[_Question, int], tuple[Span, ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        own = dict(self.exceptions)
        free = {when for when, day in own.items() if day == FREE}
        values = {
            "zone": check_zone(self.zone),
            "exceptions": tuple(sorted((when, day) for when, day in own.items() if when not in free)),
            "holidays": frozenset((self.holidays - own.keys()) | free),
            "leave": joined(self.leave),
        }
        check_week(self.week)
        check_each_once(when for when, _ in self.exceptions)
        if len(own) + len(self.holidays) > MOST_DATES or len(self.leave) > MOST_LEAVE:
            raise BadHours(reason=Reason.TOO_MUCH, part="")
        for margin in (self.start_before, self.stop_before):
            if not 0 <= margin <= MARGIN_LONGEST:
                raise BadHours(reason=Reason.MARGIN, part=str(margin))
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # --- dates

    def day(self, when: date) -> Day:
        """The hours of a date, by the rules of the module."""
        if self.is_leave(when):
            return FREE
        own = self._exceptions.get(when)
        if own is not None:
            return own
        return FREE if when in self.holidays else self.week[when.weekday()]

    def is_leave(self, when: date) -> bool:
        """Whether a date is planned absence."""
        return any(first <= when <= last for first, last in self.leave)

    # --- moments

    def works(self, moment: datetime) -> bool:
        """Whether it is working time."""
        return self._answer(_Question.WORKS, _at(moment))

    def takes(self, moment: datetime) -> bool:
        """Whether new contacts are given: working time with its margins."""
        return self._answer(_Question.TAKES, _at(moment))

    def on_leave(self, moment: datetime) -> bool:
        """Whether it is planned absence: a date of leave, by the clock on the wall."""
        return self._answer(_Question.ON_LEAVE, _at(moment))

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two moments, zero if the second one is not later."""
        first, last, total = _at(start), _at(end), 0
        for day in range(_day(first), _day(last) + 1):
            for begins, ends in self._spans(_Question.WORKS, day):
                total += max(0, min(ends, last) - max(begins, first))
        return total * _MICROSECOND

    def after(self, start: datetime, time: timedelta) -> datetime | None:
        """The first moment at which so much time has been worked since a start; None if that is not within FAR days."""
        at, left = _at(start), time // _MICROSECOND
        if left <= 0:
            return start.astimezone(UTC)
        for day in range(_day(at), _day(at) + FAR + 1):
            for begins, ends in self._spans(_Question.WORKS, day):
                here = max(0, ends - max(begins, at))
                if here >= left:
                    return _moment(max(begins, at) + left)
                left -= here
        return None

    def next_change(self, moment: datetime) -> datetime | None:
        """The first moment later than this one at which `works`, `takes` or `on_leave` has another answer.

        None if there is none within FAR days.
        """
        at, found = _at(moment), None
        for one in _Question:
            last = _day(at) + FAR if found is None else _day(found)
            change = self._next(one, at, last, is_sought=not self._answer(one, at))
            if change is not None and (found is None or change < found):
                found = change
        return None if found is None else _moment(found)

    def opens_after(self, moment: datetime) -> datetime | None:
        """When new contacts are given next: this moment if they are now; None if not within FAR days."""
        at = _at(moment)
        found = self._next(_Question.TAKES, at, _day(at) + FAR, is_sought=True)
        return None if found is None else _moment(found)

    # --- microseconds since 1970

    @cached_property
    def _exceptions(self) -> Mapping[date, Day]:
        return dict(self.exceptions)

    def _answer(self, question: _Question, at: int) -> bool:
        return any(begins <= at < ends for begins, ends in self._spans(question, _day(at)))

    def _next(self, question: _Question, at: int, last: int, *, is_sought: bool) -> int | None:
        """The first moment, not before this one nor after the day `last`, with the answer that is sought."""
        for day in range(_day(at), last + 1):
            for begins, ends in self._spans(question, day):
                if is_sought and ends > at:
                    return max(begins, at)
                if begins > at:
                    return at
                at = max(at, ends)
            if not is_sought and at < (day + 1) * DAY * _SECOND:
                return at
        return None

    def _spans(self, question: _Question, day: int) -> tuple[Span, ...]:
        """The stretches of a day in UTC (in days since 1970) at which the answer is yes."""
        known = self._memory.get((question, day))
        if known is None:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            known = tuple((begins * _SECOND, ends * _SECOND) for begins, ends in self._work_out(question, day))
            self._memory[question, day] = known
        return known

    def _work_out(self, question: _Question, day: int) -> tuple[Span, ...]:
        if question is _Question.ON_LEAVE:
            whole: dict[bool, tuple[Span, ...]] = {True: WHOLE.shifts, False: ()}
            return real_spans(self.zone, day, lambda one: whole[self.is_leave(_date(one))], lambda one: ())
        margins = (self.start_before, self.stop_before) if question is _Question.TAKES else (0, 0)
        return real_spans(
            self.zone,
            day,
            lambda one: moved(self.day(_date(one)), *margins),
            lambda one: self.day(_date(one)).breaks,
        )


def always(zone: str = "UTC") -> Calendar:
    """The calendar of somebody for whom nobody has set any hours: around the clock."""
    return Calendar(zone, (WHOLE,) * 7)


def _at(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def _day(at: int) -> int:
    return at // (DAY * _SECOND)


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DAY + day)
