"""Hours as people write them, in both languages; what has no meaning, or two, is refused with its part."""

from contextlib import suppress
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.days import FREE, WHOLE, Day, Reason
from crm_core.hours.reading import change_hours, read_hours
from crm_core.hours.stored import from_json, to_json
from tests.support.random_hours import random_calendar

TODAY = date(2026, 11, 27)
BERLIN = "Europe/Berlin"
NINE_TO_SIX, TEN_TO_TWO, NIGHT = Day(((540, 1_080),)), Day(((600, 840),)), Day(((1_320, 1_800),))
WITH_LUNCH = Day(NINE_TO_SIX.shifts, ((780, 840),))
HALVES = Day(((540, 780), (840, 1_080)))
OFFICE = (NINE_TO_SIX,) * 5 + (FREE,) * 2
WITH_SATURDAY = (NINE_TO_SIX,) * 5 + (TEN_TO_TWO, FREE)
EVE, NEW_YEAR = date(2026, 12, 31), date(2027, 1, 1)
FIRST_WEEK = frozenset(NEW_YEAR + timedelta(days=one) for one in range(8))


def read(text: str, base: Calendar | None = None) -> Calendar:
    return read_hours(text, zone=BERLIN, today=TODAY, base=base)


def calendar(week: tuple[Day, ...] = OFFICE, **more: object) -> Calendar:
    return Calendar(BERLIN, week, **more)  # type: ignore[arg-type]


WEEKS = {
    "mon-fri 9-18, sat 10-14": WITH_SATURDAY,
    "Mo-Fr 09:00-18:00; Sa 10:00-14:00; Su off": WITH_SATURDAY,
    "пн–пт 9—18 и сб 10−14": WITH_SATURDAY,
    "по будням с 9 до 18, по субботам с 10 до 14": WITH_SATURDAY,
    "Понедельник - Пятница: 9.00-18.00\nСуббота: 10.00-14.00\nВоскресенье: выходной": WITH_SATURDAY,
    "пн-пт 9-18, обед 13-14": (WITH_LUNCH,) * 5 + (FREE,) * 2,
    "mon-fri 9:00-18:00 break 13-14": (WITH_LUNCH,) * 5 + (FREE,) * 2,
    "mon-fri lunch break from 1pm to 2pm, 9am-6pm": (WITH_LUNCH,) * 5 + (FREE,) * 2,
    "пн-пт 9.00-18.00 (обеденный перерыв с 13.00 до 14.00)": (WITH_LUNCH,) * 5 + (FREE,) * 2,
    "mon-fri 9-13, 14-18": (HALVES,) * 5 + (FREE,) * 2,
    "пн-пт 9.10-13.10, 14.10-18.10": (Day(((550, 790), (850, 1_090))),) * 5 + (FREE,) * 2,
    "daily 22-6": (NIGHT,) * 7,
    "ежедневно 22-6": (NIGHT,) * 7,
    "каждый день с 10 вечера до 6 утра": (NIGHT,) * 7,
    "daily 22-6, break 2-3": (Day(NIGHT.shifts, ((1_560, 1_620),)),) * 7,
    "daily 22-6, break 23:30-0:30": (Day(NIGHT.shifts, ((1_410, 1_470),)),) * 7,
    "24/7": (WHOLE,) * 7,
    "круглосуточно": (WHOLE,) * 7,
    "daily 0-24": (WHOLE,) * 7,
    "пн-пт 24/7": (WHOLE,) * 5 + (FREE,) * 2,
    "mon-fri 9am-6pm": OFFICE,
    "Mon - Fri 9 am till 6 p.m.": OFFICE,
    "weekdays 9-6pm": OFFICE,
    "пн-пт с 9 утра до 6 вечера без обеда": OFFICE,
    "c понедельника по пятницу с 9 до 18": OFFICE,
    "будни 9 ч - 18 ч": OFFICE,
    "пн-пт 9-18, сб, вс выходные": OFFICE,
    "пн-пт 9-18, выходные: сб, вс": OFFICE,
    "выходной: сб, вс; пн-пт 9-18": OFFICE,
    "mon-fri 9-18, weekend closed": OFFICE,
    "будни 9-18, выходные 10-14": (NINE_TO_SIX,) * 5 + (TEN_TO_TWO,) * 2,
    "пн, ср, пт 9-18": (NINE_TO_SIX, FREE, NINE_TO_SIX, FREE, NINE_TO_SIX, FREE, FREE),
    "mon/wed/fri 9-18": (NINE_TO_SIX, FREE, NINE_TO_SIX, FREE, NINE_TO_SIX, FREE, FREE),
    "fri-mon 10-14": (TEN_TO_TWO, FREE, FREE, FREE, TEN_TO_TWO, TEN_TO_TWO, TEN_TO_TWO),
    "daily 9-18, sat 10-14": (NINE_TO_SIX,) * 5 + (TEN_TO_TWO, NINE_TO_SIX),
    "mon-fri 9-18, wed off": (NINE_TO_SIX, NINE_TO_SIX, FREE, NINE_TO_SIX, NINE_TO_SIX, FREE, FREE),
    "no weekly hours": (FREE,) * 7,
    "нет рабочих часов": (FREE,) * 7,
    "mon 9-13, break 11-11:15, 14-18, break 16-16:15 and 17-17:15": (
        Day(HALVES.shifts, ((660, 675), (960, 975), (1_020, 1_035))),
        *(FREE,) * 6,
    ),
    "пн-пт 10-2 ночи": (Day(((1_320, 1_560),)),) * 5 + (FREE,) * 2,
    "daily 6-12am": (Day(((1_080, 1_440),)),) * 7,
}


