"""What a process counts by itself while it runs: numbers that no row tells, for `/metrics`.

Counting adds to a number in memory: no statement, and no lock, since all of it happens in one event loop. Nothing is
kept: counts begin anew with the process, as counters of Prometheus may, and each of several processes has its own.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crm_core.messaging.outbox import Settled

# Telegram's moments are whole seconds, and what it keeps for a bot that is away waits there for a day at most.
LAGS = (1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
"""Seconds up to which an update may lag, in rising order."""


@dataclass(frozen=True, slots=True)
class BotSeen:
    """A bot as this process sees it: a state of `crm_core.delivery.bots`, or `starting`, or `standby`.

    Attributes:
        username: None until Telegram has told it.
    """

    username: str | None
    state: str


@dataclass(slots=True)
class LagHistogram:
    """How late updates were: how many within each of `LAGS` (and not within the one before), and the rest."""

    numbers: list[int] = field(default_factory=lambda: [0] * (len(LAGS) + 1))
    total: float = 0.0


@dataclass(slots=True)
class ProcessCounters:
    """What is counted. Whoever does the work calls a method; `/metrics` reads the attributes.

    Attributes:
        attempts: per bot, verdict and reason; see `verdict`.
        flood_waits: per bot, how often Telegram answered 429.
        lags: per bot.
        bots: tells which bots this process runs, by their ids; asked at each scrape.
    """

    attempts: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    flood_waits: Counter[int] = field(default_factory=Counter)
    lags: defaultdict[int, LagHistogram] = field(default_factory=lambda: defaultdict(LagHistogram))
    bots: Callable[[], Mapping[int, BotSeen]] = dict

    def count_attempt(self, bot_id: int, settled: Settled) -> None:
        """An attempt to send was made, judged and recorded."""
        self.attempts[bot_id, *verdict(settled)] += 1

    def count_flood_wait(self, bot_id: int) -> None:
        """Telegram answered that this bot must wait."""
        self.flood_waits[bot_id] += 1

    def count_update(self, bot_id: int, *, lag: float) -> None:
        """An update had its effect, so many seconds after it happened."""
        lag = max(0.0, lag)  # Telegram's clock is another one than ours
        lags = self.lags[bot_id]
        lags.numbers[bisect_left(LAGS, lag)] += 1
        lags.total += lag


def verdict(settled: Settled) -> tuple[str, str]:
    """What an attempt meant, and why, in few words that are always the same.

    `sent`; `not_sent` and `unknown`, both to be tried again (surely not sent, nobody knows); `uncertain`, which nobody
    will ever know; `dead`. A fault of our own has one reason, whatever raised it.
    """
    state, reason = settled.state, settled.outcome
    if state == "pending":
        state = "unknown" if settled.ambiguous else "not_sent"
    return state, "internal" if reason.startswith("internal_") else reason
