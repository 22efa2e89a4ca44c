"""Noticing that time itself went wrong: the clock was set, or nothing ran for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger("app")

BEAT = 1.0  # seconds
STALLED = 5.0  # seconds; operators notice that much
CLOCK_SET = 5.0  # seconds; less is what clocks that are kept in step are moved by


def shown_now() -> float:
    """What the clock of the machine shows, in seconds since 1970."""
    return time.time()


class ClockMonitor:
    """Compares what the clock shows with what has passed, every second."""

    def __init__(
        self,
        *,
        on_clock_set: Callable[[], None],
        on_stood_still: Callable[[float], Awaitable[object]],
    ) -> None:
        """
        Args:
            on_clock_set: called when the clock was set, by whomever, forwards or back.
            on_stood_still: called when nothing could run for a while, with the seconds.
        """
        self._on_clock_set, self._on_stood_still = on_clock_set, on_stood_still

    async def run(self) -> None:
        """Beats until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began, shown = loop.time(), shown_now()
            await asyncio.sleep(BEAT)
            passed = loop.time() - began
            moved = shown_now() - shown - passed
            if abs(moved) > CLOCK_SET:
                log.warning("clock_set", seconds=round(moved))
                self._on_clock_set()
            if passed - BEAT > STALLED:
                log.error("stood_still", seconds=round(passed))
                await self._on_stood_still(passed)
