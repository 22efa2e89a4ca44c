"""What operators were given lately in a replay: of an hour for their rates, of a minute for ramps."""

from collections import deque
from collections.abc import Iterable

from crm_core.replay.history import Given

MINUTE, HOUR = 60_000, 3_600_000


class Paces:
    """The moments at which operators were given contacts."""

    def __init__(self, before: Iterable[Given]) -> None:
        self._hour: dict[int, deque[int]] = {}
        self._minute: dict[int, deque[int]] = {}
        for one in before:
            self.count(one.operator_id, one.at, had_waited=one.had_waited)

    def count(self, operator_id: int, at: int, *, had_waited: bool) -> None:
        """An operator was given a contact."""
        self._hour.setdefault(operator_id, deque()).append(at)
        if had_waited:
            self._minute.setdefault(operator_id, deque()).append(at)

    def take_back(self, operator_id: int | None, at: int) -> None:
        """What they were given at a moment came to nothing."""
        for theirs in (self._hour.get(operator_id or 0), self._minute.get(operator_id or 0)):
            if theirs and at in theirs:
                theirs.remove(at)

    def last_hour(self, operator_id: int, at: int) -> int:
        """How many they were given in the hour that ends now."""
        return _left(self._hour.get(operator_id), at - HOUR)

    def last_minute(self, operator_id: int, at: int) -> int:
        """How many of what had waited before they came they were given in the minute that ends now."""
        return _left(self._minute.get(operator_id), at - MINUTE)


def _left(moments: deque[int] | None, until: int) -> int:
    if moments is None:
        return 0
    while moments and moments[0] <= until:
        moments.popleft()
    return len(moments)
