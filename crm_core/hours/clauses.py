"""One clause of typed hours: some days or dates, and what holds on them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from crm_core.errors import BadHours
from crm_core.hours.dates import Dates
from crm_core.hours.days import FREE, MINUTES, Day, Reason, Span, shown
from crm_core.hours.words import Text

Place = tuple[int, int]
"""From and until, in characters of the text."""


class Rest(Enum):
    """What a clause says instead of hours."""

    OFF = auto()
    LEAVE = auto()


class Role(Enum):
    """What a stretch of time is; behind a break and a comma, only its place tells."""

    SHIFT = auto()
    BREAK = auto()
    EITHER = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """Weekdays, or a range of dates, as typed at a place."""

    on: frozenset[int] | Dates
    place: Place

    @property
    def is_dates(self) -> bool:
        """Whether it is dates."""
        return isinstance(self.on, tuple)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time as typed at a place; the end may be beyond 1440."""

    span: Span
    role: Role
    place: Place


@dataclass
class Clause:
    """What was read of a clause so far.

    Attributes:
        rest: days off or leave, instead of stretches of time.
        is_rest_first: whether that stood before the days: `выходной: сб, вс`.
    """

    text: Text
    subjects: list[Subject] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    rest: Rest | None = None
    is_rest_first: bool = False
    rest_place: Place = (0, 0)
    after_break: bool = False
    is_dotted: bool = False  # a time was written as 9.30

    @property
    def awaits_content(self) -> bool:
        """Whether there are days and nothing yet that holds on them."""
        return bool(self.subjects) and not self.stretches and self.rest is None and not self.after_break

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not (self.subjects or self.stretches or self.rest or self.after_break)

    @property
    def place(self) -> Place:
        """Where its days stand, or what it has instead."""
        places = [one.place for one in self.subjects or self.stretches] or [self.rest_place]
        return places[0][0], places[-1][1]

    def refusal(self, reason: Reason) -> BadHours:
        """The error that names the clause."""
        return self.text.refusal(reason, *self.place)

    def check(self) -> None:
        """Raises BadHours if a part of the clause is missing."""
        if self.rest is Rest.LEAVE and not all(one.is_dates for one in self.subjects):
            raise self.refusal(Reason.WITHOUT_DATES)
        if not self.subjects:
            raise self.refusal(Reason.WITHOUT_DATES if self.rest is Rest.LEAVE else Reason.WITHOUT_DAYS)
        if self.rest is None and not self.stretches:
            raise self.refusal(Reason.WITHOUT_HOURS)

    def day(self) -> Day:
        """The hours of each of its days. Raises BadHours with the part that is wrong."""
        if self.rest is not None:
            return FREE
        shifts: list[Span] = []
        breaks: list[Span] = []
        late: list[Stretch] = []  # a break may stand before its shift
        for one in self.stretches:
            inside = None if one.role is Role.SHIFT else _inside(one.span, shifts)
            if inside is not None:
                breaks.append(inside)
            elif one.role is Role.BREAK:
                late.append(one)
            else:
                shifts.append(one.span)
        breaks.extend(self._late(late, shifts))
        try:
            return Day(tuple(shifts), tuple(breaks))
        except BadHours as error:
            raise self._as_typed(error) from None

    def _late(self, late: list[Stretch], shifts: list[Span]) -> Iterator[Span]:
        for one in late:
            inside = _inside(one.span, shifts)
            if inside is None:
                is_turned = _inside((one.span[1] - MINUTES, one.span[0]), shifts) is not None
                raise self.text.refusal(Reason.ENDS_FIRST if is_turned else Reason.BREAK_OUTSIDE, *one.place)
            yield inside

    def _as_typed(self, error: BadHours) -> BadHours:
        for one in self.stretches:
            if shown(*one.span) == error.fields["part"]:
                return self.text.refusal(error.fields["reason"], *one.place)
        return error


def _inside(span: Span, shifts: list[Span]) -> Span | None:
    """A break where it lies within a shift, the last one first: on its day, or after midnight."""
    for start, end in reversed(shifts):
        for later in (0, MINUTES):
            if start < span[0] + later and span[1] + later < end:
                return span[0] + later, span[1] + later
    return None
