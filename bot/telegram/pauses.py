"""Pauses between tries of what Telegram refuses: short at first, since one refusal proves nothing."""

FIRST, LAST = 2.0, 60.0  # seconds, doubling from first to last


class Pauses:
    """The pauses of one thing that is tried again and again."""

    def __init__(self) -> None:
        self._next = FIRST

    def next(self) -> float:
        """Seconds until the next try, each time twice as many."""
        pause, self._next = self._next, min(LAST, 2 * self._next)
        return pause

    def reset(self) -> None:
        """It has worked: the next refusal is a first one again."""
        self._next = FIRST
