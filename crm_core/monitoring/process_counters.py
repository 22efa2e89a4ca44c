"""Counters of a running process that are not in the database, for `/metrics`.

Counting adds to a number in memory: no statement, and no lock, since all of it happens in one event loop. Nothing is
stored: counters restart with the process, as Prometheus expects, and each of several processes has its own.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from crm_core.messaging.outbox_attempts import Settled

# Telegram's times are whole seconds, and it keeps updates for a bot that does not receive for a day at most.
LAGS = (1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
"""Upper limits of the lag of an update, in seconds, in rising order."""


@dataclass(frozen=True, slots=True)
class BotSeen:
    """A bot as this process sees it: a state of `crm_core.delivery.bots`, or `starting`, or `standby`.

    Attributes:
        username: None until Telegram has sent it.
        circuit: the state of the way to Telegram, `closed`, `open` or `trial`; None before the bot has sent anything.
        gates: seconds for which gates are still shut, by what they are of: `bot`, `chat` or `method`.
    """

    username: str | None
    state: str
    circuit: str | None = None
    gates: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(slots=True)
class LagHistogram:
    """Lag of updates: how many up to each of `LAGS` (and above the one before), and how many above all."""

    numbers: list[int] = field(default_factory=lambda: [0] * (len(LAGS) + 1))
    total: float = 0.0


@dataclass(slots=True)
class ProcessCounters:
    """The counters. Workers call the methods; `/metrics` reads the attributes.

    Attributes:
        attempts: per bot, verdict and reason; see `verdict`.
        flood_waits: per bot, how often Telegram answered 429.
        lags: per bot.
        bots: returns the bots that this process runs, by id; called at each scrape.
    """

    attempts: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    flood_waits: Counter[int] = field(default_factory=Counter)
    lags: defaultdict[int, LagHistogram] = field(default_factory=lambda: defaultdict(LagHistogram))
    bots: Callable[[], Mapping[int, BotSeen]] = dict

    def count_attempt(self, bot_id: int, settled: Settled) -> None:
        """Counts an attempt to send whose outcome was recorded."""
        self.attempts[bot_id, *verdict(settled)] += 1

    def count_flood_wait(self, bot_id: int) -> None:
        """Counts a flood wait of a bot."""
        self.flood_waits[bot_id] += 1

    def count_update(self, bot_id: int, *, lag: float) -> None:
        """Counts an update that took effect, `lag` seconds after it happened."""
        lag = max(0.0, lag)  # Telegram's clock differs from ours
        lags = self.lags[bot_id]
        lags.numbers[bisect_left(LAGS, lag)] += 1
        lags.total += lag


def verdict(settled: Settled) -> tuple[str, str]:
    """What an attempt meant, and why, as label values of a small fixed set.

    `sent`; `not_sent` and `unknown`, both to be retried (surely not sent; perhaps sent); `uncertain`, perhaps sent and
    not retried; `dead`. An error of our own has one reason, whatever raised it.
    """
    state, reason = settled.state, settled.outcome
    if state == "pending":
        state = "unknown" if settled.ambiguous else "not_sent"
    return state, "internal" if reason.startswith("internal_") else reason
