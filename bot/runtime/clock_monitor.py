"""Notices that the clock of the machine was set, or that the process stalled."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.logs import describe_error

log = structlog.get_logger("app")

CHECK_EVERY = 1.0  # seconds
STALLED = 5.0  # seconds; operators notice that much
CLOCK_SET = 5.0  # seconds; time synchronisation moves a clock by less


def wall_clock() -> float:
    """The clock of the machine, in seconds since 1970."""
    return time.time()


class ClockMonitor:
    """Compares the clock of the machine with the time that has passed, every second."""

    def __init__(
        self,
        *,
        on_clock_set: Callable[[], None],
        on_stalled: Callable[[float], Awaitable[object]],
    ) -> None:
        """
        Args:
            on_clock_set: called when the clock was set forward or back.
            on_stalled: called with the seconds for which nothing could run, after it.
        """
        self._on_clock_set, self._on_stalled = on_clock_set, on_stalled

    async def run(self) -> None:
        """Compares until it is cancelled. Whatever fails is logged, and the next comparison is made."""
        loop = asyncio.get_running_loop()
        while True:
            has_slept = False
            try:
                started, shown = loop.time(), wall_clock()
                await asyncio.sleep(CHECK_EVERY)
                has_slept = True
                passed = loop.time() - started
                await self._compare(passed, wall_clock() - shown - passed)
            except Exception as error:
                log.error("clock_check_failed", error=describe_error(error))
                if not has_slept:  # else look again at once: a change during a second pause would go unnoticed
                    await asyncio.sleep(CHECK_EVERY)

    async def _compare(self, passed: float, moved: float) -> None:
        if abs(moved) > CLOCK_SET:
            log.warning("clock_set", seconds=round(moved))
            self._on_clock_set()
        if passed - CHECK_EVERY > STALLED:
            log.error("process_stalled", seconds=round(passed))
            await self._on_stalled(passed)
