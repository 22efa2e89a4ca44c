"""Hours in words: what is shown says all, and can be sent back; every refusal says what is wrong in both languages."""

import re
from datetime import date, timedelta
from random import Random
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts import LANGUAGES, translator
from bot.texts.hours import hours_lines
from bot.texts.refusals import refusal
from crm_core.api.error_texts import sentence
from crm_core.api.hours_texts import HOURS_SENTENCES
from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.days import Day, Reason
from crm_core.hours.reading import read_hours
from crm_core.hours.words import PART_LONGEST
from tests.support.random_hours import random_calendar

TODAY = date(2026, 11, 27)
ZONES = sorted(available_timezones())
TOAST_LONGEST = 200

TYPED = (
    "пн-пт 9-18, обед 13-14, сб 10-13, 14-18, перерывы 11-11:15, 12-12:15, 31.12 22-6, 1-8 января и 23.02 выходной, "
    "9.01 круглосуточно, отпуск 1.07-14.07, отпуск 1.09, start_before 15, stop_before 20"
)
SHOWN = {
    "en": """\
Mon–Fri 9:00–18:00, break 13:00–14:00
Sat 10:00–13:00, breaks 11:00–11:15, 12:00–12:15, 14:00–18:00
Sun: day off
31 Dec 2026 22:00–6:00
1 Jan 2027 – 8 Jan 2027, 23 Feb 2027: days off
9 Jan 2027 around the clock
leave 1 Jul 2027 – 14 Jul 2027
leave 1 Sep 2027
first request 15 min before the start
last request 20 min before the end
time zone Europe/Berlin""",
    "ru": """\
пн–пт 9:00–18:00, перерыв 13:00–14:00
сб 10:00–13:00, перерывы 11:00–11:15, 12:00–12:15, 14:00–18:00
вс: выходной
31.12.2026 22:00–6:00
01.01.2027–08.01.2027, 23.02.2027: выходные
09.01.2027 круглосуточно
отпуск 01.07.2027–14.07.2027
отпуск 01.09.2027
первое обращение за 15 мин до начала
последнее обращение за 20 мин до конца
часовой пояс Europe/Berlin""",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_hours_are_shown_in_words(language: str) -> None:
    calendar = read_hours(TYPED, zone="Europe/Berlin", today=TODAY)
    assert "\n".join(hours_lines(calendar, translator(language))) == SHOWN[language]


def test_days_with_the_same_hours_are_shown_together() -> None:
    def shown(typed: str) -> list[str]:
        return hours_lines(read_hours(typed, zone="UTC", today=TODAY), translator("en"))[:-1]

    assert shown("24/7") == ["daily around the clock"]
    assert shown("mon, wed, fri-sun 10-19") == ["Mon, Wed, Fri–Sun 10:00–19:00", "Tue, Thu: days off"]
    assert shown("нет рабочих часов") == ["no weekly hours"]


@given(st.integers(0, 10**9), st.sampled_from(ZONES), st.integers(0, 20))
def test_shown_hours_are_read_back_as_the_same(seed: int, zone: str, dates: int) -> None:
    rng = Random(seed)
    calendar = random_calendar(rng, zone, [date(2026, 12, 25) + timedelta(days=one) for one in range(dates)])
    for language in LANGUAGES:
        lines = hours_lines(calendar, translator(language))
        for between in ("\n", ", ", "; "):
            assert read_hours(between.join(lines), zone="UTC", today=date(2020, 1, 1)) == calendar


@pytest.mark.parametrize("reason", Reason)
def test_refusal_of_hours_says_what_is_wrong_and_fits_a_toast(reason: Reason) -> None:
    error = BadHours(reason=reason, part="ы" * PART_LONGEST)
    english, russian = (refusal(error, translator(language)) for language in ("en", "ru"))
    assert re.search("[а-я]", russian.replace("ы", ""))
    assert english != russian
    assert max(len(english), len(russian)) <= TOAST_LONGEST
    assert "{" not in english + russian + sentence(error)
    assert HOURS_SENTENCES[reason].format(part="x") == sentence(BadHours(reason=reason, part="x"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", Reason)
def test_hours_in_a_refusal_are_an_example_that_is_read(reason: Reason, language: str) -> None:
    example = re.search(
        r"(?:Example|Пример|together|вместе)[^:]*: (.*)",
        refusal(BadHours(reason=reason, part=""), translator(language)),
    )
    if example is not None and not re.fullmatch(r"\w+/\w+", example[1]):
        read_hours(f"24/7, {example[1]}", zone="UTC", today=TODAY)


def test_shown_hours_leave_room_in_a_message() -> None:
    week = (Day(((540, 1080),)),) * 7
    dates = tuple((date(2027, 1, 1) + timedelta(days=one), Day(((540 + one, 1080),))) for one in range(300))
    lines = hours_lines(Calendar("UTC", week, exceptions=dates), translator("en"))
    assert len("\n".join(lines)) < 2_600
    assert lines[0] == "daily 9:00–18:00"
    assert lines[-2].startswith("… and ")
