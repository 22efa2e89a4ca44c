"""The clocks of a contact, from what happened to it alone: arithmetic, without database and without hours.

Nothing is counted along the way, so nothing can drift. A clock stands still while the contact waits for its client, is
snoozed or closed. The bot's own notices are no part of what happened. `tests/model/clocks.py` is the specification:

* first reply: from the opening to the first reply. Reopening does not start it again.
* next reply: from the client's first unanswered word to the reply, after the first reply.
* resolution: from the opening to the close; reopening starts a new one, or an old contact would be late at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from crm_core.service.targets import Measure


class Kind(Enum):
    """What starts or stops a clock."""

    OPENED = auto()
    WROTE = auto()
    REPLIED = auto()
    SNOOZED = auto()
    WOKE = auto()
    CLOSED = auto()
    REOPENED = auto()


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to a contact."""

    at: datetime
    kind: Kind


@dataclass(slots=True)
class Clock:
    """One measurement.

    Attributes:
        since: when it was started.
        ran: from and until of each stretch in which it ran and stood still again.
        runs_since: since when it runs now; None if it does not.
        ended_at: when it ended for good; None while it may go on.
    """

    measure: Measure
    since: datetime
    ran: list[tuple[datetime, datetime]] = field(default_factory=list)
    runs_since: datetime | None = None
    ended_at: datetime | None = None

    def stretches(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """All stretches in which it ran until a moment."""
        return self.ran if self.runs_since is None else [*self.ran, (self.runs_since, max(now, self.runs_since))]


def read(history: Iterable[Happened]) -> list[Clock]:
    """Every clock of a contact, in the order in which they were started.

    Args:
        history: in order; it begins with OPENED.
    """
    clocks: list[Clock] = []
    is_snoozed, is_unanswered = False, True
    for one in history:
        match one.kind:
            case Kind.OPENED:
                clocks += [Clock(Measure.FIRST_REPLY, one.at), Clock(Measure.RESOLUTION, one.at)]
            case Kind.WROTE:
                if not is_unanswered and _is_answered(clocks):
                    clocks.append(Clock(Measure.NEXT_REPLY, one.at))
                is_unanswered = True
            case Kind.REPLIED:
                _end(clocks, one.at, Measure.FIRST_REPLY, Measure.NEXT_REPLY)
                is_unanswered = False
            case Kind.SNOOZED | Kind.WOKE:
                is_snoozed = one.kind is Kind.SNOOZED
            case Kind.CLOSED:
                _end(clocks, one.at, *Measure)
                is_snoozed = is_unanswered = False
            case Kind.REOPENED:
                clocks.append(Clock(Measure.RESOLUTION, one.at))
        for clock in clocks:
            _let_run(clock, one.at, is_unanswered and not is_snoozed and clock.ended_at is None)
    return clocks


def _is_answered(clocks: list[Clock]) -> bool:
    return any(one.measure is Measure.FIRST_REPLY and one.ended_at is not None for one in clocks)


def _end(clocks: list[Clock], at: datetime, *measures: Measure) -> None:
    for clock in clocks:
        if clock.measure in measures and clock.ended_at is None:
            clock.ended_at = at


def _let_run(clock: Clock, at: datetime, runs: bool) -> None:
    if runs and clock.runs_since is None:
        clock.runs_since = at
    elif not runs and clock.runs_since is not None:
        clock.ran.append((clock.runs_since, at))
        clock.runs_since = None
