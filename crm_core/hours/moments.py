"""Moments to come as people write them: 2h, tomorrow 10:00, 2 dec, in half an hour; завтра 10:00, пн 9:00, 2 часа.

A day alone means its morning, a time alone its next one. Days and times go by the clock on the wall, so that tomorrow
at 10:00 is at 10:00 on a day on which clocks change, too.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from crm_core.errors import BadMoment
from crm_core.hours.vocabulary import DAY_NAMES, MONTH_NAMES

MORNING, EVENING = time(9), time(18)
FARTHEST = timedelta(days=366)
LONGEST_TEXT = 64

_FILLER = re.compile(r"(?:in|at|on|for|until|till|to|the|through|and|через|на|в|во|до|к|и)(?![^\W_])|[\s,.]+")
_POINT = re.compile(r"(?:at|on|until|till|to|в|во|до|к)(?![^\W_])")
"""What stands before a moment, never before how long something lasts: `в 2 дня` is 14:00, `до 18 часов` is 18:00."""
_UNITS = (
    (r"w(?:eeks?)?|нед(?:ел[юияь]|\.)?", timedelta(days=7)),
    (r"d(?:ays?)?|дн(?:я|ей|\.)|день|сут(?:ки|ок)|д", timedelta(days=1)),
    (r"h(?:ours?|rs?)?|час(?:а|ов)?|ч", timedelta(hours=1)),
    (r"m(?:in(?:ute)?s?)?|мин(?:ут[уы]?|\.)?|м", timedelta(minutes=1)),
)
_LENGTHS = [(re.compile(rf"(\d{{1,4}})\s*(?:{unit})(?![^\W\d_])"), length) for unit, length in _UNITS]
_ONE = (
    (re.compile(r"полчаса(?![^\W_])|half an hour(?![^\W_])"), timedelta(minutes=30)),
    (re.compile(r"полтора часа(?![^\W_])|an? hour and a half(?![^\W_])"), timedelta(minutes=90)),
    (re.compile(r"(?:an? )?hour(?![^\W_])|час(?![^\W_])"), timedelta(hours=1)),
    (re.compile(r"(?:a )?day(?![^\W_])|день(?![^\W_])"), timedelta(days=1)),
    (re.compile(r"(?:a )?week(?![^\W_])|неделю(?![^\W_])"), timedelta(days=7)),
)
_SOON = (
    (re.compile(r"day after tomorrow(?![^\W_])|послезавтра(?![^\W_])"), 2),
    (re.compile(r"tomorrow(?![^\W_])|tmrw(?![^\W_])|завтра(?![^\W_])"), 1),
    (re.compile(r"today(?![^\W_])|сегодня(?![^\W_])"), 0),
)
_PARTS_OF_DAY = (
    (re.compile(r"(?:this )?evening(?![^\W_])|вечером(?![^\W_])|вечер(?![^\W_])"), EVENING),
    (re.compile(r"morning(?![^\W_])|утром(?![^\W_])|утро(?![^\W_])"), MORNING),
    (re.compile(r"noon(?![^\W_])|полдень(?![^\W_])"), time(12)),
)
_WEEKDAYS = [re.compile(rf"(?:next )?(?:{names})(?![^\W_])") for names in DAY_NAMES]
_YEAR = r"(?:[ .,]*(20\d\d)(?!\d)(?: ?г(?:ода|\.)?(?![^\W_]))?)?"
_ISO = re.compile(r"(20\d\d)-(\d\d?)-(\d\d?)(?!\d)")
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)(?:\.((?:20)?\d\d))?(?![\d:])")
_DAY_MONTH = [re.compile(rf"(\d\d?)(?:st|nd|rd|th|-?го)? ?(?:{names})\.?(?![^\W\d_]){_YEAR}") for names in MONTH_NAMES]
_MONTH_DAY = [re.compile(rf"(?:{names})\.? (\d\d?)(?:st|nd|rd|th)?(?![\d:]){_YEAR}") for names in MONTH_NAMES]
_HALF = r"(am|a\.m\.|pm|p\.m\.|утра|дня|вечера|ночи)"
_CLOCK = re.compile(rf"(\d\d?)(?::(\d\d)| ?час(?:а|ов)?)? ?{_HALF}(?![^\W_])|(\d\d?):(\d\d)(?!\d)")
_DOTTED_CLOCK = re.compile(r"(\d\d?)\.(\d\d)(?![\d.])")  # behind a day: завтра 10.30
_HOUR = re.compile(r"(\d\d?)(?:-?00)?(?: ?(?:h|ч|час(?:а|ов)?))?(?![\w:.])")
_LATER = {"pm": 1, "p.m.": 1, "вечера": 4, "дня": 1}
"""Words after an hour, and the first hour that they make one of the afternoon."""


class Choice(StrEnum):
    """Moments that a button offers."""

    HOUR = "hour"
    EVENING = "evening"
    TOMORROW = "tomorrow"
    MONDAY = "monday"


def chosen(choice: Choice, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment that a button means. Raises BadMoment where it is past: this evening, at night."""
    today = now.astimezone(zone).date()
    match choice:
        case Choice.HOUR:
            return now + timedelta(hours=1)
        case Choice.EVENING:
            return check_moment(_at(today, EVENING, zone), now=now)
        case Choice.TOMORROW:
            return _at(today + timedelta(days=1), MORNING, zone)
        case Choice.MONDAY:
            return _at(today + timedelta(days=7 - today.weekday()), MORNING, zone)


