"""When somebody works: weekly hours with breaks, exceptions, holidays, leave, a time zone and margins.

Plain and slow: whether a minute is worked is asked of each minute by itself, by the clock on the wall of the zone. So
an hour that a clock change repeats is worked twice, one that it skips is not worked, and every length of time here is
a count of minutes that were.

Moments are whole seconds since 1970 in UTC. Working minutes begin at whole minutes.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = 86_400
MINUTES = 1_440
FAR = 400  # days that are searched for the end of a time; hours that open more seldom never open

Span = tuple[int, int]
"""From and until, in minutes after midnight; the end may lie on the next day, beyond 1440."""


@dataclass(frozen=True)
class Day:
    """What is worked of a day: shifts without their breaks. A shift over midnight belongs to the day it begins on."""

    shifts: tuple[Span, ...] = ()
    breaks: tuple[Span, ...] = ()


FREE = Day()
Question = Callable[["Hours", int], bool]


@dataclass(frozen=True)
class Hours:
    """A working calendar.

    Attributes:
        week: seven days, from Monday.
        exceptions: dates with hours of their own, holidays included.
        holidays: dates that are free.
        leave: from and until, both included; nothing of it is worked, exceptions included.
        start_before, stop_before: minutes by which new contacts begin before a shift, and end before its end.
        memory, covered: answers that were worked out before.
    """

    zone: str
    week: tuple[Day, ...]
    exceptions: tuple[tuple[date, Day], ...] = ()
    holidays: frozenset[date] = frozenset()
    leave: tuple[tuple[date, date], ...] = ()
    start_before: int = 0
    stop_before: int = 0
    memory: dict[tuple[Question, int], bytes] = field(default_factory=dict, compare=False, repr=False)
    covered: dict[tuple[date, int, int], bytearray] = field(default_factory=dict, compare=False, repr=False)

    def day(self, when: date) -> Day:
        """What is worked of a date."""
        if self.is_leave(when):
            return FREE
        for exception, day in self.exceptions:
            if exception == when:
                return day
        return FREE if when in self.holidays else self.week[when.weekday()]

    def is_leave(self, when: date) -> bool:
        """Whether a date is planned absence."""
        return any(first <= when <= last for first, last in self.leave)

    def local(self, moment: int) -> datetime:
        """What the clock on the wall shows."""
        return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(self.zone))

    def minutes(self, question: Question, day: int) -> bytes:
        """The answers to a question for the minutes of a day in UTC, 1 or 0, each asked by itself."""
        if (question, day) not in self.memory:
            noon, moments = self.local(day * DAY + DAY // 2).date(), range(day * DAY, (day + 1) * DAY, 60)
            is_free = question is not _on_leave and all(self.day(noon + timedelta(one)) == FREE for one in range(-2, 3))
            answers = bytes(MINUTES) if is_free else bytes(question(self, moment) for moment in moments)
            self.memory[question, day] = answers
        return self.memory[question, day]


def _covers(hours: Hours, moment: int, before_start: int, before_end: int) -> bool:
    """Whether a moment lies within a shift with its ends moved, and in no break."""
    wall = hours.local(moment)
    when = wall.date()
    covered = hours.covered.get((when, before_start, before_end))
    if covered is None:
        covered = hours.covered[when, before_start, before_end] = _painted(hours, when, before_start, before_end)
    return covered[wall.hour * 60 + wall.minute] == 1


def _painted(hours: Hours, when: date, before_start: int, before_end: int) -> bytearray:
    """The minutes on the clock of a date, 1 within a shift: first all shifts are painted, then all breaks over them."""
    around = [(offset * MINUTES, hours.day(when + timedelta(days=offset))) for offset in (-1, 0, 1)]
    minutes = bytearray(MINUTES)
    for midnight, day in around:
        for start, end in day.shifts:
            _paint(minutes, midnight + start - before_start, midnight + end - before_end, 1)
    for midnight, day in around:
        for start, end in day.breaks:
            _paint(minutes, midnight + start, midnight + end, 0)
    return minutes


def _paint(minutes: bytearray, start: int, end: int, colour: int) -> None:
    for minute in range(max(start, 0), min(end, MINUTES)):
        minutes[minute] = colour


def _works(hours: Hours, moment: int) -> bool:
    return _covers(hours, moment, 0, 0)


def _takes(hours: Hours, moment: int) -> bool:
    return _covers(hours, moment, hours.start_before, hours.stop_before)


def _on_leave(hours: Hours, moment: int) -> bool:
    return hours.is_leave(hours.local(moment).date())


ASKED = (_works, _takes, _on_leave)


@dataclass
class Shifts:
    """The calendars of an operator or a source, each from its moment on: a change repaints nothing of the past.

    None for hours means always: nobody has set any.
    """

    since: list[int] = field(default_factory=lambda: [0])
    versions: list[Hours | None] = field(default_factory=lambda: [None])

    def change(self, moment: int, hours: Hours | None) -> None:
        """Other hours from a moment on, not before that of the last change."""
        self.since.append(moment)
        self.versions.append(hours)

    def works(self, moment: int) -> bool:
        """Whether it is working time."""
        return self._ask(_works, moment)

    def takes(self, moment: int) -> bool:
        """Whether new contacts are given: working time with its margins."""
        return self._ask(_takes, moment)

    def on_leave(self, moment: int) -> bool:
        """Whether it is a planned absence."""
        return self._at(moment) is not None and self._ask(_on_leave, moment)

    def worked(self, start: int, end: int) -> int:
        """Seconds of working time between two moments."""
        total = 0
        while start < end:
            until = min(end, self._until(_works, start))
            total += (until - start) * self.works(start)
            start = until
        return total

    def after(self, start: int, seconds: int) -> int | None:
        """The moment at which so much time has been worked since a start; None if that is never."""
        last = start + FAR * DAY
        while start < last and seconds > 0:
            until = self._until(_works, start)
            if self.works(start):
                until = min(until, start + seconds)
                seconds -= until - start
            start = until
        return start if seconds <= 0 else None

    def next_change(self, moment: int, last: int) -> int | None:
        """The first moment, at most `last`, at which an answer is another one than now."""
        found = [change for question in ASKED if (change := self._change(question, moment, last)) is not None]
        return min(found, default=None)

    def _at(self, moment: int) -> Hours | None:
        return self.versions[bisect_right(self.since, moment) - 1]

    def _ask(self, question: Question, moment: int) -> bool:
        hours = self._at(moment)
        return hours is None or hours.minutes(question, moment // DAY)[moment % DAY // 60] == 1

    def _until(self, question: Question, moment: int) -> int:
        """Until when an answer surely stays as it is: as far as the day in UTC and the version of the hours reach."""
        hours, day, minute = self._at(moment), moment // DAY, moment % DAY // 60
        if hours is None:
            ends = moment + FAR * DAY
        else:
            minutes = hours.minutes(question, day)
            change = minutes.find(1 - minutes[minute], minute)
            ends = day * DAY + (MINUTES if change < 0 else change) * 60
        return min([ends, *(since for since in self.since if since > moment)])

    def _change(self, question: Question, moment: int, last: int) -> int | None:
        answer = self._ask(question, moment)
        while moment <= last:
            moment = self._until(question, moment)
            if moment <= last and self._ask(question, moment) is not answer:
                return moment
        return None
