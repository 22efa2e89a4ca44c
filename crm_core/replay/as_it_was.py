"""Plays a period again as it was: every choice from what it was made from, step by step."""

from dataclasses import dataclass, field

from crm_core import events
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import History, Step
from crm_core.replay.load import Loads
from crm_core.replay.planning import courses
from crm_core.replay.world import SETTINGS, World
from crm_core.routing.given import OFFERS_IN_VAIN
from crm_core.routing.returns import ReturnReason
from crm_core.routing.sleep import BY_ITSELF


@dataclass(slots=True)
class Outcome:
    """What became of the contacts that arrived in the period.

    Attributes:
        courses: of these contacts, as they are at its end, by id.
        at_limit: how long each operator was there and could get nothing more, in milliseconds.
        missed: how many offers nobody answered in time.
    """

    courses: dict[int, Course]
    at_limit: dict[int, int] = field(default_factory=dict)
    missed: int = 0


class AsItWas:
    """The period as it was: who was there is known from each choice, and queues move where they really moved.

    Attributes:
        plays_offers: whether contacts are worked on from when they are taken, instead of from when they are given.
    """

    plays_offers = False

    def __init__(self, history: History, changes: Changes) -> None:
        self.history, self.changes = history, changes
        self.world = World(history, changes)
        self.courses = courses(history, since_taken=self.plays_offers)
        self.missed = 0
        held = [one for one in self.courses.values() if one.place is Place.HELD]
        self.loads = Loads(self.world.operators, held, since=history.since)

    def run(self) -> Outcome:
        """Plays all steps. Returns what became of the contacts."""
        for step in self.history.steps:
            if step.kind == events.CONTACT_TAKEN:
                continue  # says how soon somebody answers, and moves nothing
            self.until(step.at, step)
            self.step(step)
        self.until(self.history.until, None)
        self.loads.end(self.history.until)
        arrived = {one.facts.id: one for one in self.courses.values() if one.created is not None}
        return Outcome(arrived, self.loads.at_limit, self.missed)

    def until(self, at: int, then: Step | None) -> None:
        """What happens by itself before the next step: nothing, as all that happened is a step."""

    def step(self, step: Step) -> None:
        """Plays one step."""
        if step.kind in SETTINGS:
            self.change(step)
            return
        course = self.courses.get(step.contact_id or 0)
        if course is None:
            return
        match step.kind:
            case events.CONTACT_CREATED:
                course.begin()
                course.place, course.created, course.waits_since = Place.ARRIVES, step.at, step.at
            case events.CONTACT_ASSIGNED if step.is_fixed:
                self.by_hand(course, step)
            case events.CONTACT_ASSIGNED:
                self.drawn(course, step)
            case events.CONTACT_QUEUED if step.is_return:
                self.returned(course, step)
            case events.CONTACT_QUEUED:
                self.drawn(course, step)
            case events.CONTACT_MOVED:
                self.moved(course, step)
            case events.CONTACT_CLOSED:
                if course.follows and course.place is Place.HELD:
                    self.close(course, step.at)
            case events.CONTACT_REOPENED:
                self.reopen(course, step)
            case events.CONTACT_SNOOZED | events.CONTACT_WOKE:
                self.sleep(course, step)

    # --- what a step does

    def change(self, step: Step) -> None:
        """A setting, or somebody's presence, changes."""
        self.loads.settle(step.operator_id, step.at)
        self.world.apply(step)

    def drawn(self, course: Course, step: Step) -> None:
        """A contact was to be given to somebody, on arrival or from the queue."""
        if course.place in (Place.ARRIVES, Place.WAITS):
            self.give(course, None if step.decision is None else step.decision.again(), step.at)

    def returned(self, course: Course, step: Step) -> None:
        """A contact went back to the queue, since its operator has left."""
        if course.place is Place.HELD and course.operator_id == step.operator_id:
            self.missed += step.reason == ReturnReason.MISSED
            if course.is_asleep and step.reason == ReturnReason.OPERATOR_REMOVED:
                self.sleep_on(course, step.at)
            else:
                self.take_back(course, step.at, of_offer=step.reason in OFFERS_IN_VAIN)

    def moved(self, course: Course, step: Step) -> None:
        """Somebody moved a contact to another source: it waits there, wherever it was."""
        if course.place is Place.HELD:
            self.take_back(course, step.at)
        course.source_id = step.source_id or course.source_id
        if course.place is Place.SLEEPS:
            course.place, course.since = Place.WAITS, step.at

    def by_hand(self, course: Course, step: Step) -> None:
        """Somebody assigned a contact by hand: it is with that operator, wherever it was."""
        if course.place is Place.HELD:
            self.leave(course, step.at)
        course.begin()
        self.give(course, step.operator_id, step.at)

    def reopen(self, course: Course, step: Step) -> None:
        """A closed contact is opened again, by whoever had it; one that is still open is worked on for longer."""
        if course.place in (Place.HELD, Place.WAITS):
            course.extend()
            if course.place is Place.HELD:
                self.plan(course)
            return
        course.begin()
        self.give(course, course.operator_id or step.operator_id, step.at)

    def sleep(self, course: Course, step: Step) -> None:
        """A contact falls asleep, or wakes, with whoever has it; without its operator, it wakes to wait."""
        is_asleep = step.kind == events.CONTACT_SNOOZED
        if course.place is Place.SLEEPS and step.reason in BY_ITSELF:
            self.give(course, None, step.at)
            return
        if course.place is not Place.HELD or course.operator_id is None or course.is_asleep is is_asleep:
            return
        course.is_asleep = is_asleep
        if is_asleep:
            self.loads.remove(course, step.at)
        else:
            self.loads.add(course, step.at)

    # --- what happens to a contact

    def give(self, course: Course, operator_id: int | None, at: int) -> None:
        """A contact gets an operator, or waits for one."""
        course.place, course.operator_id, course.since = Place.WAITS, operator_id, at
        if operator_id is None:
            return
        course.place = Place.HELD
        if course.assigned is None:
            course.assigned = at
        self.loads.add(course, at)
        self.loads.held[operator_id] += 1
        self.plan(course)

    def plan(self, course: Course) -> None:
        """Works out when a contact will be closed."""
        closes = None if course.left is None else course.since + course.left
        course.follows = closes is not None and closes == course.ends
        if closes is not None and not course.follows:
            self.close_later(course, closes)

    def close_later(self, course: Course, at: int) -> None:
        """A contact will be closed at another moment than it really was: never, as long as all is as it was."""

    def leave(self, course: Course, at: int) -> None:
        """A contact leaves its operator."""
        course.holding += 1
        if course.left is not None:
            course.left = max(0, course.left - (at - course.since))
        if not course.is_asleep:
            self.loads.remove(course, at)
        if course.operator_id is not None:
            self.loads.held[course.operator_id] -= 1
        course.is_asleep = False

    def sleep_on(self, course: Course, at: int) -> None:
        """A contact whose operator was removed sleeps on without one."""
        self.leave(course, at)
        course.place, course.operator_id, course.since = Place.SLEEPS, None, at

    def take_back(self, course: Course, at: int, *, of_offer: bool = False) -> None:
        """A contact goes back to the queue.

        Args:
            of_offer: whether it was only offered, so that its wait goes on.
        """
        self.leave(course, at)
        self.give(course, None, at)

    def close(self, course: Course, at: int) -> None:
        """A contact is closed."""
        self.leave(course, at)
        course.place = Place.CLOSED
