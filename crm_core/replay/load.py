"""How many contacts each operator has in a replay, and how long they were at their limit."""

from collections import Counter
from collections.abc import Iterable, Mapping

from crm_core.replay.courses import Course
from crm_core.replay.history import OperatorState


class Loads:
    """Loads, and the time at the limit: that of operators who are there and could get more but for their limit.

    Attributes:
        loads: by operator.
        at_limit: in milliseconds, by operator.
    """

    def __init__(self, operators: Mapping[int, OperatorState], held: Iterable[Course], *, since: int) -> None:
        self._operators, self._since = operators, since
        self._settled: dict[int, int] = {}
        self.loads = Counter(one.operator_id for one in held if one.operator_id is not None)
        self.at_limit: dict[int, int] = {}

    def add(self, operator_id: int, at: int) -> None:
        """An operator got a contact."""
        self.settle(operator_id, at)
        self.loads[operator_id] += 1

    def remove(self, operator_id: int | None, at: int) -> None:
        """A contact left its operator."""
        self.settle(operator_id, at)
        if operator_id is not None:
            self.loads[operator_id] -= 1

    def settle(self, operator_id: int | None, at: int) -> None:
        """Counts the time until now; called before anything of an operator changes."""
        state = self._operators.get(operator_id or 0)
        if operator_id is None or state is None:
            return
        before = self._settled.get(operator_id, self._since)
        self._settled[operator_id] = at
        is_there = state.is_active and state.is_online and state.is_on_shift
        if is_there and state.limit > 0 and self.loads[operator_id] >= state.limit:
            self.at_limit[operator_id] = self.at_limit.get(operator_id, 0) + at - before

    def end(self, at: int) -> None:
        """The period ends."""
        for operator_id in list(self._operators):
            self.settle(operator_id, at)
