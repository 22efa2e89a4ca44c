"""How long delivery waits before it tries something again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """Delays in seconds. Tests that would have to wait for minutes use shorter ones.

    Attributes:
        unknown: before a message is resent, after each ambiguous attempt.
        retry_first, retry_last: between attempts that surely did not arrive, doubling from first to last.
        refused: until a bot whose token is refused is tried again.
        recovered: before rows that an ended session left half sent are resent.
        database: until an unavailable database is tried again.
        connect: until a bot that cannot be reached is tried again.
        standby: between checks whether the process that works for a bot has ended.
    """

    unknown: tuple[float, ...] = (2.0, 10.0, 60.0, 300.0)
    retry_first: float = 1.0
    retry_last: float = 60.0
    refused: float = 60.0
    recovered: float = 2.0
    database: float = 1.0
    connect: float = 5.0
    standby: float = 3.0


DEFAULT_RETRY_DELAYS = RetryDelays()
