"""Whether an operator was there at each moment: online and on shift, from the events that say so."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from crm_core.hours.stored import readable
from crm_core.routing.working_time import EVER
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event

# In the words of the index.
_OF_OPERATORS = text("events.kind = 'operator_changed'")
_REASONS = ("online", "offline", "hours", "hours_unreadable", "shift_began", "shift_ended", "removed")
_CHANGES = (
    select(Event.at, Event.reason, Event.data)
    .where(_OF_OPERATORS, Event.operator_id == bindparam("operator_id"), Event.reason.in_(_REASONS))
    .order_by(Event.id)
)


@dataclass(frozen=True, slots=True)
class Presence:
    """Since when an operator was there, or was not: in order, the first since ever."""

    states: tuple[tuple[datetime, bool], ...]

    def between(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """The time between two moments in parts, with whether they were there."""
        at = bisect_right(self.states, start, key=lambda one: one[0]) - 1
        while start < end:
            until = self.states[at + 1][0] if at + 1 < len(self.states) else end
            yield start, min(until, end), self.states[at][1]
            start, at = min(until, end), at + 1


class Presences:
    """Those of all operators, each read when it is asked for first."""

    def __init__(self, s: Session) -> None:
        self._s = s
        self._known: dict[int, Presence] = {}

    def of(self, operator_id: int) -> Presence:
        """That of one operator."""
        if operator_id not in self._known:
            self._known[operator_id] = _read(execute(self._s, _CHANGES, {"operator_id": operator_id}).all())
        return self._known[operator_id]


def _read(changes: Any) -> Presence:
    is_online = on_shift = True
    states = [(EVER, True)]
    for row in changes:
        match row.reason:
            case "online" | "offline":
                is_online = row.reason == "online"
            case "hours":
                calendar = readable(row.data["hours"])
                on_shift = calendar is None or calendar.takes(row.at)
            case "removed":
                is_online = False
            case _:
                on_shift = row.reason != "shift_ended"
        states.append((row.at, is_online and on_shift))
    return Presence(tuple(states))
