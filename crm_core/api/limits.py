"""Limits on requests: their size, and their rate per key."""

from dataclasses import dataclass

BODY_LARGEST = 64 * 1024  # bytes; the longest message has 4096 characters, escapes make each at most 12 bytes
BODY_SECONDS = 10.0  # in which the whole body must arrive


@dataclass(frozen=True, slots=True)
class Rate:
    """A sustained number of requests per second, and a burst that is allowed after a pause."""

    per_second: float
    burst: int


KEY_RATE = Rate(per_second=100, burst=500)
FORM_RATE = Rate(per_second=1, burst=5)  # a form's key is public, shared by all visitors of the page


class RateLimit:
    """A token bucket per key, stored as one number: the moment at which the bucket will be full."""

    def __init__(self) -> None:
        self._full_at: dict[int, float] = {}

    def wait(self, key_id: int, rate: Rate, *, now: float) -> float:
        """How many seconds a request comes too early; 0 if it is allowed, and then it is counted.

        Args:
            now: seconds of a monotonic clock.
        """
        step = 1 / rate.per_second
        full_at = max(self._full_at.get(key_id, now), now)  # when the bucket would be full again
        early = full_at + step - now - rate.burst * step
        if early > 0:
            return early
        self._full_at[key_id] = full_at + step
        return 0.0