@pytest.mark.parametrize("text", WEEKS)
def test_weekly_hours_are_read_in_both_languages(text: str) -> None:
    for typed in (text, text.upper(), text.replace(" ", "\N{NO-BREAK SPACE} "), text.replace("е", "ё")):
        assert read(typed) == calendar(WEEKS[text])


DATES: dict[str, dict[str, object]] = {
    "31.12 10-14": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "31.12 - 10-14": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "2026-12-31 10-14": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "31.12.26 10.00-14.00": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "dec 31, 2026 10-14": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "31st December 10am-2pm": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "31-го декабря 2026 г. с 10 до 14": {"exceptions": ((EVE, TEN_TO_TWO),)},
    "1 jan - 8 jan off": {"holidays": FIRST_WEEK},
    "jan 1-8 off": {"holidays": FIRST_WEEK},
    "1-8 января выходной": {"holidays": FIRST_WEEK},
    "с 1 по 8 января: выходные": {"holidays": FIRST_WEEK},
    "1.01-8.01 выходной": {"holidays": FIRST_WEEK},
    "1-8.01 закрыто": {"holidays": FIRST_WEEK},
    "2027-01-01 - 2027-01-08 closed": {"holidays": FIRST_WEEK},
    "праздники 1-8 января": {"holidays": FIRST_WEEK},
    "1.01-7.01, 8.01 выходной": {"holidays": FIRST_WEEK},
    "1-8 января выходной, 31.12 10-14": {"holidays": FIRST_WEEK, "exceptions": ((EVE, TEN_TO_TWO),)},
    "30 dec - 8 jan off, 31 dec 10-14": {
        "holidays": FIRST_WEEK | {date(2026, 12, 30)},
        "exceptions": ((EVE, TEN_TO_TWO),),
    },
    "29 feb off": {"holidays": frozenset({date(2028, 2, 29)})},
    "27 nov off": {"holidays": frozenset({TODAY})},
    "26 nov off": {"holidays": frozenset({date(2027, 11, 26)})},
    "отпуск 1.07-14.07": {"leave": ((date(2027, 7, 1), date(2027, 7, 14)),)},
    "отпуск с 1 по 14 июля": {"leave": ((date(2027, 7, 1), date(2027, 7, 14)),)},
    "1 jul - 14 jul vacation": {"leave": ((date(2027, 7, 1), date(2027, 7, 14)),)},
    "отпуск 20.11-3.12": {"leave": ((date(2026, 11, 20), date(2026, 12, 3)),)},
    "leave until 3 dec": {"leave": ((TODAY, date(2026, 12, 3)),)},
    "отпуск до 3 декабря": {"leave": ((TODAY, date(2026, 12, 3)),)},
    "отпуск до 8.01": {"leave": ((TODAY, date(2027, 1, 8)),)},
    "closed until 28 nov": {"holidays": frozenset({TODAY, date(2026, 11, 28)})},
    "отпуск 28.12.2026 - 8.01": {"leave": ((date(2026, 12, 28), date(2027, 1, 8)),)},
    "leave 1-3 jul, 31 dec 10-14": {
        "leave": ((date(2027, 7, 1), date(2027, 7, 3)),),
        "exceptions": ((EVE, TEN_TO_TWO),),
    },
    "sick leave 1 jul, 3 jul": {"leave": ((date(2027, 7, 1),) * 2, (date(2027, 7, 3),) * 2)},
    "start_before 15, stop_before=20": {"start_before": 15, "stop_before": 20},
    "первое обращение за 15 минут до начала; последнее за 20 мин до конца смены": {
        "start_before": 15,
        "stop_before": 20,
    },
}


