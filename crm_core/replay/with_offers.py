"""Plays a period again with offers: they are made and answered anew, at every source."""

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import Step
from crm_core.replay.offering import Offering
from crm_core.replay.planning import DUTY
from crm_core.replay.world import moment
from crm_core.routing.choose import Asked
from crm_core.routing.given import OFFERS_IN_VAIN
from crm_core.routing.returns import ReturnReason
from crm_core.storage.types import MILLISECOND


class WithOffers(Offering):
    """The period with offers: what each step does to them. Those that were really made came to what they did then."""

    def change(self, step: Step) -> None:
        if step.reason == "missed_too_often":
            return  # whoever misses too many offers of the replay is set offline by these
        operator = self.world.operators.get(step.operator_id or 0)
        before = None if operator is None else operator.hours
        super().change(step)
        if step.kind != events.OPERATOR_CHANGED or step.operator_id is None:
            return
        if step.reason in ("online", "offline"):
            self.misses.pop(step.operator_id, None)
        state = self.world.operators.get(step.operator_id)
        if state is None:
            return
        if not (state.is_online and state.is_active):
            self.withdraw(step.operator_id, step.at)
        if state.hours is not before:
            self.adjust(step.operator_id, before, step.at)

    def adjust(self, operator_id: int, before: Calendar | None, at: int) -> None:
        """Other working hours: the working time that was left remains."""

        def later(due: int | None) -> int | None:
            return due if due is None or due <= at else self.after(operator_id, at, _worked(before, at, due))

        for one, found in self.unanswered.items():
            if found.operator_id == operator_id:
                found.ends = later(found.ends)
                if not found.is_known:
                    found.answered = later(found.answered)
                self.remind(self.courses[one], found)

    def returned(self, course: Course, step: Step) -> None:
        is_theirs = course.place is Place.HELD and course.operator_id == step.operator_id
        if step.reason in OFFERS_IN_VAIN:
            if is_theirs and course.facts.id in self.history.open and not course.holding:
                self.missed += step.reason == ReturnReason.MISSED  # it was offered before the period
                outcome = {ReturnReason.MISSED: Asked.MISSED, ReturnReason.DECLINED: Asked.DECLINED}
                if step.reason == ReturnReason.OFFER_WITHDRAWN:
                    self.take_back(course, step.at, of_offer=True)
                else:
                    self.pass_on(course, step.at, outcome[ReturnReason(step.reason)])
                self.freed = step.at
            return
        super().returned(course, step)
        if is_theirs and step.reason == ReturnReason.RETURNED:
            self.asked.setdefault(course.facts.id, {})[step.operator_id or 0] = Asked.RETURNED

    def moved(self, course: Course, step: Step) -> None:
        super().moved(course, step)
        self.asked.pop(course.facts.id, None)
        self.forget_offers(course)

    def by_hand(self, course: Course, step: Step) -> None:
        if step.reason == DUTY:
            return  # whoever is on duty gets what is offered in vain in the replay
        found = self.unanswered.get(course.facts.id)
        if found is not None and found.offered:
            self.undo_draw(course)
        super().by_hand(course, step)


def _worked(hours: Calendar | None, at: int, until: int) -> int:
    return until - at if hours is None else hours.worked(moment(at), moment(until)) // MILLISECOND
