"""What can happen to the distributor (moves), and what it answers (events)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """What a step did: kinds and fields are those of the product's events."""

    kind: str
    contact: int | None = None
    operator: int | None = None
    why: str | None = None


# --- what clients do -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    """A new contact. Its id is the next number."""

    source: int
    lead: str
    skills: Mapping[str, int | None] = field(default_factory=dict)
    head_start: int = 0


@dataclass(frozen=True)
class Write:
    """The client of an open contact writes."""

    contact: int


# --- what operators do with a contact of theirs ----------------------------------------------------------------------


@dataclass(frozen=True)
class Take:
    """Accepts an offer."""

    contact: int


@dataclass(frozen=True)
class Decline:
    """Declines an offer, for a reason after which it may be offered to them again, or may not."""

    contact: int
    may_ask_again: bool = True


@dataclass(frozen=True)
class Reply:
    """Writes to the client; to an offered contact, which takes it."""

    contact: int


@dataclass(frozen=True)
class Snooze:
    """Puts a contact to sleep until a moment."""

    contact: int
    until: int


@dataclass(frozen=True)
class Return:
    """Puts a contact back into the queue."""

    contact: int


@dataclass(frozen=True)
class Close:
    """Ends a contact; one without an operator is ended by an admin."""

    contact: int


@dataclass(frozen=True)
class Reopen:
    """Whoever had a closed contact opens it again."""

    contact: int


@dataclass(frozen=True)
class Give:
    """Gives a contact to an operator: by hand, as a transfer or through the API."""

    contact: int
    operator: int
    is_confirmed: bool = False


@dataclass(frozen=True)
class Move:
    """Moves a contact to the queue of another source."""

    contact: int
    source: int


# --- presence and settings -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Set:
    """Sets fields of an operator: `is_online`, `is_active`, `is_reachable`, `limit`, `max_held`, `rate`, `skills`, and
    `hours` (`Hours`, or None for always)."""

    operator: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Configure:
    """Sets fields of a source, by the names of `tests.model.sources.Source`, and `hours`."""

    source: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Employ:
    """Sets an operator's weight and limit at a source."""

    source: int
    operator: int
    weight: int
    limit: int | None = None


@dataclass(frozen=True)
class Remove:
    """Removes an operator for good."""

    operator: int


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: int


ContactMove = Write | Take | Decline | Reply | Snooze | Return | Close | Reopen | Give | Move
Step = Open | ContactMove | Set | Configure | Employ | Remove | Wait
