"""What the senders of one installation have in common."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.delivery.pictures import Pictures
from crm_core.monitoring.process_counters import ProcessCounters

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class SenderConfig:
    """Settings and collaborators of a sender that are the same for every bot.

    Attributes:
        clock, rng: the present moment, aware of its time zone, and rolls in [0, 1).
        zone: by whose clocks cards show times.
        default_language: of readers whose language is unknown or not ours.
        delays: how long is waited before a retry.
        pictures: for rows that ask for one; without it they are sent as text.
        counts: where attempts are counted.
    """

    clock: Callable[[], datetime]
    default_language: str
    zone: ZoneInfo = UTC_ZONE
    rng: Callable[[], float] = random.random
    delays: RetryDelays = DEFAULT_RETRY_DELAYS
    pictures: Pictures | None = None
    counts: ProcessCounters = field(default_factory=ProcessCounters)
