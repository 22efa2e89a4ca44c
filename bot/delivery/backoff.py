"""How long delivery waits before it tries something again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """How long is waited, in seconds. Tests that prove something about minutes bring shorter ones.

    Attributes:
        unknown: before words are sent again, after each ambiguous attempt.
        retry_first, retry_last: between attempts that surely did not arrive, doubling from first to last.
        refused: until a bot whose token is refused is tried again.
        recovered: before what an ended life of the bot left half sent is sent again.
        database: until a database that is away is tried again.
        connect: until a bot that cannot be reached is tried again.
        standby: between looks whether the process that works for a bot has gone.
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
