"""Periods of statistics, in whole days of the installation's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from crm_core.statistics.buckets import day_span, ranges


class Period(StrEnum):
    """Since when contacts are counted, by the moment at which they were opened."""

    TODAY = "today"
    WEEK = "7d"
    MONTH = "30d"
    ALL = "all"


_DAYS = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}


def beginning(period: Period, *, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment from which a period counts; None for all time.

    Days are whole days of `zone`, today included: 7 days are today and the six days before it.
    """
    if period is Period.ALL:
        return None
    day = now.astimezone(zone).date() - timedelta(days=_DAYS[period] - 1)
    return datetime.combine(day, time(), tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days, both included; None for no bound."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def of(cls, *, since: datetime | None, until: datetime | None, zone: tzinfo) -> "Days":
        """The days of `zone` between two moments, the second one excluded; a day partly in between counts as whole."""
        last = None if until is None else (until.astimezone(zone) - timedelta(milliseconds=1)).date()
        return cls(None if since is None else since.astimezone(zone).date(), last)

    def ranges(self) -> list[tuple[int, int]]:
        """The same as a few ranges of spans (see `buckets.ranges`)."""
        return ranges(self.first, self.last)

    def covers(self, moment: datetime) -> bool:
        """Whether these days contain a moment, which is given in their time zone."""
        day = day_span(moment)
        return (self.first is None or day >= day_span(self.first)) and (self.last is None or day <= day_span(self.last))
