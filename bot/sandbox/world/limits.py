"""Telegram's rate limits: what is allowed, what is refused with 429, and a record of every refusal.

About 30 messages per second per bot, 1 per second in a private chat with short bursts, 20 per minute in a group, where
sends, edits and topic calls share one budget (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this,
tdlib/td#2592). The exact numbers are unpublished; these are attributes so that a test can be stricter.
"""

import math
from collections import deque
from dataclasses import dataclass

from bot.sandbox.errors import ApiError


@dataclass(slots=True)
class Refusal:
    """A 429 that was sent.

    Attributes:
        time: Unix time
        retry_after: whole seconds
        during_wait: the bot called before its wait was over, which restarted the wait
        text: of the message that was refused, if it had one
        ordered: an injected fault rather than an exceeded limit
        after_stall: the sandbox itself had stalled just before, so that it read many requests at once
    """

    time: float
    bot_id: int
    chat_id: int | None
    method: str
    retry_after: int
    during_wait: bool
    text: str | None
    ordered: bool = False
    after_stall: bool = False

    @property
    def is_provoked(self) -> bool:
        """Whether the bot exceeded a limit."""
        return not self.ordered and not self.after_stall


STALL = 0.1  # seconds; a longer delay counts as a stall
STALL_EFFECT = 2.5  # seconds for which a stall distorts counts per second, including the wait of a first 429


class _Budget:
    """At most `size` in any `seconds`."""

    __slots__ = ("seconds", "size", "spent")

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self.spent: deque[float] = deque()

    def wait(self, now: float, cost: int) -> float:
        """Seconds until `cost` fits; 0 if it fits now."""
        while self.spent and self.spent[0] <= now - self.seconds:
            self.spent.popleft()
        over = len(self.spent) + cost - self.size
        if over <= 0:
            return 0.0
        return self.spent[min(over, len(self.spent)) - 1] + self.seconds - now if self.spent else 0.0

    def spend(self, now: float, cost: int) -> None:
        self.spent.extend([now] * cost)


class _Bucket:
    """A token bucket: `burst` tokens, refilled at `rate` per second."""

    __slots__ = ("burst", "filled", "rate", "tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = float(burst)
        self.filled = now

    def wait(self, now: float, cost: int) -> float:
        self.tokens = min(self.burst, self.tokens + max(now - self.filled, 0.0) * self.rate)
        self.filled = now
        # An album larger than the burst passes once the bucket is full; otherwise it could never be sent.
        missing = min(cost, self.burst) - self.tokens
        return missing / self.rate if missing > 0 else 0.0

    def spend(self, now: float, cost: int) -> None:
        self.tokens -= cost


class Limits:
    """The limits of all bots; inactive until `enabled`."""

    def __init__(self) -> None:
        self.enabled = False
        self.per_bot = 30  # messages a second
        self.private_rate = 1.0  # messages a second
        self.private_burst = 3
        self.per_group = 20  # calls a minute
        self.slack = 0.1  # seconds of tolerance for the jitter of clocks and event loops
        self.refusals: list[Refusal] = []
        self.stalls: list[tuple[float, float]] = []
        self._bots: dict[int, _Budget] = {}
        self._chats: dict[tuple[int, int], _Budget | _Bucket] = {}
        self._until: dict[tuple[int, int | None], float] = {}
        self._told: dict[tuple[int, int | None], int] = {}

    def check(self, bot_id: int, chat_id: int, method: str, now: float, cost: int, text: str | None) -> None:
        """Count a call, or refuse it.

        Args:
            now: Unix time
            cost: number of messages that the call sends

        Raises ApiError: 429 with whole seconds `retry_after`.
        """
        key = (bot_id, chat_id)
        if self._until:
            self._check_wait(key, method, now, text)
        gates = self._gates(bot_id, chat_id, now)
        for place, gate in gates:
            wait = gate.wait(now, cost)
            if wait > self.slack:
                self.refuse(bot_id, place, method, now, max(1, math.ceil(wait - self.slack)), text)
        for _, gate in gates:
            gate.spend(now, cost)

    def _check_wait(self, key: tuple[int, int | None], method: str, now: float, text: str | None) -> None:
        for place in (key, (key[0], None)):
            until = self._until.get(place)
            if until is None:
                continue
            if now < until - self.slack:
                # A call during the wait restarts the wait (research note L4).
                self.refuse(place[0], place[1], method, now, self._told[place], text, during_wait=True)
            del self._until[place]

    def _gates(self, bot_id: int, chat_id: int, now: float) -> list[tuple[int | None, _Budget | _Bucket]]:
        per_bot = self._bots.get(bot_id)
        if per_bot is None:
            per_bot = self._bots[bot_id] = _Budget(self.per_bot, 1.0)
        gate = self._chats.get((bot_id, chat_id))
        if gate is None:
            private = chat_id > 0
            gate = _Bucket(self.private_rate, self.private_burst, now) if private else _Budget(self.per_group, 60.0)
            self._chats[bot_id, chat_id] = gate
        return [(None, per_bot), (chat_id, gate)]

    def refuse(
        self,
        bot_id: int,
        chat_id: int | None,
        method: str,
        now: float,
        retry_after: int,
        text: str | None,
        *,
        during_wait: bool = False,
    ) -> None:
        """Record a refusal, begin its wait, and raise it."""
        after_stall = self._is_after_stall(now)
        self.note(Refusal(now, bot_id, chat_id, method, retry_after, during_wait, text, after_stall=after_stall))
        self._until[bot_id, chat_id] = now + retry_after
        self._told[bot_id, chat_id] = retry_after
        raise too_many_requests(retry_after)

    def note(self, refusal: Refusal) -> None:
        """Record a refusal that was decided by the caller (an injected fault)."""
        self.refusals.append(refusal)

    def note_stall(self, since: float, until: float) -> None:
        """Record that the sandbox stalled, in Unix time: calls of that period were all counted at its end."""
        self.stalls.append((since, until))
        for refusal in reversed(self.refusals):
            if refusal.time < since:
                break
            refusal.after_stall = True

    def _is_after_stall(self, now: float) -> bool:
        return bool(self.stalls) and now < self.stalls[-1][1] + STALL_EFFECT

    def begin_wait(self, refusal: Refusal) -> None:
        """Let an injected refusal begin a wait like any other: a call before it is over is refused too."""
        if self.enabled and refusal.retry_after:
            place = (refusal.bot_id, refusal.chat_id)
            self._until[place] = refusal.time + refusal.retry_after
            self._told[place] = refusal.retry_after


def too_many_requests(retry_after: int) -> ApiError:
    """Telegram's 429."""
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
