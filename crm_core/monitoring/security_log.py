"""Security events as log lines: who was refused what. A flood of them becomes a few lines and a count.

Lines carry ids, addresses, paths and references, never a key, a token or a text.
"""

import logging
from collections.abc import Callable
from time import monotonic

MOST = 30  # lines of one kind in a period
PERIOD = 60.0  # seconds
FIELDS = ("reference", "status", "method", "path", "address", "key_id", "user_id", "bot_id", "code", "suppressed")

log = logging.getLogger("security")


class SecurityLog:
    """Reports events, at most `MOST` of a kind in a period; the next period begins with how many were left out."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._periods: dict[str, tuple[float, int]] = {}  # by kind: when it began, and how many there were

    def report(self, kind: str, **fields: str | int | None) -> None:
        """Logs an event.

        Args:
            kind: `api_refused`, `press_refused`, …; one of a few.
            fields: of `FIELDS`.
        """
        now = self._clock()
        began, count = self._periods.get(kind, (now, 0))
        if now - began >= PERIOD:
            if count > MOST:
                fields["suppressed"] = count - MOST
            began, count = now, 0
        self._periods[kind] = (began, count + 1)
        if count < MOST:
            known = {name: value for name, value in fields.items() if value is not None}
            log.warning(kind, extra=known)


security = SecurityLog()
"""The log of this process."""
