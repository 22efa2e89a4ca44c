"""Whether the way to Telegram works, for one bot: a circuit breaker.

That Telegram does not answer says nothing about the row that was being sent. So a row's failures are its own only if
others succeed meanwhile; what fails together waits together, and goes on together as soon as Telegram answers.

* **closed**: rows are sent. `OPENS_AFTER` failures in a row, with no success between them, open the circuit.
* **open**: rows are held. Telegram is asked who the bot is, every few seconds (`bot.telegram.reach`): an answer that is
  lost does no harm. When it answers, the circuit is on trial.
* **trial**: one row is sent, another one each time. If it arrives, the circuit closes, and all that waits for it is due
  at once; if not, it opens again. So an outage of sending alone, while Telegram answers otherwise, is an outage, too.

If the same row has failed each time, only that row is held: the others show whether the fault is its own.

A refused token opens the circuit at once. If Telegram then says who the bot is, the token is valid, and it is a method
that is refused, by a proxy for instance. From then on rows of that kind fail by themselves, until one of them arrives.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

import structlog
from aiogram.exceptions import TelegramNotFound, TelegramRetryAfter, TelegramUnauthorizedError

from bot.telegram.verdict import (
    METHOD_REFUSED,
    FloodWait,
    NotSent,
    OutcomeUnknown,
    Sent,
    TokenRefused,
    Undeliverable,
    Verdict,
)

log = structlog.get_logger("delivery")

OPENS_AFTER = 3  # failures one after another, of whichever rows
REFUSED_PAUSE = (
    5.0,
    60.0,
)  # seconds before it is asked again about a token that it refuses, doubling from first to last
LONGEST_TRIAL_PAUSE = 300.0  # seconds until the same row is the trial again
KEPT = 10_000  # rows whose last failure is remembered


class Way(Enum):
    """The state of the way to Telegram."""

    CLOSED = "closed"
    OPEN = "open"
    TRIAL = "trial"


class Circuit:
    """The circuit of one bot's session; `run` asks while it is open.

    Attributes:
        way: the state.
        trial: the id of the row that is being sent to try the way.
        tried: by row id, how often it was the trial in this outage.
    """

    def __init__(
        self,
        *,
        ask: Callable[[], Awaitable[object]],
        pause: Callable[[], float],
        on_change: Callable[[Way], None] = lambda way: None,
    ) -> None:
        """
        Args:
            ask: returns as soon as Telegram answers, however long that takes.
            pause: seconds until Telegram is asked, different ones each time.
            on_change: called with each new state.
        """
        self._ask, self._pause, self._on_change = ask, pause, on_change
        self.way = Way.CLOSED
        self.is_refused = False  # whether it is open for a refused token: Telegram answers, which is no outage
        self.trial: int | None = None
        self.tried: dict[int, int] = {}
        self._successes = self._failures = 0
        self._in_a_row, self._failing = 0, set[int]()  # failures since the last success, and of which rows
        self._last_failures: dict[int, tuple[int, int]] = {}  # by row: how many successes and failures there were then
        self._refused, self._refused_alone = set[str](), set[str]()  # kinds of rows: now, and with a valid token
        self._opened = asyncio.Event()

    @property
    def holds_all(self) -> bool:
        """Whether no row may be sent but a trial."""
        return self.way is not Way.CLOSED and len(self._failing) > 1

    def began(self) -> int:
        """The mark of an attempt that begins now, for `note`."""
        return self._successes

    def trial_pause(self, row_id: int) -> float | None:
        """Seconds until a row that was the trial in vain may be it again; None if it was not.

        It may have arrived each time, with only the answer lost: nobody should get the same message every few seconds.
        """
        tried = self.tried.get(row_id)
        return None if tried is None else min(LONGEST_TRIAL_PAUSE, self._pause() * 2 ** min(tried, 16))

    def end_trial(self, row_id: int) -> None:
        """A row was not sent after all: if it was to try the way, another one may."""
        if self.trial == row_id:
            self.trial = None

    def read(self, verdict: Verdict, kind: str) -> Verdict:
        """What an answer means for a row of this kind: where the token is known to be valid, it is not refused."""
        if isinstance(verdict, TokenRefused) and kind in self._refused_alone:
            return NotSent(METHOD_REFUSED)
        return verdict

    def note(self, row_id: int, verdict: Verdict, began: int, *, kind: str = "") -> bool:
        """Takes what a request to Telegram meant.

        Args:
            began: what `began` returned when the request began.
            kind: of the row: what has the same one is sent by the same methods.

        Returns whether the row failed by itself: since its last failure more requests succeeded than failed.
        """
        match verdict:
            case Sent() | FloodWait() | Undeliverable():  # Telegram has answered
                self._refused_alone.discard(kind)
                self._succeeded(row_id)
                return False
            case NotSent("no_connection" | "redirected") | OutcomeUnknown():
                return self._failed(row_id, began)
            case NotSent("method_refused"):  # Telegram answers; whether it takes anything else shows in between
                self.end_trial(row_id)
                last = self._remember_failure(row_id)
                return last is not None and self._successes > last[0]
            case NotSent():  # not even tried
                self.end_trial(row_id)
                return False
            case TokenRefused():  # the bot's fault, never the row's
                self._refused.add(kind)
                self._failing |= {row_id, -row_id}
                self.is_refused = True
                self._to(Way.OPEN)
                return False

    def _succeeded(self, row_id: int) -> None:
        self._successes += 1
        self._in_a_row = 0
        self.is_refused = False
        self._failing.clear()
        self._last_failures.pop(row_id, None)
        self._to(Way.CLOSED)

    def _failed(self, row_id: int, began: int) -> bool:
        failures = self._failures
        self._failures += 1
        last = self._remember_failure(row_id)
        is_own = last is not None and self._successes - last[0] > failures - last[1]
        if began != self._successes:  # something arrived meanwhile: this is no outage, or one that is over
            return is_own
        self._in_a_row += 1
        self._failing.add(row_id)
        if row_id == self.trial:
            self.tried[row_id] = self.tried.get(row_id, 0) + 1
            self._to(Way.OPEN)
        elif self.way is Way.CLOSED and self._in_a_row >= OPENS_AFTER:
            log.warning("telegram_outage")
            self._to(Way.OPEN)
        return is_own

    def _remember_failure(self, row_id: int) -> tuple[int, int] | None:
        """Notes when a row fails. Returns how many successes and failures there had been at its failure before."""
        last = self._last_failures.pop(row_id, None)
        if len(self._last_failures) >= KEPT:
            self._last_failures.pop(next(iter(self._last_failures)))
        self._last_failures[row_id] = (self._successes, self._failures)
        return last

    def _to(self, way: Way) -> None:
        if way is self.way:
            return
        if way is Way.CLOSED:
            log.warning("telegram_back")
            self.tried.clear()
        self.way, self.trial = way, None
        if way is Way.OPEN:
            self._opened.set()
        self._on_change(way)

    async def run(self) -> None:
        """Asks whenever the circuit is open, until it is cancelled."""
        refused, longest = REFUSED_PAUSE
        while True:
            await self._opened.wait()
            self._opened.clear()
            await asyncio.sleep(self._pause())
            if self.way is not Way.OPEN:
                continue
            try:
                await self._ask()
            except (TelegramUnauthorizedError, TelegramNotFound):
                await asyncio.sleep(refused)
                refused = min(longest, 2 * refused)
                self._opened.set()
                continue
            except TelegramRetryAfter:  # so it answers
                pass
            refused = REFUSED_PAUSE[0]
            self._refused_alone |= self._refused
            self._refused.clear()
            if self.way is Way.OPEN:
                self._to(Way.TRIAL)
