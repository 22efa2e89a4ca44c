"""Contacts on their way through a replay: where each is, and how long it will be worked on."""

from dataclasses import dataclass, field
from enum import Enum

from crm_core import events
from crm_core.replay.history import ContactFacts, History, Step
from crm_core.routing.choose import NOTHING, Candidate
from crm_core.routing.given import OFFERS_IN_VAIN

DUTY = "duty"
"""The reason of an assignment to whoever is on duty, after offers in vain."""


class Place(Enum):
    """Where a contact is."""

    NOT_YET = "not yet"
    ARRIVES = "arrives"
    WAITS = "waits"
    HELD = "held"
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
        return self.known[min(self.given, len(self.known) - 1)].get(operator_id) if self.known else None

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


def courses(history: History, *, since_taken: bool = False) -> dict[int, Course]:
    """All contacts of a period, as they are when it begins.

    Args:
        since_taken: whether they are worked on from when they were taken, instead of from when they were given.
    """
    found = {
        one.id: Course(one, one.source_id, waits_since=one.waits_since, goes_first=one.goes_first)
        for one in history.contacts.values()
    }
    planning = (_PlanningSinceTaken if since_taken else _Planning)(found, history.since)
    for contact_id, holder in history.open.items():
        if contact_id in found:
            planning.begin(found[contact_id], holder)
    for step in history.steps:
        if step.contact_id in found:
            planning.add(found[step.contact_id], step)
    planning.end()
    for contact_id, holder in history.open.items():
        if contact_id in found:
            course = found[contact_id]
            course.begin()
            course.place, course.operator_id, course.since = Place.WAITS, holder, history.since
            if holder is not None:
                course.place = Place.HELD
                course.is_asleep = contact_id in history.asleep
                course.follows = course.ends is not None
    return found


class _Planning:
    """Sums how long each contact was worked on, stretch by stretch."""

    def __init__(self, found: dict[int, Course], since: int) -> None:
        self._found, self._since = found, since
        self._held: dict[int, int] = {}  # since when, of those that somebody holds
        self._only_waited: set[int] = set()  # whose one decision so far has found nobody

    def begin(self, course: Course, holder: int | None) -> None:
        course.stretches.append(Stretch())
        if holder is not None:
            self._held[course.facts.id] = self._since

    def add(self, course: Course, step: Step) -> None:
        match step.kind:
            case events.CONTACT_CREATED:
                course.stretches.append(Stretch())
            case events.CONTACT_ASSIGNED:
                self._assign(course, step)
            case events.CONTACT_TAKEN:
                self._take(course, step)
            case events.CONTACT_QUEUED:
                self._return(course, step)
            case events.CONTACT_CLOSED:
                self._work(course, step.at)
                if course.stretches:
                    course.stretches[-1].ends = step.at
            case events.CONTACT_REOPENED:
                course.stretches.append(Stretch())
                self._held[course.facts.id] = step.at
        if step.decision is not None:
            if step.decision.roll is not None and step.kind == events.CONTACT_ASSIGNED:
                course.rolls.append(step.decision.roll)
            if not step.decision.is_by_hand:
                known = {one.operator_id: one for one in step.decision.candidates}
                if step.kind == events.CONTACT_ASSIGNED and course.facts.id in self._only_waited:
                    self._only_waited.remove(course.facts.id)
                    course.known.clear()
                elif step.kind == events.CONTACT_QUEUED and not course.known:
                    self._only_waited.add(course.facts.id)
                course.known.append(known)

    def end(self) -> None:
        for contact_id, course in self._found.items():
            facts = course.facts
            if facts.closed_later is None or not course.stretches:
                continue
            began = self._held.get(contact_id, self._began_later(facts))
            if began is not None:
                course.stretches[-1].work += max(0, facts.closed_later - began)
                course.stretches[-1].ends = facts.closed_later

    def _assign(self, course: Course, step: Step) -> None:
        if step.is_fixed:
            course.stretches.append(Stretch())
            self._held.pop(course.facts.id, None)
        self._held.setdefault(course.facts.id, step.at)

    def _take(self, course: Course, step: Step) -> None:
        """It is worked on already."""

    def _return(self, course: Course, step: Step) -> None:
        self._work(course, step.at)

    def _began_later(self, facts: ContactFacts) -> int | None:
        return facts.assigned_last

    def _work(self, course: Course, until: int) -> None:
        began = self._held.pop(course.facts.id, None)
        if began is not None and course.stretches:
            course.stretches[-1].work += until - began


class _PlanningSinceTaken(_Planning):
    """The same from when each contact was taken, without the offers of which nothing came."""

    def _assign(self, course: Course, step: Step) -> None:
        if step.is_fixed and step.reason != DUTY:
            course.stretches.append(Stretch())
            self._held.pop(course.facts.id, None)

    def _take(self, course: Course, step: Step) -> None:
        self._held.setdefault(course.facts.id, step.at)

    def _return(self, course: Course, step: Step) -> None:
        if step.reason in OFFERS_IN_VAIN:
            self._held.pop(course.facts.id, None)
        self._work(course, step.at)

    def _began_later(self, facts: ContactFacts) -> int | None:
        return facts.assigned_last if facts.taken_later is None else facts.taken_later
