"""Plays a period again under other settings: the team is carried along, and queues move whenever a place is free.

What of a contact no setting concerns stays as its own decisions have it. docs/distribution.md says what is assumed.
"""

from crm_core import events
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import Step
from crm_core.replay.queues import Queues
from crm_core.replay.settings import set_by
from crm_core.routing.returns import ReturnReason
from crm_core.routing.sleep import BY_ITSELF

_MOVES_LINES = frozenset({"skills", "priority_minutes", "hours"})
"""Settings of a source that may change how what waits there is lined up."""


class Carried(Queues):
    """The period under other settings: what each step does, wherever its contact is by then."""

    def change(self, step: Step) -> None:
        moved = {key.source_id for key, _ in set_by(step) if key.name in _MOVES_LINES} - {0}
        for source_id in moved:
            self.note_dropped(source_id)
        super().change(step)
        for source_id in moved:
            self.line_up(source_id, step.at)
        self.left_by(step)
        self.freed = step.at
        if step.kind == events.OPERATOR_CHANGED:
            self.settle_leave(step.operator_id or 0, step.at)
            if step.reason == "removed":
                self.ledgers.remove(step.operator_id)
        if step.kind == events.WEIGHT_CHANGED and step.operator_id in self.world.weights.get(step.source_id or 0, {}):
            self.ledgers.join(step.source_id or 0, step.operator_id or 0)

    def note_dropped(self, source_id: int) -> None:
        """What waits no longer requires what was dropped, whatever its source says from now on."""
        for course in map(self.courses.__getitem__, self.lines.of_source(source_id)):
            course.dropped |= self.pool.required(course).keys() - course.needs

    def line_up(self, source_id: int, at: int) -> None:
        """What waits at a source does so as that says now."""
        for contact_id in self.lines.of_source(source_id):
            self.lines.remove(contact_id)
            self.wait(self.courses[contact_id], at)

    def drawn(self, course: Course, step: Step) -> None:
        if course.place is not Place.ARRIVES:
            return  # it gets a place as soon as there is one, whenever it really got it
        if self.try_to_give(course, step.at, new=step) is not None:
            self.give(course, None, step.at)

    def returned(self, course: Course, step: Step) -> None:
        self.left_by(step)
        if step.reason != ReturnReason.WOKE_ABOVE:  # that is looked at here, by the ceilings of the replay
            super().returned(course, step)
        self.freed = step.at

    def left_by(self, step: Step) -> None:
        """All contacts of an operator who has left go back, whoever really had them."""
        gone = self.world.leaves(step)
        if gone is None:
            return
        operator_id, bot_id = gone
        self.loads.settle(operator_id, step.at)
        for course in sorted(self.courses.values(), key=lambda one: one.facts.id):
            if course.place is Place.HELD and course.operator_id == operator_id:
                source = self.world.sources.get(course.source_id)
                if bot_id is None or (source is not None and source.bot_id == bot_id):
                    self.go_from(course, step)

    def go_from(self, course: Course, step: Step) -> None:
        """A contact goes from an operator who has left; what sleeps is theirs until it wakes, or sleeps on alone."""
        if not course.is_asleep:
            self.take_back(course, step.at)
        elif step.reason in ("removed", ReturnReason.OPERATOR_REMOVED):
            self.sleep_on(course, step.at)

    def moved(self, course: Course, step: Step) -> None:
        if course.place is Place.HELD:
            self.take_back(course, step.at)
        if course.place is Place.WAITS:
            self.lines.remove(course.facts.id)
        super().moved(course, step)
        self.wait_anew(course, step.at)
        if course.place is Place.WAITS:
            self.wait(course, step.at)
        self.freed = step.at

    def sleep(self, course: Course, step: Step) -> None:
        was_asleep = course.is_asleep
        if course.place is Place.SLEEPS and step.reason in BY_ITSELF:
            self.wait_anew(course, step.at)
            self.freed = step.at
        super().sleep(course, step)
        if course.is_asleep:
            self.freed = step.at
        elif was_asleep and step.reason in BY_ITSELF and not self.stays(course, step):
            course.goes_first = self.is_above(course.operator_id)
            self.take_back(course, step.at)
            self.freed = step.at

    def stays(self, course: Course, step: Step) -> bool:
        """Whether a contact that wakes stays with its operator.

        Of the one with whom it really slept, the events say whether they were there.
        """
        if self.is_above(course.operator_id):
            return False
        return course.operator_id == step.operator_id or self.is_there(course)

    def is_there(self, course: Course) -> bool:
        """Whether the operator of a contact can work on it now."""
        operator_id = course.operator_id or 0
        state = self.world.operators.get(operator_id)
        reach = self.world.reach.get((course.source_id, course.facts.in_telegram), {})
        return state is not None and state.is_there and reach.get(operator_id, False)

    def is_above(self, operator_id: int | None) -> bool:
        """Whether more is an operator's than their ceiling lets be."""
        state = self.world.operators.get(operator_id or 0)
        return state is not None and self.loads.held[operator_id or 0] > state.most_held

    def by_hand(self, course: Course, step: Step) -> None:
        if course.place is Place.WAITS:
            self.lines.remove(course.facts.id)
        if course.place is Place.HELD:
            self.leave(course, step.at)
        course.place = Place.ARRIVES
        if step.decision is not None:
            self.charge(course, step.operator_id, step.at)
        super().by_hand(course, step)
        if step.operator_id is not None:
            self.count(step.operator_id, step.at)
        self.freed = step.at

    def count(self, operator_id: int, at: int) -> None:
        """What is not given by the rules counts in what somebody is given in an hour as well."""
        self.paces.count(operator_id, at, had_waited=False)
        self.pace_later(operator_id, at, had_waited=False)

    def reopen(self, course: Course, step: Step) -> None:
        self.former.reopened(course)
        super().reopen(course, step)

    def take_back(self, course: Course, at: int, *, of_offer: bool = False) -> None:
        if of_offer:
            self.undo_draw(course)
        else:
            self.wait_anew(course, at)
        super().take_back(course, at, of_offer=of_offer)

    def wait_anew(self, course: Course, at: int) -> None:
        """All that a contact requires counts again, and it has waited for nobody yet."""
        course.waits_since = at
        course.dropped.clear()

    def close(self, course: Course, at: int) -> None:
        super().close(course, at)
        self.entries.pop(course.facts.id, None)
        self.freed = at
        self.former.closed(course, at)
