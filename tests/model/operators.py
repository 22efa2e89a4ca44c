"""Operators: what they may be given, whether they are there, and what they were given lately."""

from dataclasses import dataclass, field

from tests.model.hours import Shifts

HOUR, MINUTE = 3_600, 60


@dataclass(frozen=True)
class Given:
    """A contact that an operator was given, and whether it had been waiting when they came."""

    moment: int
    contact: int
    had_waited: bool


@dataclass
class Operator:
    """A member of staff.

    Attributes:
        limit: active contacts at most; `max_held`: contacts at most; where nobody has set it, 3 * limit,
            or 3 for a limit of 0, with which contacts come by hand alone.
        rate: contacts per hour, None for any number.
        lead: as which client they write themselves; their own requests are not for them.
        receives: online while new contacts are given, as it was when looked at last; `receives_since`: since when.
        is_present: the same or within working time: who is given contacts before a shift is there already, and so is
            who is given none at its end. `away_since`: since when they are not.
        misses: offers missed in a row.
        given: what they were given in the last hour.
    """

    id: int
    limit: int = 5
    max_held: int | None = None
    rate: int | None = None
    skills: frozenset[str] = frozenset()
    lead: str | None = None
    shifts: Shifts = field(default_factory=Shifts)
    is_active: bool = True
    is_reachable: bool = True
    is_online: bool = True
    is_removed: bool = False
    is_present: bool = True
    away_since: int = 0
    receives: bool = True
    receives_since: int = 0
    was_on_leave: bool = False
    misses: int = 0
    given: list[Given] = field(default_factory=list)

    @property
    def ceiling(self) -> int:
        """The most contacts that may be theirs, waiting and snoozed ones included."""
        return 3 * max(self.limit, 1) if self.max_held is None else self.max_held

    def look(self, now: int) -> None:
        """Notes whether they are there, since when, and drops what was given too long ago to count."""
        there = self.is_online and not self.is_removed
        receives = there and self.shifts.takes(now)
        is_present = receives or (there and self.shifts.works(now))
        if self.is_present and not is_present:
            self.away_since = now
        if receives and not self.receives:
            self.receives_since = now
        self.is_present, self.receives = is_present, receives
        self.given = [one for one in self.given if one.moment > now - HOUR]

    def last_minute(self, now: int) -> int:
        """Of what had been waiting when they came, contacts given to them in the minute until now."""
        return sum(one.had_waited and one.moment > now - MINUTE for one in self.given)

    def take_back(self, contact: int) -> None:
        """An offer that came to nothing was not given; the latest one of a contact."""
        latest = max((at for at, one in enumerate(self.given) if one.contact == contact), default=None)
        if latest is not None:
            del self.given[latest]
