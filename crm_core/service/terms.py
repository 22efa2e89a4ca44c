"""The hours and targets of a source, as they were at each moment: a change today does not repaint last month.

They are read from the events of the changes. A clock is measured in the hours that held while it ran, against the
target that held when it was started.
"""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable
from crm_core.service.clocks import Clock
from crm_core.service.targets import Targets, from_json
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event

EVER = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
HOURS, TARGETS = "hours", "sla"
"""Reasons of the events that change them."""


@dataclass(frozen=True)
class Terms:
    """What held at a source, since when, in order; the first since ever.

    Attributes:
        hours: None for always.
    """

    hours: tuple[tuple[datetime, Calendar | None], ...] = ((EVER, None),)
    targets: tuple[tuple[datetime, Targets], ...] = ((EVER, Targets()),)

    @property
    def ever(self) -> bool:
        """Whether there was ever a target."""
        return any(one.are_set for _, one in self.targets)

    def target(self, clock: Clock) -> timedelta | None:
        """The working time that a clock may take, by what held when it was started; None if nothing did."""
        return self.targets_at(clock.since).of(clock.measure)

    def targets_at(self, moment: datetime) -> Targets:
        """The targets that held at a moment."""
        return self.targets[bisect_right(self.targets, moment, key=lambda one: one[0]) - 1][1]

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two moments."""
        total = timedelta()
        for since, until, calendar in self._spans():
            begins, ends = max(start, since), min(end, until)
            if begins < ends:
                total += ends - begins if calendar is None else calendar.worked(begins, ends)
        return total

    def on(self, clock: Clock, now: datetime) -> timedelta:
        """The working time on a clock."""
        return sum((self.worked(*one) for one in clock.stretches(now)), timedelta())

    def after(self, start: datetime, time: timedelta) -> datetime | None:
        """The moment at which so much time will have been worked, if hours stay as they are; None if that is far."""
        calendar = self.hours[-1][1]
        return start + time if calendar is None else calendar.after(start, time)

    def _spans(self) -> list[tuple[datetime, datetime, Calendar | None]]:
        ends = [*(since for since, _ in self.hours[1:]), LAST]
        return [(since, until, calendar) for (since, calendar), until in zip(self.hours, ends, strict=True)]


# In the words of the index.
_OF_SOURCES = text("events.kind = 'source_changed'")
_CHANGES = (
    select(Event.source_id, Event.at, Event.reason, Event.data)
    .where(_OF_SOURCES, Event.source_id.in_(bindparam("ids", expanding=True)))
    .where(Event.reason.in_((HOURS, TARGETS, "removed")))
    .order_by(Event.id)
)


def of_sources(s: Session, source_ids: Collection[int]) -> dict[int, Terms]:
    """The terms of each of these sources."""
    found = {one: Terms() for one in source_ids}
    for row in execute(s, _CHANGES, {"ids": sorted(source_ids)}):
        found[row.source_id] = _changed(found[row.source_id], row)
    return found


def _changed(terms: Terms, row: Any) -> Terms:
    if row.reason == "removed":  # SQLite may give its id to the next source
        return Terms()
    if row.reason == HOURS:
        return Terms((*terms.hours, (row.at, readable(row.data["hours"]))), terms.targets)
    return Terms(terms.hours, (*terms.targets, (row.at, from_json(row.data["sla"]))))
