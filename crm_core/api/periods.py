"""Moments and days as callers write them."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

_SAYS = "a moment with its offset (2026-01-15T10:30:00Z) or a day (2026-01-15) is needed"


def _read(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        if len(given) == len("2026-01-15"):
            return date.fromisoformat(given)
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(_SAYS) from None
    if found.tzinfo is None:
        raise ValueError(_SAYS)
    return found


def _read_day(given: Any) -> Any:
    try:
        if not isinstance(given, str) or len(given) == len("2026-01-15"):
            return date.fromisoformat(given)
    except (TypeError, ValueError):
        pass
    raise ValueError("a day is needed, such as 2026-01-15")


When = Annotated[
    datetime | date,
    BeforeValidator(_read),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
"""A moment, or a day of the installation's time zone."""


def moment(given: datetime | date | None, zone: str) -> datetime | None:
    """What is meant: a day is its beginning in the installation's time zone."""
    if given is None or isinstance(given, datetime):
        return given
    return datetime.combine(given, time(), tzinfo=ZoneInfo(zone))


Day = Annotated[date, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day of the installation's time zone."""


def span(first: date | None, last: date | None, zone: str) -> tuple[datetime | None, datetime | None]:
    """The moments between which two days lie, both included."""
    after = None if last is None or last == date.max else last + timedelta(days=1)
    return moment(first, zone), moment(after, zone)
