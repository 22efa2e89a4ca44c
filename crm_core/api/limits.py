"""How much may come: sizes of requests, and how many of a key."""

from dataclasses import dataclass

BODY_LARGEST = 64 * 1024  # bytes; the longest message has 4096 characters, escapes make each at most 12 bytes
BODY_SECONDS = 10.0  # in which a body must have come


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second in the long run, and so many at once after a rest."""

    per_second: float
    burst: int


KEY_RATE = Rate(per_second=100, burst=500)
FORM_RATE = Rate(per_second=2, burst=60)  # a form's key is public, and all visitors of the page share it


class RateLimit:
    """Counts requests per key, as a bucket that fills steadily: one number a key, whatever the rate."""

    def __init__(self) -> None:
        self._full_at: dict[int, float] = {}

    def wait(self, key_id: int, rate: Rate, *, now: float) -> float:
        """How many seconds a request comes too early; 0 if it may pass, and then it is counted.

        Args:
            now: seconds of a steady clock.
        """
        step = 1 / rate.per_second
        full_at = max(self._full_at.get(key_id, now), now)  # when the bucket would be full again
        early = full_at + step - now - rate.burst * step
        if early > 0:
            return early
        self._full_at[key_id] = full_at + step
        return 0.0