@pytest.mark.parametrize("text", DATES)
def test_exceptions_leave_and_margins_are_read_behind_and_before_the_week(text: str) -> None:
    wanted = calendar(OFFICE, **DATES[text])
    assert read(f"пн-пт 9-18, {text}") == wanted
    assert read(f"{text}; mon-fri 9-18") == wanted
    assert read(text, base=calendar()) == wanted


def test_time_zone_in_a_text_beats_the_usual_one() -> None:
    assert read("mon-fri 9-18, america/new_york").zone == "America/New_York"
    assert read("пн-пт 9-18, часовой пояс Japan").zone == "Japan"
    assert read("пн-пт 9-18").zone == BERLIN


def test_text_without_a_week_changes_only_what_it_names() -> None:
    base = calendar(exceptions=((EVE, TEN_TO_TWO),), holidays=FIRST_WEEK, leave=((TODAY, TODAY),), stop_before=20)
    changed = read("31.12 выходной, 1 января 9-18, отпуск 28.11, start_before 5", base=base)
    assert changed == calendar(
        exceptions=((NEW_YEAR, NINE_TO_SIX),),
        holidays=FIRST_WEEK - {NEW_YEAR} | {EVE},
        leave=((TODAY, TODAY + timedelta(days=1)),),
        start_before=5,
        stop_before=20,
    )
    assert read("daily 22-6", base=base).exceptions == base.exceptions


@pytest.mark.parametrize("text", ["leave 1 jul - 3 jul", "31.12 10-14", "часовой пояс Japan"])
def test_whoever_has_no_hours_works_all_week_when_dates_are_added(text: str) -> None:
    changed = change_hours(text, zone=BERLIN, today=TODAY, before=None)
    assert changed == read(f"24/7, {text}")


