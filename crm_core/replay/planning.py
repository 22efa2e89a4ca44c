"""How long each contact of a period was worked on, which it is in a replay as well."""

from crm_core import events
from crm_core.replay.courses import Course, Place, Stretch
from crm_core.replay.history import ContactFacts, History, Step
from crm_core.routing.given import OFFERS_IN_VAIN

DUTY = "duty"
"""The reason of an assignment to whoever is on duty, after offers in vain."""


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
            if holder is None and contact_id in history.asleep:
                course.place = Place.SLEEPS
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
