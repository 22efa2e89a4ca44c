"""Limits on requests: their size, and their rate per key or address."""

from collections.abc import Hashable
from dataclasses import dataclass

BODY_LARGEST = 64 * 1024  # bytes; the longest message has 4096 characters, escapes make each at most 12 bytes
BODY_SECONDS = 10.0  # in which the whole body must arrive


@dataclass(frozen=True, slots=True)
class Rate:
    """A sustained number of requests per second, and a burst that is allowed after a pause."""

    per_second: float
    burst: int


UNKNOWN_RATE = Rate(per_second=1, burst=30)  # of calls from one address that have no valid key
KEY_RATE = Rate(per_second=100, burst=500)
FORM_RATE = Rate(per_second=1, burst=5)  # a form's key is public, shared by all visitors of the page
VISITOR_RATE = Rate(per_second=1 / 60, burst=5)  # forms of one visitor's address, as a trusted proxy names it


class RateLimit:
    """A token bucket per caller, stored as one number: the moment at which the bucket will be full."""

    def __init__(self, *, most: int = 10_000) -> None:
        """
        Args:
            most: for how many callers buckets are kept; beyond that, those that are full or were used longest ago go.
        """
        self._most = most
        self._full_at: dict[Hashable, float] = {}

    def wait(self, caller: Hashable, rate: Rate, *, now: float) -> float:
        """How many seconds a request comes too early; 0 if it is allowed, and then it is counted.

        Args:
            caller: the id of a key, or an address.
            now: seconds of a monotonic clock.
        """
        step = 1 / rate.per_second
        full_at = max(self._full_at.get(caller, now), now)  # when the bucket would be full again
        early = full_at + step - now - rate.burst * step
        if early > 0:
            return early
        if len(self._full_at) >= self._most and caller not in self._full_at:
            self._forget_some(now)
        self._full_at[caller] = full_at + step
        return 0.0

    def _forget_some(self, now: float) -> None:
        used = {caller: full_at for caller, full_at in self._full_at.items() if full_at > now}
        # Of the others, the half that needs the longest to be full stays.
        kept = sorted(used, key=used.__getitem__)[-self._most // 2 :]
        self._full_at = {caller: used[caller] for caller in kept}
