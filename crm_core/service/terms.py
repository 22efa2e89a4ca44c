"""The hours and targets of a source, as they were at each moment: a change today does not repaint last month.

They are read from the events of the changes. A clock is measured in the hours that held while it ran, against the
target that held when it was started.
"""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.routing import working_time
from crm_core.routing.working_time import ALWAYS, EVER, OF_SOURCES, WorkingTime
from crm_core.service.clocks import Clock
from crm_core.service.targets import Targets, from_json
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event

TARGETS = "sla"
"""The reason of the events that change targets."""


@dataclass(frozen=True)
class Terms:
    """What held at a source.

    Attributes:
        time: its hours.
        targets: since when each held, in order, the first since ever.
    """

    time: WorkingTime = ALWAYS
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

    def on(self, clock: Clock, now: datetime) -> timedelta:
        """The working time on a clock."""
        return sum((self.time.worked(*one) for one in clock.stretches(now)), timedelta())

    def due(self, clock: Clock) -> datetime | None:
        """When a clock that runs has taken all of its time, which may be over.

        None if it has no target, does not run, or that is further away than a calendar is searched.
        """
        left = self.target(clock)
        if left is None or clock.runs_since is None:
            return None
        for start, end in clock.ran:
            here = self.time.worked(start, end)
            if here >= left:
                return self.time.after(start, left)
            left -= here
        return self.time.after(clock.runs_since, left)


_CHANGES = (
    select(Event.source_id, Event.at, Event.reason, Event.data)
    .where(OF_SOURCES, Event.source_id.in_(bindparam("ids", expanding=True)))
    .where(Event.reason.in_((working_time.CHANGED, working_time.REMOVED, TARGETS)))
    .order_by(Event.id)
)


def of_sources(s: Session, source_ids: Collection[int]) -> dict[int, Terms]:
    """The terms of each of these sources."""
    found = {one: Terms() for one in source_ids}
    for row in execute(s, _CHANGES, {"ids": sorted(source_ids)}):
        found[row.source_id] = _changed(found[row.source_id], row)
    return found


def _changed(terms: Terms, row: Any) -> Terms:
    if row.reason == TARGETS:
        return replace(terms, targets=(*terms.targets, (row.at, from_json(row.data["sla"]))))
    time = working_time.changed_by(terms.time, row)
    return Terms(time) if row.reason == working_time.REMOVED else replace(terms, time=time)
