"""The clocks of the service level: how much working time a client has waited, from what happened alone.

Nothing is counted along the way, so nothing can drift. A clock runs in the source's working time as it was then; it
stands still while the contact waits for its client, is snoozed or closed. The bot's own notices are not in the history.

* first reply: from the opening to the first reply. Reopening does not start it again.
* next reply: from the client's first unanswered word to the reply, after the first reply.
* resolution: from the opening to the close; reopening starts a new one, or an old contact would be late at once.
"""

from dataclasses import dataclass, field
from math import ceil

from tests.model.hours import Shifts

MINUTE = 60
REMINDERS = (70, 100)  # percent of a target: to the operator, to admins


@dataclass(frozen=True)
class Targets:
    """In minutes of working time; None: no target."""

    first_reply: int | None = None
    next_reply: int | None = None
    resolution: int | None = None

    def of(self, clock: str) -> int | None:
        """The target of a clock, by its name."""
        return {"first_reply": self.first_reply, "next_reply": self.next_reply, "resolution": self.resolution}[clock]


@dataclass(frozen=True)
class Happened:
    """Something that starts or stops a clock: `opened`, `wrote`, `replied`, `snoozed`, `woke`, `closed`, `reopened`."""

    moment: int
    kind: str


@dataclass
class Clock:
    """One measurement: working seconds up to `read_at`, and whether it still runs.

    Attributes:
        is_over: whether it has ended for good.
    """

    name: str
    since: int
    seconds: int = 0
    runs: bool = True
    is_over: bool = False


@dataclass
class _Reading:
    """What is known while the history is read."""

    clocks: list[Clock] = field(default_factory=list)
    is_snoozed: bool = False
    is_unanswered: bool = True

    def start(self, name: str, moment: int) -> None:
        self.clocks.append(Clock(name, moment))

    def end(self, *names: str) -> None:
        for clock in self.clocks:
            if clock.name in names:
                clock.runs, clock.is_over = False, True


def read(history: list[Happened], shifts: Shifts, now: int) -> list[Clock]:
    """Every clock of a contact, in the order in which they were started, as they stand now."""
    reading, before = _Reading(), history[0].moment
    for happened in history:
        _run(reading.clocks, shifts, before, happened.moment)
        _apply(reading, happened)
        before = happened.moment
    _run(reading.clocks, shifts, before, now)
    return reading.clocks


def _run(clocks: list[Clock], shifts: Shifts, start: int, end: int) -> None:
    if any(clock.runs for clock in clocks):
        worked = shifts.worked(start, end)
        for clock in clocks:
            clock.seconds += worked * clock.runs


def _apply(reading: _Reading, happened: Happened) -> None:
    match happened.kind:
        case "opened":
            reading.start("first_reply", happened.moment)
            reading.start("resolution", happened.moment)
        case "wrote":
            if not reading.is_unanswered and any(one.is_over for one in reading.clocks if one.name == "first_reply"):
                reading.start("next_reply", happened.moment)
            reading.is_unanswered = True
        case "replied":
            reading.end("first_reply", "next_reply")
            reading.is_unanswered = False
        case "snoozed" | "woke":
            reading.is_snoozed = happened.kind == "snoozed"
        case "closed":
            reading.end("first_reply", "next_reply", "resolution")
            reading.is_snoozed = reading.is_unanswered = False
        case "reopened":
            reading.start("resolution", happened.moment)
    for clock in reading.clocks:
        clock.runs = not clock.is_over and not reading.is_snoozed and reading.is_unanswered


def threshold(target_minutes: int, percent: int) -> int:
    """Seconds on a clock at which somebody is reminded."""
    return ceil(target_minutes * MINUTE * percent / 100)
