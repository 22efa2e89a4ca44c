"""Calendars as they are stored, in what JSON can hold.

    {"zone": "Europe/Berlin",
     "week": [["09:00-18:00", "break 13:00-14:00"], …],          seven days, from Monday
     "exceptions": {"2026-12-31": ["22:00-30:00"]},              what is beyond 24:00 is of the next day
     "holidays": ["2027-01-01"], "leave": ["2026-07-01/2026-07-14"],
     "start_before": 15, "stop_before": 20}                      minutes

What is empty or 0 is left out. A reader passes over keys, and over words before hours, that it does not know: a later
version may have stored them.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.days import FREE, Day, Reason, Span

_HOURS = re.compile(r"(?P<word>[a-z_]*) ?(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
_BREAK = "break"


def to_json(calendar: Calendar) -> dict[str, Any]:
    """A calendar in the form that is stored."""
    stored: dict[str, Any] = {"zone": calendar.zone, "week": [_stored(day) for day in calendar.week]}
    parts = {
        "exceptions": {when.isoformat(): _stored(day) for when, day in calendar.exceptions},
        "holidays": [when.isoformat() for when in sorted(calendar.holidays)],
        "leave": [f"{first.isoformat()}/{last.isoformat()}" for first, last in calendar.leave],
        "start_before": calendar.start_before,
        "stop_before": calendar.stop_before,
    }
    return stored | {key: value for key, value in parts.items() if value}


def from_json(stored: Mapping[str, Any]) -> Calendar:
    """The calendar of a stored form.

    Raises BadHours for what is no calendar: a time zone that this machine does not know, dates and hours that are none.
    """
    week = [_day(day) for day in stored.get("week", ())][:7]
    try:
        return Calendar(
            str(stored.get("zone", "UTC")),
            (*week, *(FREE,) * (7 - len(week))),
            exceptions=tuple((date.fromisoformat(when), _day(day)) for when, day in _items(stored)),
            holidays=frozenset(map(date.fromisoformat, stored.get("holidays", ()))),
            leave=tuple(_dates(one) for one in stored.get("leave", ())),
            start_before=int(stored.get("start_before", 0)),
            stop_before=int(stored.get("stop_before", 0)),
        )
    except (TypeError, ValueError) as error:  # no date, no number
        raise BadHours(reason=Reason.UNKNOWN, part=str(error)) from None


def readable(stored: Mapping[str, Any] | None) -> Calendar | None:
    """The calendar of a stored form; None where there is none, or it cannot be read by this machine."""
    try:
        return None if stored is None else from_json(stored)
    except BadHours:
        return None


@lru_cache(maxsize=1_000)
def readable_text(stored: str | None) -> Calendar | None:
    """`readable` of the text of that form, as a statement that asks for text finds it in the column.

    Kept by text: for each contact that is offered, some operator's hours are read.
    """
    return readable(None if stored is None else json.loads(stored))


def _items(stored: Mapping[str, Any]) -> Iterable[tuple[str, Sequence[str]]]:
    exceptions: Mapping[str, Sequence[str]] = stored.get("exceptions", {})
    return exceptions.items()


def _dates(text: str) -> tuple[date, date]:
    first, _, last = text.partition("/")
    return date.fromisoformat(first), date.fromisoformat(last)


def _stored(day: Day) -> list[str]:
    return [*map(_hours, day.shifts), *(f"{_BREAK} {_hours(one)}" for one in day.breaks)]


def _hours(span: Span) -> str:
    start, end = span
    return f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"


def _day(stored: Sequence[str]) -> Day:
    found: dict[str, list[Span]] = {}
    for one in stored:
        hours = _HOURS.fullmatch(one)
        if hours is None:
            raise BadHours(reason=Reason.UNKNOWN, part=one)
        start_hour, start_minute, end_hour, end_minute = map(int, hours.groups()[1:])
        span = start_hour * 60 + start_minute, end_hour * 60 + end_minute
        found.setdefault(hours["word"], []).append(span)
    return Day(tuple(found.get("", ())), tuple(found.get(_BREAK, ())))
