"""Working calendars against the reference model, minute by minute, where clocks change and where they do not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from crm_core.errors import BadHours
from crm_core.hours.calendar import FAR, Calendar, always
from crm_core.hours.days import FREE, WHOLE, Day, Reason
from crm_core.hours.zones import check_zone
from tests.model.hours import ASKED
from tests.support.random_hours import as_model, random_calendar

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = "Europe/Berlin"
OFFICE = Day(((540, 1_080),), ((780, 840),))
NIGHT = Day(((1_320, 1_800),))

CHANGES = {  # in UTC; Lord Howe changes by half an hour, Casablanca for Ramadan
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
}
ODD = {  # a whole date skipped, quarters of an hour, changes at midnight, no changes
    "Pacific/Apia": ("2011-12-30T10:00",),
    "Asia/Kathmandu": ("2026-06-01T12:00",),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str, zone: str = BERLIN) -> datetime:
    """A moment by the clock on the wall."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def answers(calendar: Calendar, moment: datetime) -> tuple[bool, bool, bool]:
    return calendar.works(moment), calendar.takes(moment), calendar.on_leave(moment)


def each_minute(calendar: Calendar, start: datetime, minutes: int) -> list[tuple[bool, bool, bool]]:
    """The answers of the product for some minutes, which it is asked for only when they change."""
    found: list[tuple[bool, bool, bool]] = []
    while len(found) < minutes:
        here = start + timedelta(minutes=len(found))
        change = calendar.next_change(here) or here + timedelta(minutes=minutes)
        assert change > here
        assert change.second == 0
        found += [answers(calendar, here)] * min((change - here) // timedelta(minutes=1), minutes)
    return found[:minutes]


def compare(calendar: Calendar, start: datetime, minutes: int, rng: Random) -> None:
    """Compares every answer about some minutes with what the model says of each by itself."""
    hours, first = as_model(calendar), seconds(start)
    expected = [tuple(ask(hours, first + 60 * one) for ask in ASKED) for one in range(minutes)]
    assert each_minute(calendar, start, minutes) == expected, calendar
    end = start + timedelta(minutes=minutes)
    worked = [one for one in range(minutes) if expected[one][0]]
    assert calendar.worked(start, end) == timedelta(minutes=len(worked))
    if worked:
        place, rest = rng.randrange(len(worked)), rng.randint(1, 60)
        time = timedelta(minutes=place, seconds=rest)
        assert calendar.after(start, time) == start + timedelta(minutes=worked[place], seconds=rest)
    opens = calendar.opens_after(start)
    taken = next((one for one in range(minutes) if expected[one][1]), None)
    if taken is None:
        assert opens is None or opens >= end
    else:
        assert opens == start + timedelta(minutes=taken)


def compare_random(seeds: range, changes: Mapping[str, Sequence[str]]) -> None:
    """Compares random calendars, each around a change of the clocks and at some time within two days of it."""
    for seed in seeds:
        rng = Random(seed)
        zone = sorted(changes)[seed % len(changes)]
        change = utc(rng.choice(changes[zone]))
        dates = [change.date() + timedelta(one) for one in range(-3, 4)]
        calendar = random_calendar(rng, zone, dates)
        compare(calendar, change - timedelta(minutes=rng.randint(1, 180)), 181, rng)
        compare(calendar, change + timedelta(minutes=rng.randint(-2 * 1_440, 2 * 1_440)), 120, rng)


def test_random_calendars_answer_as_the_model_around_clock_changes() -> None:
    compare_random(range(100), CHANGES)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_random_calendars_answer_as_the_model(part: int) -> None:
    compare_random(range(part * 2_500, (part + 1) * 2_500), CHANGES)


def test_random_calendars_answer_as_the_model_in_unusual_zones() -> None:
    compare_random(range(120), ODD)


def weekdays(day: Day, **more: object) -> Calendar:
    return Calendar(BERLIN, (day,) * 5 + (FREE,) * 2, **more)  # type: ignore[arg-type]


def test_clock_repeating_an_hour_makes_a_night_shift_longer() -> None:
    nights = Calendar(BERLIN, (NIGHT,) * 7)
    assert nights.worked(at("2026-10-24T12:00"), at("2026-10-25T12:00")) == 9 * HOUR
    assert nights.worked(at("2026-03-28T12:00"), at("2026-03-29T12:00")) == 7 * HOUR
    assert nights.after(at("2026-10-24T22:00"), 8 * HOUR) == at("2026-10-25T05:00")


def test_time_is_exact_to_the_microsecond() -> None:
    start, time = at("2026-11-27T17:59:59.999999"), timedelta(microseconds=3)
    end = weekdays(OFFICE).after(start, time)
    assert end == at("2026-11-30T09:00:00.000002")
    assert weekdays(OFFICE).worked(start, end) == time
    assert weekdays(OFFICE).after(start, timedelta(0)) == start


def test_end_before_the_start_counts_no_time() -> None:
    assert always().worked(at("2026-11-27T12:00"), at("2026-11-27T11:00")) == timedelta(0)


def test_hours_around_the_clock_never_change() -> None:
    start = at("2026-11-27T12:00")
    assert always().next_change(start) is None
    assert always().opens_after(start) == start
    assert always().worked(start, start + 100 * DAY) == 100 * DAY


def test_hours_that_never_come_are_searched_for_a_year_and_given_up() -> None:
    start, closed = at("2026-11-27T12:00"), Calendar(BERLIN, (FREE,) * 7)
    assert (closed.opens_after(start), closed.after(start, HOUR), closed.next_change(start)) == (None, None, None)
    late = Calendar(BERLIN, (FREE,) * 7, exceptions=((start.date() + (FAR - 1) * DAY, OFFICE),))
    assert late.opens_after(start) is not None


def test_shift_over_midnight_is_worked_into_a_leave_that_begins_then() -> None:
    friday = date(2026, 11, 27)
    nights = Calendar(BERLIN, (NIGHT,) * 7, leave=((friday, friday),))
    assert nights.works(at("2026-11-27T05:59"))
    assert nights.on_leave(at("2026-11-27T05:59"))
    assert nights.opens_after(at("2026-11-27T06:00")) == at("2026-11-28T22:00")


def test_calendars_that_say_the_same_are_equal() -> None:
    one, two, three = date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1)
    left = weekdays(OFFICE, exceptions=((two, NIGHT), (one, OFFICE), (three, FREE)), leave=((three, three), (two, two)))
    holidays = frozenset({two, three})
    right = weekdays(OFFICE, exceptions=((one, OFFICE), (two, NIGHT)), holidays=holidays, leave=((two, three),))
    assert left == right
    assert hash(left) == hash(right)
    assert Day(((600, 660), (540, 570))) == Day(((540, 570), (600, 660)))
    assert Calendar("europe/berlin", (FREE,) * 7) == Calendar(BERLIN, (FREE,) * 7)


