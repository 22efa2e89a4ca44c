"""How many contacts each operator has in a replay, and how long they were at their limit."""

from collections import Counter
from collections.abc import Iterable, Mapping

from crm_core.replay.courses import Course
from crm_core.replay.history import OperatorState


class Loads:
    """Loads, and the time at the limit: that of operators who are there and could get more but for their limit.

    Attributes:
        loads: by operator.
        here: the same by source and operator.
        held: all that is theirs, what sleeps included.
        at_limit: in milliseconds, by operator.
    """

    def __init__(self, operators: Mapping[int, OperatorState], held: Iterable[Course], *, since: int) -> None:
        self._operators, self._since = operators, since
        self._settled: dict[int, int] = {}
        self.loads, self.held, self.here = Counter[int](), Counter[int](), Counter[tuple[int, int]]()
        for one in held:
            if one.operator_id is not None:
                self.held[one.operator_id] += 1
                self.loads[one.operator_id] += not one.is_asleep
                self.here[one.source_id, one.operator_id] += not one.is_asleep
        self.at_limit: dict[int, int] = {}

    def add(self, course: Course, at: int) -> None:
        """A contact begins to count in its operator's load."""
        self._count(course, 1, at)

    def remove(self, course: Course, at: int) -> None:
        """A contact counts no more in its operator's load."""
        self._count(course, -1, at)

    def _count(self, course: Course, more: int, at: int) -> None:
        self.settle(course.operator_id, at)
        if course.operator_id is not None:
            self.loads[course.operator_id] += more
            self.here[course.source_id, course.operator_id] += more

    def settle(self, operator_id: int | None, at: int) -> None:
        """Counts the time until now; called before anything of an operator changes."""
        state = self._operators.get(operator_id or 0)
        if operator_id is None or state is None:
            return
        before = self._settled.get(operator_id, self._since)
        self._settled[operator_id] = at
        is_there = state.is_active and state.is_there
        if is_there and state.limit > 0 and self.loads[operator_id] >= state.limit:
            self.at_limit[operator_id] = self.at_limit.get(operator_id, 0) + at - before

    def end(self, at: int) -> None:
        """The period ends."""
        for operator_id in list(self._operators):
            self.settle(operator_id, at)
