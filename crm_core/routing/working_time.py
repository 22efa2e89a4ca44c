"""The working time of sources, as their hours were at each moment: a change of hours today repaints nothing before.

Hours are read from the events of their changes, which stay when the row of a source says something else.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event

EVER = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
CHANGED, REMOVED = "hours", "removed"
"""Reasons of events: of a change of hours, and of the end of a source."""

OF_SOURCES = text("events.kind = 'source_changed'")
"""The condition of those events, in the words of the index."""


@dataclass(frozen=True)
class WorkingTime:
    """The hours of a source.

    Attributes:
        hours: since when each held, in order, the first since ever; None for always.
    """

    hours: tuple[tuple[datetime, Calendar | None], ...] = ((EVER, None),)

    def changed(self, since: datetime, calendar: Calendar | None) -> "WorkingTime":
        """This with other hours from a moment on, not before that of the last change."""
        return WorkingTime((*self.hours, (since, calendar)))

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two moments, zero if the second one is not later."""
        return sum((worked(*one) for one in self._between(start, end)), timedelta())

    def after(self, start: datetime, time: timedelta) -> datetime | None:
        """The first moment at which so much time has been worked since a start, with the hours that are known.

        None if that is not within the days that a calendar is searched (`crm_core.hours.calendar.FAR`).
        """
        for calendar, begins, ends in self._between(start, LAST):
            if ends == LAST:
                return begins + time if calendar is None else calendar.after(begins, time)
            here = worked(calendar, begins, ends)
            if here >= time:
                return begins + time if calendar is None else calendar.after(begins, time)
            time -= here
        return None

    def _between(self, start: datetime, end: datetime) -> Iterator[tuple[Calendar | None, datetime, datetime]]:
        """The time between two moments in parts, each with the hours that held in it."""
        ends = [*(since for since, _ in self.hours[1:]), LAST]
        for (since, calendar), until in zip(self.hours, ends, strict=True):
            first, last = max(start, since), min(end, until)
            if first < last:
                yield calendar, first, last


ALWAYS = WorkingTime()
"""That of a source whose hours nobody has ever set."""


def worked(calendar: Calendar | None, start: datetime, end: datetime) -> timedelta:
    """The working time between two moments by one calendar; None for always."""
    return end - start if calendar is None else calendar.worked(start, end)


_CHANGES = (
    select(Event.source_id, Event.at, Event.reason, Event.data)
    .where(OF_SOURCES, Event.source_id.in_(bindparam("ids", expanding=True)))
    .where(Event.reason.in_((CHANGED, REMOVED)))
    .order_by(Event.id)
)


def of_sources(s: Session, source_ids: Collection[int]) -> dict[int, WorkingTime]:
    """The working time of each of these sources."""
    found = dict.fromkeys(source_ids, ALWAYS)
    for row in execute(s, _CHANGES, {"ids": sorted(source_ids)}):
        found[row.source_id] = changed_by(found[row.source_id], row)
    return found


def changed_by(time: WorkingTime, event: Any) -> WorkingTime:
    """The working time of a source after an event of it with one of the reasons above."""
    if event.reason == REMOVED:  # SQLite may give its id to the next source
        return ALWAYS
    return time.changed(event.at, readable(event.data["hours"]))
