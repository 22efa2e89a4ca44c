"""Contacts on their way through a replay: where each is, and how long it will be worked on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from crm_core.replay.history import ContactFacts
from crm_core.routing.choose import NOTHING, Candidate

_NOBODY: Mapping[int, Candidate] = MappingProxyType({})


class Place(Enum):
    """Where a contact is."""

    NOT_YET = "not yet"
    ARRIVES = "arrives"
    WAITS = "waits"
    HELD = "held"
    SLEEPS = "sleeps"
    """Without its operator, who was removed; what sleeps with somebody is held."""
    CLOSED = "closed"


@dataclass(slots=True)
class Stretch:
    """A part of a contact's life: from its arrival, from an assignment by hand, or from being opened again.

    Attributes:
        work: how long it was with operators, in milliseconds.
        ends: when it was closed; None if the stretch ended otherwise, or not at all.
    """

    work: int = 0
    ends: int | None = None


@dataclass(slots=True)
class Course:
    """A contact in a replay.

    Attributes:
        source_id: where it is; it may be moved.
        stretches: those to come, in order.
        rolls: of its draws, in order; a later draw than there was has a number of its own.
        known: who could have got it, as each of its assignments by the rules has them, in order, or else what it waited
            for: what is so of this contact alone stays so.
        left: how long it is still to be worked on; None if until something else happens to it.
        ends: when it was really closed in this stretch.
        follows: whether it is closed where it really was.
        holding: grows when the contact leaves an operator, so that a planned end of theirs is void.
        assigned: when it first got an operator.
        is_asleep: whether it counts nothing in its operator's load.
        waits_since: since when its wait counts, the present one or the one that has ended.
        needs: the skills that it requires while it waits.
        dropped: skills that it required and no longer does, though its source now says otherwise.
        goes_first: whether it stands before all that do not while it waits.
        drawn, given: how often chance decided, and how often the rules, since the period began.
    """

    facts: ContactFacts
    source_id: int
    stretches: list[Stretch] = field(default_factory=list)
    rolls: list[float] = field(default_factory=list)
    known: list[dict[int, Candidate]] = field(default_factory=list)
    place: Place = Place.NOT_YET
    created: int | None = None
    assigned: int | None = None
    operator_id: int | None = None
    since: int = 0
    left: int | None = None
    ends: int | None = None
    follows: bool = False
    holding: int = 0
    drawn: int = 0
    given: int = 0
    is_asleep: bool = False
    waits_since: int = 0
    needs: frozenset[str] = NOTHING
    dropped: set[str] = field(default_factory=set)
    goes_first: bool = False

    def before(self, operator_id: int) -> Candidate | None:
        """An operator as the decision has them that is like the one to be made now."""
        return self.all_before().get(operator_id)

    def all_before(self) -> Mapping[int, Candidate]:
        """All operators of that decision, by id; nobody where there is none."""
        return self.known[min(self.given, len(self.known) - 1)] if self.known else _NOBODY

    def begin(self) -> None:
        """The next stretch begins."""
        stretch = self.stretches.pop(0) if self.stretches else Stretch()
        self.ends = stretch.ends
        self.left = None if stretch.ends is None else stretch.work

    def extend(self) -> None:
        """The next stretch is added to the present one, which has not ended."""
        left = self.left
        self.begin()
        self.left = None if left is None or self.left is None else left + self.left
