"""Moments to come, as people write them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from crm_core.errors import BadMoment
from crm_core.hours.moments import read_moment

ZONE = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 12, 1, 11, 30, tzinfo=ZONE)  # a Tuesday

MOMENTS = {
    # A word before a moment never begins how long something lasts.
    "в 2 дня": "1 14:00", "в 12 дня": "1 12:00", "в 10 часов": "2 10:00", "до 18 часов": "1 18:00", "в 18 ч": "1 18:00",
    "к 18:30": "1 18:30", "at 3pm": "1 15:00", "until 18 h": "1 18:00", "до 5 декабря": "5 09:00",
    "until 5 dec": "5 09:00", "сегодня в 2 дня": "1 14:00", "завтра в 10 часов": "2 10:00",
    "2 дня": "3 11:30", "на 2 дня": "3 11:30", "через 2 дня": "3 11:30", "for 2 hours": "1 13:30", "2 часа": "1 13:30",
    # As people write them.
    "завтра 10.30": "2 10:30", "tomorrow 10.30": "2 10:30", "завтра в 2 часа дня": "2 14:00", "3 часа ночи": "2 03:00",
    "полтора часа": "1 13:00", "in an hour and a half": "1 13:00", "1h30m": "1 13:00", "1ч30м": "1 13:00",
    "1 час и 30 минут": "1 13:00", "2 hours and 5 minutes": "1 13:35", "December 12, 2026": "12 09:00",
    "четверг, 3 декабря": "3 09:00", "thursday, 3 dec 10:00": "3 10:00", "чт 3 декабря в 14": "3 14:00",
    "пн 10.30": "7 10:30",
}  # fmt: skip


@pytest.mark.parametrize("text", MOMENTS)
def test_moment_is_read_as_it_is_meant(text: str) -> None:
    found = read_moment(text, now=NOW, zone=ZONE).astimezone(ZONE)
    assert (found.month, f"{found.day} {found:%H:%M}") == (12, MOMENTS[text])


@pytest.mark.parametrize("text", ["среда, 3 декабря", "завтра 25.30", "завтра 10.75", "в 2 дня 3 часа", "until", "и"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadMoment) as refused:
        read_moment(text, now=NOW, zone=ZONE)
    assert refused.value.fields["why"] == "unknown"
