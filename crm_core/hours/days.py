"""The hours of one day: shifts and breaks, in minutes after midnight by the clock on the wall.

A shift over midnight belongs to the day on which it begins, so its end, and a break in it, may lie beyond 1440.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from crm_core.errors import BadHours

MINUTES = 1_440
Span = tuple[int, int]
"""From and until, in minutes after midnight of the day; the end is not included."""


class Reason(StrEnum):
    """What is wrong with hours (`BadHours.reason`).

    Each has a sentence in `bot/texts/hours_refusals.py`, and one in `crm_core/api/hours_texts.py`.
    """

    UNKNOWN = "unknown"  # not understood at all
    NO_SUCH_TIME = "no_such_time"  # 25:00
    NO_SUCH_DATE = "no_such_date"  # 31 February
    NO_SUCH_ZONE = "no_such_zone"
    SAME_TIME = "same_time"  # begins and ends at the same time
    HALF_OF_DAY = "half_of_day"  # am or pm with the first time only
    ENDS_FIRST = "ends_first"  # a break, or a range of dates, that ends before it begins
    SHIFTS_OVERLAP = "shifts_overlap"
    BREAK_OUTSIDE = "break_outside"  # not within a shift
    BREAKS_OVERLAP = "breaks_overlap"
    GIVEN_TWICE = "given_twice"  # a day with two different hours
    WITHOUT_DAYS = "without_days"  # hours, but not of which days
    WITHOUT_HOURS = "without_hours"  # days, but not which hours
    WITHOUT_DATES = "without_dates"  # leave, but not when
    WITHOUT_WEEK = "without_week"  # only exceptions, where nothing else is known
    UNCLEAR = "unclear"  # can be read in several ways
    TOO_MUCH = "too_much"  # more text or dates than anybody needs
    MARGIN = "margin"  # a margin longer than it may be

    @classmethod
    def known(cls, code: str) -> "Reason":
        """The reason of a code; one of another version counts as "not understood"."""
        return cls(code) if code in [*cls] else cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Day:
    """What is worked of a day: shifts without their breaks. None is a day off.

    Attributes:
        shifts: sorted; each begins on the day, and is shorter than 24 hours unless it is the whole day.
        breaks: sorted; each lies within one shift and touches none of its ends.

    Raises BadHours where they overlap, or are none.
    """

    shifts: tuple[Span, ...] = ()
    breaks: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shifts", tuple(sorted(self.shifts)))
        object.__setattr__(self, "breaks", tuple(sorted(self.breaks)))
        for start, end in self.shifts:
            is_whole = (start, end) == (0, MINUTES)
            if not (0 <= start < MINUTES and start < end and (end - start < MINUTES or is_whole)):
                raise BadHours(reason=Reason.SAME_TIME, part=shown(start, end))
        _check_apart(self.shifts, Reason.SHIFTS_OVERLAP)
        for start, end in self.breaks:
            if start >= end:
                raise BadHours(reason=Reason.ENDS_FIRST, part=shown(start, end))
            if not any(first < start and end < last for first, last in self.shifts):
                raise BadHours(reason=Reason.BREAK_OUTSIDE, part=shown(start, end))
        _check_apart(self.breaks, Reason.BREAKS_OVERLAP)


def shown(start: int, end: int) -> str:
    """Two times as clocks show them: `9:00-18:00`. The day ends at 24:00; what is beyond is of the next day."""
    return f"{_clock(start % MINUTES)}-{_clock(end if end == MINUTES else end % MINUTES)}"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"


def _check_apart(spans: Iterable[Span], reason: Reason) -> None:
    before = -1
    for start, end in spans:
        if start < before:
            raise BadHours(reason=reason, part=shown(start, end))
        before = end


FREE = Day()
WHOLE = Day(((0, MINUTES),))
