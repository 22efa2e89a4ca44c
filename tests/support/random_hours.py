"""Random working calendars, as the product has them and as the reference model has the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import ClassVar

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.days import FREE, Day, Span
from tests.model import hours as model

MARGINS = (0, 0, 10, 15, 45, 90, 240, 720)  # minutes
STEPS = (1, 5, 30, 30, 60)  # minutes that times are multiples of


def random_calendar(rng: Random, zone: str, dates: Sequence[date]) -> Calendar:
    """A calendar with something on some of these dates: exceptions, holidays, leave."""
    while True:
        try:
            return Calendar(
                zone,
                _week(rng),
                exceptions=tuple((when, random_day(rng)) for when in _some(rng, dates)),
                holidays=frozenset(_some(rng, dates)),
                leave=tuple((when, when + timedelta(rng.randint(0, 3))) for when in _some(rng, dates)[:1]),
                start_before=rng.choice(MARGINS),
                stop_before=rng.choice(MARGINS),
            )
        except BadHours:  # a night shift reaches into the one of the next day
            continue


def random_day(rng: Random) -> Day:
    """Up to three shifts with up to two breaks; the last one may go on until after midnight."""
    while True:
        step = rng.choice(STEPS)
        ends = sorted(rng.sample(range(0, 1_440 + 720, step), 2 * rng.choice([0, 1, 1, 1, 2, 3])))
        shifts = tuple(zip(ends[::2], ends[1::2], strict=True))
        breaks = [span for shift in shifts if (span := _break(rng, shift, step)) is not None]
        try:
            return Day(shifts, tuple(breaks))
        except BadHours:  # a shift begins on the next day, or lasts longer than a day
            continue


def as_model(calendar: Calendar) -> model.Hours:
    """The same calendar for the reference model."""
    return _Hours(
        calendar.zone,
        tuple(_as_model(day) for day in calendar.week),
        tuple((when, _as_model(day)) for when, day in calendar.exceptions),
        calendar.holidays,
        calendar.leave,
        calendar.start_before,
        calendar.stop_before,
    )


def _as_model(day: Day) -> model.Day:
    return model.Day(day.shifts, day.breaks)


def _week(rng: Random) -> tuple[Day, ...]:
    usual, other = random_day(rng), random_day(rng)
    return tuple(rng.choice([usual, usual, usual, other, FREE]) for _ in range(7))


def _some(rng: Random, dates: Sequence[date]) -> list[date]:
    return [when for when in dates if rng.random() < rng.choice([0.1, 0.3])]


def _break(rng: Random, shift: Span, step: int) -> Span | None:
    places = range(shift[0] + step, shift[1], step)
    if len(places) < 2 or rng.random() < 0.5:
        return None
    start, end = sorted(rng.sample(places, 2))
    return start, end


@dataclass(frozen=True)
class _Hours(model.Hours):
    """The reference, which looks at each clock and at each date once: most of its time is spent on that.

    Attributes:
        days: what is worked of the dates that it was asked for.
    """

    days: dict[date, model.Day] = field(default_factory=dict, compare=False, repr=False)
    _walls: ClassVar[dict[tuple[str, int], datetime]] = {}  # of all calendars

    def day(self, when: date) -> model.Day:
        known = self.days.get(when)
        if known is None:
            known = self.days[when] = super().day(when)
        return known

    def local(self, moment: int) -> datetime:
        known = self._walls.get((self.zone, moment))
        if known is None:
            known = self._walls[self.zone, moment] = super().local(moment)
        return known
