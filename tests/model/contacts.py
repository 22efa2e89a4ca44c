"""Contacts: where each one is, what it counts, and its place in the queue."""

from dataclasses import dataclass, field
from enum import StrEnum

from tests.model.clocks import Happened
from tests.model.credits import Entry
from tests.model.rules import WHOLE

MINUTE = 60


class State(StrEnum):
    """Where a contact is; exactly one of these."""

    QUEUED = "queued"
    OFFERED = "offered"
    HELD = "held"
    SNOOZED = "snoozed"
    CLOSED = "closed"


@dataclass(frozen=True)
class Offer:
    """A contact shown to its operator until taken, declined or missed.

    Attributes:
        seconds: of the operator's working time, as the source had it at the offer; None where it comes back to
            somebody after admins were told: it stays there until taken, or until somebody comes who was not asked.
        entry: what the draw changed in the ledger; undone if nothing comes of the offer.
    """

    since: int
    seconds: int | None
    entry: Entry | None


@dataclass
class Contact:
    """One request of a client.

    Attributes:
        opened: its age in the queue counts from here, whatever happened in between; from the reopening, if any.
        queued: since when it has been without an operator who took it; requirements are dropped by this.
        operator: whose it is; of a closed one, whose it was.
        since: when it came to its operator.
        skills: required by its link, a keyword or the API, beside those of its source.
        head_start: minutes: VIP, keyword, API.
        asked: who had it, and what came of that (`tests.model.rules.Candidate.asked`).
        offers: made in vain in this wait; `is_escalated`: admins were told.
        why: what excluded everybody when it found nobody.
        woke: whether it came back from sleep to an operator above their ceiling: it goes to the head of the queue.
        wakes: when it is to wake.
        unanswered: the client's first word that nobody has answered; None: it waits for its client.
        is_told: whether the client knows that their operator is away; until somebody replies.
        reminded: clocks whose reminders were sent, as (name, start, percent).
    """

    id: int
    source: int
    lead: str
    opened: int
    queued: int
    skills: dict[str, int | None] = field(default_factory=dict)
    head_start: int = 0
    state: State = State.QUEUED
    operator: int | None = None
    since: int = 0
    offer: Offer | None = None
    asked: dict[int, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    offers: int = 0
    is_escalated: bool = False
    why: str | None = None
    woke: bool = False
    wakes: int | None = None
    unanswered: int | None = None
    closed: int | None = None
    is_told: bool = False
    history: list[Happened] = field(default_factory=list)
    reminded: set[tuple[str, int, int]] = field(default_factory=set)

    def load(self, waiting_load: int) -> int:
        """What it counts in its operator's load, in hundredths.

        Args:
            waiting_load: what one that waits for its client counts at its source.
        """
        match self.state:
            case State.OFFERED:
                return WHOLE
            case State.HELD:
                return WHOLE if self.unanswered is not None else waiting_load
            case _:
                return 0

    def order(self, priority_minutes: int) -> tuple[bool, int, int]:
        """Its place in the queue: who woke first, then most minutes waited plus head start, then the older one.

        Minutes pass for all alike, so that the order of two contacts never changes by waiting: nobody starves.
        """
        return not self.woke, self.opened - (self.head_start + priority_minutes) * MINUTE, self.id

    def happened(self, moment: int, kind: str) -> None:
        """Adds to what its clocks are read from."""
        self.history.append(Happened(moment, kind))