def read_moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment that somebody has written, which is to come.

    Args:
        zone: by whose clocks days and times go.

    Raises BadMoment with `why`: `unknown`, and the `part` that is not understood; `past`; `far`, beyond a year.
    """
    written = " ".join(text.casefold().replace("ё", "е").split())
    if not written or len(written) > LONGEST_TEXT:
        raise BadMoment(why="unknown", part=written[:LONGEST_TEXT])
    reading = _Reading(written, now.astimezone(zone))
    found = reading.length() or reading.day_and_time()
    return check_moment(found, now=now)


def check_moment(moment: datetime, *, now: datetime) -> datetime:
    """A moment to come, within a year. Raises BadMoment."""
    if moment <= now:
        raise BadMoment(why="past", part="")
    if moment > now + FARTHEST:
        raise BadMoment(why="far", part="")
    return moment.astimezone(UTC)


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A moment by the clock on the wall; of a time that a clock change skips, the one after it."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


class _Reading:
    """A text, read piece by piece from its beginning."""

    def __init__(self, text: str, now: datetime) -> None:
        self._text, self._now, self._zone = text, now, now.tzinfo
        self._rest = text

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._rest)
        if found is not None:
            self._rest = self._rest[found.end() :]
        return found

    def _skip(self) -> None:
        while self._take(_FILLER):
            pass

    def length(self) -> datetime | None:
        """So long from now: 2h, 1 h 30 min, полчаса. None if the text says something else."""
        if _POINT.match(self._text):
            return None
        days, passed, is_any = 0, timedelta(), False
        self._skip()
        while self._rest:
            length = self._one_length()
            if length is None:
                self._rest = self._text
                return None
            is_any = True
            days += length.days
            passed += length - timedelta(days=length.days)
            self._skip()
        if not is_any or days > FARTHEST.days + 1:
            if is_any:
                raise BadMoment(why="far", part="")
            return None
        zone = self._zone
        assert isinstance(zone, ZoneInfo)
        by_day = _at(self._now.date() + timedelta(days=days), self._now.time(), zone) if days else self._now
        return by_day.astimezone(UTC) + passed

    def _one_length(self) -> timedelta | None:
        for pattern, length in _LENGTHS:
            if found := self._take(pattern):
                return length * int(found[1])
        return next((length for pattern, length in _ONE if self._take(pattern)), None)

    def day_and_time(self) -> datetime:
        """A day, a time, or both, in any order. Raises BadMoment."""
        day: date | None = None
        at: time | None = None
        is_weekday = False
        self._skip()
        while self._rest:
            before = self._rest
            if day is None and (found := self._day()) is not None:
                day, is_weekday = found
            elif is_weekday and (dated := self._named_date()) is not None:  # thursday, 3 december
                if day is None or dated.weekday() != day.weekday():
                    raise BadMoment(why="unknown", part=self._text)
                day, is_weekday = dated, False
            elif at is None:
                at = self._time(has_day=day is not None)
            if self._rest == before:
                raise BadMoment(why="unknown", part=self._rest)
            self._skip()
        if day is None and at is None:
            raise BadMoment(why="unknown", part=self._text)
        zone = self._zone
        assert isinstance(zone, ZoneInfo)
        moment = _at(day or self._now.date(), at or MORNING, zone)
        if moment <= self._now and (day is None or is_weekday):
            later = timedelta(days=1 if day is None else 7)
            moment = _at((day or self._now.date()) + later, at or MORNING, zone)
        return moment

    def _day(self) -> tuple[date, bool] | None:
        """A day, and whether it was named as one of the week."""
        today = self._now.date()
        for pattern, days in _SOON:
            if self._take(pattern):
                return today + timedelta(days=days), False
        if (dated := self._named_date()) is not None:
            return dated, False
        if found := self._take(_DOTTED):
            year = int(found[3] or 0)
            return self._date(year % 2_000 + 2_000 if year else 0, int(found[2]), int(found[1])), False
        for weekday, pattern in enumerate(_WEEKDAYS):
            if self._take(pattern):
                return today + timedelta(days=(weekday - today.weekday()) % 7), True
        return None

    def _named_date(self) -> date | None:
        """A date that cannot be a time."""
        if found := self._take(_ISO):
            return self._date(int(found[1]), int(found[2]), int(found[3]))
        for patterns in (_DAY_MONTH, _MONTH_DAY):
            for month, pattern in enumerate(patterns, 1):
                if found := self._take(pattern):
                    return self._date(int(found[2] or 0), month, int(found[1]))
        return None

    def _date(self, year: int, month: int, day: int) -> date:
        """A date; without a year (0), the next one."""
        today = self._now.date()
        for one in (year,) if year else (today.year, today.year + 1):
            try:
                found = date(one, month, day)
            except ValueError:
                continue
            if year or found >= today:
                return found
        raise BadMoment(why="unknown", part=self._text)

    def _time(self, *, has_day: bool) -> time | None:
        for pattern, at in _PARTS_OF_DAY:
            if self._take(pattern):
                return at
        if found := self._take(_CLOCK):
            hour, minute, half = int(found[1] or found[4]), int(found[2] or found[5] or 0), found[3]
        elif has_day and (found := self._take(_DOTTED_CLOCK)):
            hour, minute, half = int(found[1]), int(found[2]), None
        elif (has_day or self._text != self._rest) and (found := self._take(_HOUR)):
            hour, minute, half = int(found[1]), 0, None
        else:
            return None
        if half in _LATER and _LATER[half] <= hour < 12:
            hour += 12
        elif half in ("am", "a.m.", "ночи") and hour == 12:
            hour = 0
        if hour > 23 or minute > 59:
            raise BadMoment(why="unknown", part=self._text)
        return time(hour, minute)