@pytest.mark.parametrize(
    ("shifts", "breaks", "reason", "part"),
    [
        (((540, 1_080), (1_020, 1_200)), (), Reason.SHIFTS_OVERLAP, "17:00-20:00"),
        (((540, 540),), (), Reason.SAME_TIME, "9:00-9:00"),
        (((540, 1_980),), (), Reason.SAME_TIME, "9:00-9:00"),
        (((1_440, 1_500),), (), Reason.SAME_TIME, "0:00-1:00"),
        (((540, 1_080),), ((1_080, 1_140),), Reason.BREAK_OUTSIDE, "18:00-19:00"),
        (((540, 1_080),), ((540, 600),), Reason.BREAK_OUTSIDE, "9:00-10:00"),
        (((540, 1_080),), ((840, 780),), Reason.ENDS_FIRST, "14:00-13:00"),
        (((540, 1_080),), ((780, 840), (800, 860)), Reason.BREAKS_OVERLAP, "13:20-14:20"),
    ],
)
def test_impossible_day_is_refused_with_its_part(
    shifts: tuple[tuple[int, int], ...], breaks: tuple[tuple[int, int], ...], reason: Reason, part: str
) -> None:
    with pytest.raises(BadHours) as refused:
        Day(shifts, breaks)
    assert refused.value.fields == {"reason": reason, "part": part}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"week": (NIGHT, Day(((300, 600),)), *[FREE] * 5)}, Reason.SHIFTS_OVERLAP),
        ({"week": (Day(((300, 600),)), *[FREE] * 5, NIGHT)}, Reason.SHIFTS_OVERLAP),
        ({"leave": ((date(2026, 7, 14), date(2026, 7, 1)),)}, Reason.ENDS_FIRST),
        ({"exceptions": ((date(2026, 7, 14), OFFICE), (date(2026, 7, 14), NIGHT))}, Reason.GIVEN_TWICE),
        ({"holidays": frozenset(date(2026, 1, 1) + timedelta(one) for one in range(1_001))}, Reason.TOO_MUCH),
        ({"stop_before": 721}, Reason.MARGIN),
        ({"zone": "Europe/Atlantis"}, Reason.NO_SUCH_ZONE),
        ({"zone": "../../etc/passwd"}, Reason.NO_SUCH_ZONE),
    ],
)
def test_impossible_calendar_is_refused(values: dict[str, object], reason: Reason) -> None:
    with pytest.raises(BadHours) as refused:
        Calendar(**{"zone": BERLIN, "week": (FREE,) * 7, **values})  # type: ignore[arg-type]
    assert refused.value.fields["reason"] is reason


def test_weekly_hours_that_touch_at_midnight_are_one_stretch() -> None:
    round_the_clock = Calendar(BERLIN, (WHOLE,) * 7)
    assert round_the_clock.next_change(at("2026-10-24T12:00")) is None
    assert round_the_clock.worked(at("2026-10-25T00:00"), at("2026-10-26T00:00")) == 25 * HOUR


def test_zone_is_found_in_upper_and_lower_case() -> None:
    assert check_zone("america/new_york") == "America/New_York"