REFUSED = {
    "mon-fri 9-18, whenever": (Reason.UNKNOWN, "whenever"),
    "пн-пт 9": (Reason.UNKNOWN, "9"),
    "пн-пт 9-25:00": (Reason.NO_SUCH_TIME, "25:00"),
    "25:00": (Reason.NO_SUCH_TIME, "25:00"),
    "mon 9:60-18": (Reason.NO_SUCH_TIME, "9:60"),
    "mon 24-6": (Reason.NO_SUCH_TIME, "24"),
    "mon 9am-18pm": (Reason.NO_SUCH_TIME, "18pm"),
    "mon-fri 9-18, 31 feb off": (Reason.NO_SUCH_DATE, "31 feb"),
    "mon-fri 9-18, 2026-02-29 off": (Reason.NO_SUCH_DATE, "2026-02-29"),
    "mon-fri 9-18, Europe/Atlantis": (Reason.NO_SUCH_ZONE, "Europe/Atlantis"),
    "mon 9-9": (Reason.SAME_TIME, "9-9"),
    "mon 9am-6": (Reason.HALF_OF_DAY, "9am-6"),
    "пн–пт 9–18, обед 14–13": (Reason.ENDS_FIRST, "14–13"),
    "mon-fri 9-18, leave 14 jul 2027 - 1 jul 2027": (Reason.ENDS_FIRST, "14 jul 2027 - 1 jul 2027"),
    "пн-пт 9-18, отпуск 14.07-1.07": (Reason.ENDS_FIRST, "14.07-1.07"),
    "mon 9-18, 17-20": (Reason.SHIFTS_OVERLAP, "17-20"),
    "mon 22-10, tue 9-18": (Reason.SHIFTS_OVERLAP, "22-10"),
    "mon 9-18 break 18-19": (Reason.BREAK_OUTSIDE, "18-19"),
    "mon 9-18 break 8:30-10": (Reason.BREAK_OUTSIDE, "8:30-10"),
    "mon 9-18 break 12-14, 13-15": (Reason.BREAKS_OVERLAP, "13-15"),
    "mon 9-13, mon 14-18": (Reason.GIVEN_TWICE, "mon"),
    "mon-fri 9-18, fri 9-17": (Reason.GIVEN_TWICE, "fri"),
    "mon 9-18, mon off": (Reason.GIVEN_TWICE, "mon"),
    "mon-fri 9-18, 31.12 off, 31.12 10-15": (Reason.GIVEN_TWICE, "31.12"),
    "9-18": (Reason.WITHOUT_DAYS, "9-18"),
    "mon-fri 9-18, off": (Reason.WITHOUT_DAYS, "off"),
    "break 13-14, mon-fri 9-18": (Reason.WITHOUT_DAYS, "break"),
    "пн-пт": (Reason.WITHOUT_HOURS, "пн-пт"),
    "пн-пт 9-18, сб": (Reason.WITHOUT_HOURS, "сб"),
    "пн, 31.12 9-18": (Reason.WITHOUT_HOURS, "пн"),
    "mon-fri 9-18, lunch": (Reason.WITHOUT_HOURS, "lunch"),
    "пн-пт 9-18, отпуск": (Reason.WITHOUT_DATES, "отпуск"),
    "пн-пт отпуск": (Reason.WITHOUT_DATES, "пн-пт"),
    "31.12 10-15": (Reason.WITHOUT_WEEK, ""),
    "": (Reason.WITHOUT_WEEK, ""),
    "mon-mon 9-18": (Reason.UNCLEAR, "mon-mon"),
    "off: sat, sun, mon-fri 9-18": (Reason.UNCLEAR, "off: sat, sun, mon-fri 9-18"),
    "пн-пт 9-18, отпуск с 5 декабря": (Reason.UNCLEAR, "с 5 декабря"),
    "mon-fri 9-18, leave from 5 dec": (Reason.UNCLEAR, "from 5 dec"),
    "sun off 9-18": (Reason.UNCLEAR, "sun off 9-18"),
    "mon-fri 9-18, 1.01.2027-1.01.2029 off": (Reason.TOO_MUCH, "1.01.2027-1.01.2029"),
    "mon 9-18 " * 500: (Reason.TOO_MUCH, ""),
    "mon-fri 9-18, start_before 721": (Reason.MARGIN, "721"),
    "x" * 99: (Reason.UNKNOWN, "x" * 40),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_unclear_or_impossible_hours_are_refused_with_their_part(text: str) -> None:
    with pytest.raises(BadHours) as refused:
        read(text)
    assert (refused.value.fields["reason"], refused.value.fields["part"]) == REFUSED[text]


def test_every_reason_is_met_by_some_text() -> None:
    assert {reason for reason, _ in REFUSED.values()} == {*Reason}


PIECES = """
    пн вт-чт mon sat будни выходные выходной выходные: off отпуск leave обед break 9-18 9.10-18.10 13-14 22-6 1.05-3.05
    31.12 1-8 января dec 31 2026-12-31 24/7 круглосуточно daily , ; - до с по и 9 18:00 9am 6pm 25:00 Europe/Berlin
    пояс 15 мин до начала : утра 2026 99 . / ( нет start_before"""


@given(st.lists(st.sampled_from(PIECES.split()), max_size=9), st.sampled_from([" ", "", ", ", "\n"]))
def test_any_words_are_read_or_refused_with_their_part(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    with suppress(BadHours):
        assert len(read(text).week) == 7
        return
    with pytest.raises(BadHours) as refused:
        read(text)
    assert refused.value.fields["part"] in " ".join(text.split())


# --- as they are stored -----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(0, 30))
def test_stored_calendar_is_the_same_again(seed: int, dates: int) -> None:
    one = random_calendar(Random(seed), BERLIN, [EVE + timedelta(days=each) for each in range(dates)])
    assert from_json(to_json(one)) == one


def test_stored_form_is_readable() -> None:
    text = "будни 22-6, перерыв 2-3, 31.12 10-14, 1.01 выходной, отпуск 1.07-14.07, stop_before 20"
    assert to_json(read(text)) == {
        "zone": BERLIN,
        "week": [["22:00-30:00", "break 26:00-27:00"]] * 5 + [[], []],
        "exceptions": {"2026-12-31": ["10:00-14:00"]},
        "holidays": ["2027-01-01"],
        "leave": ["2027-07-01/2027-07-14"],
        "stop_before": 20,
    }


def test_stored_form_of_another_version_is_read_as_far_as_it_is_known() -> None:
    newer = {"version": 9, "zone": BERLIN, "week": [["09:00-18:00", "online 09:00-10:00"]], "colour": "red"}
    assert from_json(newer) == Calendar(BERLIN, (NINE_TO_SIX,) + (FREE,) * 6)
    assert from_json({}) == Calendar("UTC", (FREE,) * 7)


@pytest.mark.parametrize(
    "stored",
    [{"zone": "Europe/Atlantis"}, {"week": [["9 to 5"]]}, {"holidays": ["soon"]}, {"leave": ["2026-07-01"]}],
)
def test_stored_form_that_is_no_calendar_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(BadHours):
        from_json(stored)
