"""The reference calendar against days that can be counted by hand, clock changes included."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.hours import FREE, Day, Hours, Shifts

BERLIN = "Europe/Berlin"
NINE_TO_SIX = Day(((540, 1_080),), ((780, 840),))  # with a break from one to two
NIGHT = Day(((1_320, 1_800),))  # from ten in the evening to six in the morning


def at(text: str, zone: str = BERLIN) -> int:
    """A moment by the clock on the wall."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def weekdays(day: Day, **more: object) -> Hours:
    return Hours(BERLIN, (day,) * 5 + (FREE,) * 2, **more)  # type: ignore[arg-type]


def shifts(hours: Hours) -> Shifts:
    return Shifts([0], [hours])


OFFICE = shifts(weekdays(NINE_TO_SIX))


@pytest.mark.parametrize(
    ("moment", "works"),
    [
        ("2026-11-27T08:59:59", False),
        ("2026-11-27T09:00", True),
        ("2026-11-27T12:59:59", True),
        ("2026-11-27T13:00", False),
        ("2026-11-27T14:00", True),
        ("2026-11-27T17:59:59", True),
        ("2026-11-27T18:00", False),
        ("2026-11-28T12:00", False),  # a Saturday
    ],
)
def test_weekly_hours_and_breaks(moment: str, works: bool) -> None:
    assert OFFICE.works(at(moment)) is works


def test_exception_beats_holiday_and_leave_beats_both() -> None:
    christmas, eve = date(2026, 12, 25), date(2026, 12, 24)
    hours = weekdays(
        NINE_TO_SIX,
        holidays=frozenset({eve, christmas}),
        exceptions=((eve, Day(((600, 720),))),),
    )
    assert shifts(hours).worked(at("2026-12-24T00:00"), at("2026-12-25T00:00")) == 2 * 3_600
    assert shifts(hours).worked(at("2026-12-25T00:00"), at("2026-12-26T00:00")) == 0
    away = Hours(BERLIN, hours.week, hours.exceptions, hours.holidays, leave=((eve, date(2027, 1, 3)),))
    assert shifts(away).worked(at("2026-12-24T00:00"), at("2026-12-25T00:00")) == 0
    assert shifts(away).on_leave(at("2026-12-24T00:00"))
    assert not shifts(away).on_leave(at("2026-12-23T23:59"))


def test_margins_move_the_ends_of_a_shift_and_not_those_of_a_break() -> None:
    careful = shifts(weekdays(NINE_TO_SIX, start_before=15, stop_before=20))
    taken = [
        one
        for one in ("08:44", "08:45", "12:59", "13:00", "14:00", "17:39", "17:40")
        if careful.takes(at(f"2026-11-27T{one}"))
    ]
    assert taken == ["08:45", "12:59", "14:00", "17:39"]
    assert not careful.works(at("2026-11-27T08:45"))
    assert careful.works(at("2026-11-27T17:40"))


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2026-11-26", 8), ("2026-03-27", 8), ("2026-03-28", 7), ("2026-10-24", 9)],
)
def test_night_shift_lasts_as_long_as_the_night_in_which_clocks_change(evening: str, hours: int) -> None:
    always = shifts(Hours(BERLIN, (NIGHT,) * 7))
    start = at(f"{evening}T12:00")
    assert always.worked(start, start + 86_400) == hours * 3_600
    assert always.after(start, hours * 3_600) == at(f"{evening}T22:00") + hours * 3_600


def test_shift_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday = shifts(Hours(BERLIN, (FREE,) * 4 + (NIGHT,) + (FREE,) * 2, holidays=frozenset({date(2026, 11, 28)})))
    assert friday.works(at("2026-11-28T05:59"))
    assert not friday.works(at("2026-11-28T22:00"))
    assert not friday.works(at("2026-11-27T05:59"))


def test_change_of_hours_repaints_nothing_of_the_past() -> None:
    changed = Shifts([0], [weekdays(NINE_TO_SIX)])
    changed.change(at("2026-11-27T12:00"), weekdays(Day(((0, 1_440),))))
    assert changed.worked(at("2026-11-27T00:00"), at("2026-11-28T00:00")) == (3 + 12) * 3_600
    changed.change(at("2026-11-27T20:00"), None)
    assert changed.worked(at("2026-11-27T00:00"), at("2026-11-29T00:00")) == (3 + 12 + 24) * 3_600


def test_time_ends_in_working_hours_of_the_next_day() -> None:
    assert OFFICE.after(at("2026-11-27T17:59:30"), 45) == at("2026-11-30T09:00:15")
    assert OFFICE.after(at("2026-11-27T17:59:30"), 30) == at("2026-11-27T18:00")
    assert shifts(Hours(BERLIN, (FREE,) * 7)).after(at("2026-11-27T12:00"), 1) is None


def test_next_change_is_the_end_of_a_minute_of_work_or_rest() -> None:
    noon = at("2026-11-27T12:00")
    assert OFFICE.next_change(noon, noon + 86_400) == at("2026-11-27T13:00")
    assert OFFICE.next_change(at("2026-11-27T18:00"), noon + 5 * 86_400) == at("2026-11-30T09:00")
    assert OFFICE.next_change(at("2026-11-27T18:00"), noon + 86_400) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5 * 86_400), st.integers(1, 12 * 3_600))
def test_time_after_which_so_much_was_worked_is_the_first_such_moment(offset: int, seconds: int) -> None:
    start = at("2026-10-23T00:00") + offset
    end = OFFICE.after(start, seconds)
    assert end is not None
    assert OFFICE.worked(start, end) == seconds
    assert OFFICE.worked(start, end - 1) == seconds - 1
