"""Clients who come back in a replay: whom they had before, as `crm_core.routing.returning` finds it."""

from crm_core import events
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course
from crm_core.replay.history import History, SourceState, Step
from crm_core.replay.settings import Key

DAY = 24 * 60 * 60 * 1000


class Former:
    """Whom clients had at each source, and until when."""

    def __init__(self, history: History, changes: Changes) -> None:
        self._closed = {both: dict(theirs) for both, theirs in history.former.items()}
        remembered = {one for one, source in history.sources.items() if source.sticky_days}
        remembered |= {
            step.source_id or 0
            for step in history.steps
            if step.kind == events.SOURCE_CHANGED and step.reason == "sticky"
        }
        self._remembered, self._changes = remembered, changes

    def closed(self, course: Course, at: int) -> None:
        """A contact is closed."""
        self._closed.setdefault(_whose(course), {})[course.facts.id] = at, course.operator_id

    def reopened(self, course: Course) -> None:
        """A contact is opened again."""
        self._closed.get(_whose(course), {}).pop(course.facts.id, None)

    def of(self, course: Course, at: int, source: SourceState, new: Step | None) -> tuple[int | None, bool]:
        """The operator whom a client had before, if that is to count, and whether they pay for it.

        Args:
            new: of a contact that comes in: what really became of it. Words that came soon after a contact was closed
                are for whoever had that, whatever the source says of clients who come back.
        """
        theirs = self._closed.get(_whose(course), {})
        found = max(((*one, contact) for contact, one in theirs.items()), key=_last, default=None)
        really = None if new is None or new.decision is None or new.decision.is_by_hand else new.decision.preferred
        is_late = really is not None and course.source_id not in self._remembered
        if is_late or (really is not None and found is None and not self._is_changed(course.source_id)):
            return really if found is None else found[1], is_late or source.sticky_mode == "charged"
        if found is None or at - found[0] >= source.sticky_days * DAY:
            return None, True
        return found[1], source.sticky_mode == "charged"

    def _is_changed(self, source_id: int) -> bool:
        return Key("sticky_days", source_id) in self._changes.values


def _whose(course: Course) -> tuple[int, int]:
    return course.source_id, course.facts.lead_id


def _last(one: tuple[int, int | None, int]) -> tuple[int, int]:
    return one[0], one[2]
