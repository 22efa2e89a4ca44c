"""How soon operators really answered what they were given in a period, from its steps."""

from dataclasses import dataclass, replace
from enum import Enum

from crm_core import events
from crm_core.replay.history import ContactFacts, History, Step
from crm_core.replay.settings import set_by
from crm_core.replay.world import moment
from crm_core.routing.choose import Asked
from crm_core.routing.returns import ReturnReason
from crm_core.routing.working_time import EVER, WorkingTime
from crm_core.storage.types import MILLISECOND

Both = tuple[int, int]
"""A contact, and an operator who had it."""


class Answer(Enum):
    """What an operator did with a contact that they were given."""

    TAKEN = "taken"
    DECLINED = "declined"
    REFUSED = "refused"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reaction:
    """How soon an operator answered a contact.

    Attributes:
        answer: NONE where they had not answered when it left them, or in the end.
        worked: in milliseconds of their working time.
        lasted: in milliseconds by the clock.
        began: when they were given it; None where this is not known of the contact in question.
    """

    answer: Answer
    worked: int
    lasted: int = 0
    began: int | None = None


class Answers:
    """The answers of a period.

    Attributes:
        known: by contact and operator, each time that they had it; None where nothing tells how soon they answered.
    """

    def __init__(self, history: History) -> None:
        self.known: dict[Both, list[Reaction | None]] = {}
        self._times: dict[int, WorkingTime] = {
            one: WorkingTime(((EVER, state.hours),)) for one, state in history.operators.items()
        }
        self._has_hours = {one for one, state in history.operators.items() if state.hours is not None}
        self._given: dict[int, tuple[int, int]] = {}  # by contact: to whom and when, while it is not answered
        self._missed: dict[int, tuple[int, int, int]] = {}  # and until when, of an offer that may be made to them again
        self._declined: dict[int, int] = {}  # by contact: who did, until the next choice says whether for good
        for step in history.steps:
            self._read(step)
        for contact_id in list(self._missed):
            self._end_missed(contact_id)
        for contact_id, (operator_id, began) in self._given.items():
            self._add(contact_id, operator_id, self._later(history.contacts[contact_id], operator_id, began, history))

    def _read(self, step: Step) -> None:
        contact_id, operator_id = step.contact_id, step.operator_id or 0
        if contact_id is None:
            self._change(step)
            return
        if contact_id in self._declined:
            self._look_whether_for_good(step, contact_id, self._declined[contact_id])
        match step.kind:
            case events.CONTACT_ASSIGNED:
                self._give(contact_id, operator_id, step.at)
            case events.CONTACT_TAKEN | events.CONTACT_CLOSED:
                self._answered(contact_id, Answer.TAKEN, step.at)
            case events.CONTACT_QUEUED if step.is_return and step.reason == ReturnReason.DECLINED:
                self._answered(contact_id, Answer.DECLINED, step.at)
                self._declined[contact_id] = operator_id
            case events.CONTACT_QUEUED if step.is_return and step.reason == ReturnReason.MISSED:
                if contact_id in self._given:
                    self._missed[contact_id] = *self._given.pop(contact_id), step.at
            case events.CONTACT_QUEUED | events.CONTACT_REOPENED:
                self._left(contact_id)

    def _give(self, contact_id: int, operator_id: int, at: int) -> None:
        """An operator is given a contact; if they have missed it right now, it goes on."""
        self._left(contact_id)
        whose, began, until = self._missed.get(contact_id, (0, 0, 0))
        if (whose, until) == (operator_id, at):
            del self._missed[contact_id]
            self._given[contact_id] = operator_id, began
            return
        self._end_missed(contact_id)
        self._given[contact_id] = operator_id, at

    def _answered(self, contact_id: int, answer: Answer, at: int) -> None:
        if contact_id in self._given:
            operator_id, began = self._given.pop(contact_id)
            self._add(contact_id, operator_id, self._reaction(operator_id, answer, began, at))

    def _left(self, contact_id: int) -> None:
        """It left its operator before they had answered, for another reason."""
        if contact_id in self._given:
            self._add(contact_id, self._given.pop(contact_id)[0], None)

    def _end_missed(self, contact_id: int) -> None:
        if contact_id in self._missed:
            operator_id, began, until = self._missed.pop(contact_id)
            self._add(contact_id, operator_id, self._reaction(operator_id, Answer.NONE, began, until))

    def _look_whether_for_good(self, step: Step, contact_id: int, operator_id: int) -> None:
        """The next choice of a contact that was declined says whether it may be offered to the same operator again."""
        candidates = () if step.decision is None else step.decision.candidates
        theirs = self.known.get((contact_id, operator_id))
        for one in candidates:
            if one.operator_id == operator_id:
                del self._declined[contact_id]
                if theirs and theirs[-1] is not None and one.asked is Asked.REFUSED:
                    theirs[-1] = replace(theirs[-1], answer=Answer.REFUSED)

    def _later(self, contact: ContactFacts, operator_id: int, began: int, history: History) -> Reaction | None:
        """What is known of a contact that was not answered when the period ended."""
        is_theirs = contact.held_last == operator_id and contact.assigned_last in (began, contact.taken_later)
        answered = contact.taken_later or contact.closed_later
        if not is_theirs:
            return None
        if answered is None:
            return self._reaction(operator_id, Answer.NONE, began, history.until)
        return self._reaction(operator_id, Answer.TAKEN, began, answered)

    def _add(self, contact_id: int, operator_id: int, reaction: Reaction | None) -> None:
        self.known.setdefault((contact_id, operator_id), []).append(reaction)

    def _reaction(self, operator_id: int, answer: Answer, began: int, ended: int) -> Reaction:
        lasted = worked = ended - began
        if operator_id in self._has_hours:
            worked = self._times[operator_id].worked(moment(began), moment(ended)) // MILLISECOND
        return Reaction(answer, worked, lasted, began)

    def _change(self, step: Step) -> None:
        for key, value in set_by(step):
            if key.name == "hours" and key.operator_id:
                before = self._times.get(key.operator_id, WorkingTime())
                self._times[key.operator_id] = before.changed(moment(step.at), value)
                self._has_hours.add(key.operator_id)
