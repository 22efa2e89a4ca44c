"""How long delivery waits before it tries something again."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """Delays in seconds. Tests that would have to wait for minutes use shorter ones.

    Attributes:
        outage: the shortest and the longest pause while Telegram cannot be reached or does not work.
        unknown: before a row is sent again that has failed alone, while others were sent; one for each such failure.
        retry_first, retry_last: between attempts to send a file, doubling from first to last.
        refused: until a bot whose token is refused is tried again.
        recovered: before rows that an ended session left half sent are resent.
        database: until an unavailable database is tried again.
        connect: until a bot that cannot be reached is tried again.
        standby: between checks whether the process that works for a bot has ended.
    """

    outage: tuple[float, float] = (1.0, 4.0)
    unknown: tuple[float, ...] = (2.0, 10.0, 60.0, 300.0)
    retry_first: float = 1.0
    retry_last: float = 60.0
    refused: float = 60.0
    recovered: float = 2.0
    database: float = 1.0
    connect: float = 2.0
    standby: float = 3.0

    def outage_pause(self, rng: Callable[[], float]) -> float:
        """Seconds until Telegram is tried again; `rng` rolls in [0, 1)."""
        shortest, longest = self.outage
        return shortest + rng() * (longest - shortest)


DEFAULT_RETRY_DELAYS = RetryDelays()
