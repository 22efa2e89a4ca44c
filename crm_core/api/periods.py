"""Moments and days in requests."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

_EXPECTED = "must be a moment with an offset (2026-01-15T10:30:00Z) or a day (2026-01-15)"

_MOMENT = "must be a moment with an offset (2026-01-15T10:30:00Z)"


def _read(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        if len(given) == len("2026-01-15"):
            return date.fromisoformat(given)
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if found.tzinfo is None:
        raise ValueError(_EXPECTED)
    return found


def _read_moment(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError(_MOMENT)
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(_MOMENT) from None
    if found.tzinfo is None or len(given) == len("2026-01-15"):
        raise ValueError(_MOMENT)
    return found


def _read_day(given: Any) -> Any:
    try:
        if not isinstance(given, str) or len(given) == len("2026-01-15"):
            return date.fromisoformat(given)
    except (TypeError, ValueError):
        pass
    raise ValueError("must be a day such as 2026-01-15")


When = Annotated[
    datetime | date,
    BeforeValidator(_read),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
"""A moment, or a day of the installation's time zone."""


Given = Annotated[datetime, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment with its offset."""


def moment(given: datetime | date | None, zone: str) -> datetime | None:
    """The moment that is meant: of a day, its beginning in the installation's time zone."""
    if given is None or isinstance(given, datetime):
        return given
    return datetime.combine(given, time(), tzinfo=ZoneInfo(zone))


Day = Annotated[date, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day of the installation's time zone."""


def span(first: date | None, last: date | None, zone: str) -> tuple[datetime | None, datetime | None]:
    """The beginning and the end of a range of days, both days included; None where it is open."""
    after = None if last is None or last == date.max else last + timedelta(days=1)
    return moment(first, zone), moment(after, zone)
