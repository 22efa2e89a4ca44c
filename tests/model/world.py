"""Everything that the distributor knows, and the questions that are asked of it. Counts are counted, never kept."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.model.choosing import Decision
from tests.model.contacts import Contact, State
from tests.model.moves import Event
from tests.model.operators import Operator
from tests.model.rules import Candidate
from tests.model.sources import Member, Source

THEIRS = (State.OFFERED, State.HELD, State.SNOOZED)
DAY = 86_400


@dataclass
class World:
    """The state of the distributor.

    Attributes:
        rolls: chance; one number in [0, 1) is taken for each contact that finds somebody.
        events: of the step that is under way.
    """

    rolls: Callable[[], float]
    now: int = 0
    operators: dict[int, Operator] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def tell(self, kind: str, contact: Contact | None = None, *, operator: int | None = None, why: str = "") -> None:
        """Adds an event; it names the contact's operator unless told another."""
        if contact is not None and operator is None:
            operator = contact.operator
        self.events.append(Event(kind, contact.id if contact else None, operator, why or None))

    def in_state(self, *states: State) -> list[Contact]:
        """Contacts in these states, the older first."""
        return [one for one in self.contacts.values() if one.state in states]

    def queue(self) -> list[Contact]:
        """What waits for an operator, first in line first."""
        return self.in_line(State.QUEUED)

    def in_line(self, *states: State) -> list[Contact]:
        """Contacts in these states, in the order of the queue."""
        priority = {source.id: source.priority_minutes for source in self.sources.values()}
        return sorted(self.in_state(*states), key=lambda one: one.order(priority[one.source]))

    def theirs(self, operator: int, source: int | None = None) -> list[Contact]:
        """What is offered to an operator, held and snoozed by them, at one source or at all."""
        return [one for one in self.in_state(*THEIRS) if one.operator == operator and source in (None, one.source)]

    def load(self, operator: int, source: int | None = None) -> int:
        """Hundredths of active contacts."""
        return sum(one.load(self.sources[one.source].waiting_load) for one in self.theirs(operator, source))

    def required(self, contact: Contact) -> dict[str, int | None]:
        """The skills that a contact still requires, each with its minutes until it is dropped."""
        everything = {**self.sources[contact.source].skills, **contact.skills}
        return {skill: drop_after for skill, drop_after in everything.items() if skill not in contact.dropped}

    def last_operator(self, contact: Contact) -> int | None:
        """Whom the client had here within the days of the source; None if nobody, or if it is not sticky."""
        since = self.now - self.sources[contact.source].sticky_days * DAY
        earlier = [
            (one.closed, one.id, one.operator)
            for one in self.contacts.values()
            if one.source == contact.source and one.lead == contact.lead
            if one.closed is not None and one.closed > since and one.operator is not None
        ]
        return max(earlier)[2] if earlier else None

    def had_waited(self, contact: Contact, operator: Operator) -> bool:
        """Whether a contact was waiting before its source opened, or before the operator came."""
        return contact.queued < max(operator.receives_since, self.sources[contact.source].opens)

    def candidate(self, contact: Contact, operator: Operator, *, unknown_weight: int = 0) -> Candidate:
        """An operator as a contact sees them now.

        Args:
            unknown_weight: what counts as their weight where they do not work at the source.
        """
        source = self.sources[contact.source]
        member = source.members.get(operator.id, Member(unknown_weight))
        return Candidate(
            operator=operator.id,
            weight=member.weight,
            credit=source.ledger.credits.get(operator.id, 0),
            is_active=operator.is_active and not operator.is_removed,
            is_reachable=operator.is_reachable,
            is_online=operator.is_online,
            on_shift=operator.shifts.takes(self.now),
            on_leave=operator.shifts.on_leave(self.now),
            load=self.load(operator.id),
            limit=operator.limit,
            held=len(self.theirs(operator.id)),
            ceiling=operator.ceiling,
            load_here=self.load(operator.id, source.id),
            limit_here=member.limit,
            last_hour=len(operator.given),
            rate=operator.rate,
            last_minute=operator.last_minute(self.now),
            ramp=source.ramp if self.had_waited(contact, operator) else None,
            lacking=frozenset(self.required(contact)) - operator.skills,
            is_own=contact.lead == operator.lead,
            asked=self._asked(contact, operator),
        )

    def _asked(self, contact: Contact, operator: Operator) -> str | None:
        asked = contact.asked.get(operator.id)
        members, required = self.sources[contact.source].members, self.required(contact).keys()
        gone = {one for one, before in contact.asked.items() if before in ("refused", "returned")}
        others = (
            self.operators[one]
            for one, member in members.items()
            if member.weight and one != operator.id and one not in gone
        )
        is_somebody_there = any(
            one.receives and one.is_active and one.is_reachable and required <= one.skills and one.lead != contact.lead
            for one in others
        )
        return None if asked == "returned" and not is_somebody_there else asked

    def candidates(self, contact: Contact) -> tuple[Candidate, ...]:
        """Everybody who works at the contact's source, eligible or not."""
        members = sorted(self.sources[contact.source].members)
        return tuple(self.candidate(contact, self.operators[one]) for one in members)
