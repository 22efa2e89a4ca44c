"""Which days are played again: `yesterday`, `7` days, one day, or from one to another."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo

from crm_core.errors import BadPeriod
from crm_core.storage.types import EPOCH

_WORDS = {"today": 0, "сегодня": 0, "yesterday": 1, "вчера": 1}
_NUMBER = re.compile(r"(\d{1,3})\s*(?:d|days?|д|дн|дней|дня|день)?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{4}))?")
_APART = re.compile(r"\s+|\s*[–—…]\s*|(?<=\d)\.\.(?=\d)")

LONGEST = 366
EARLIEST = EPOCH.date()
"""Nothing is stored of before. It also keeps what is reckoned back from a period within the calendar."""


def read_days(text: str, *, today: date) -> tuple[date, date]:
    """The first and the last day of a typed period; yesterday for an empty one. Some days are those before today.

    Raises BadPeriod.
    """
    words = " ".join(text.casefold().split())
    if words in _WORDS or not words:
        day = today - timedelta(days=_WORDS.get(words, 1))
        return day, day
    number = _NUMBER.fullmatch(words)
    if number is not None and 0 < int(number[1]) <= LONGEST:
        return today - timedelta(days=int(number[1])), today - timedelta(days=1)
    days = list(_dates(words, today))
    if len(days) not in (1, 2):
        raise BadPeriod(part=text)
    try:
        return check_days(days[0], days[-1], today=today)
    except BadPeriod:
        raise BadPeriod(part=text) from None  # as they wrote it


def check_days(first: date, last: date, *, today: date) -> tuple[date, date]:
    """Raises BadPeriod for days that end before they begin, are no days of this program, or are more than a year."""
    if not EARLIEST <= first <= last or first > today or (last - first).days >= LONGEST:
        raise BadPeriod(part=f"{first.isoformat()} {last.isoformat()}")
    return first, last


def moments(first: date, last: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """From the beginning of the first day to the end of the last one."""
    return (
        datetime.combine(first, time(), tzinfo=zone),
        datetime.combine(last + timedelta(days=1), time(), tzinfo=zone),
    )


def _dates(words: str, today: date) -> Iterator[date]:
    for word in _APART.split(words):
        if word in ("", "-", "to", "по", "from", "с"):
            continue
        if word in _WORDS:
            yield today - timedelta(days=_WORDS[word])
            continue
        iso, dotted = _ISO.fullmatch(word), _DOTTED.fullmatch(word)
        try:
            if iso is not None:
                yield date(int(iso[1]), int(iso[2]), int(iso[3]))
            elif dotted is not None:
                yield _without_year(int(dotted[1]), int(dotted[2]), dotted[3], today)
            else:
                raise BadPeriod(part=word)
        except ValueError:
            raise BadPeriod(part=word) from None


def _without_year(day: int, month: int, year: str | None, today: date) -> date:
    found = date(int(year) if year else today.year, month, day)
    return found if year or found <= today else date(today.year - 1, month, day)
