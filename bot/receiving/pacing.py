"""How fast a client's messages are handled: a burst at once, then one by one, so that a flood delays nobody else."""

from collections.abc import Callable
from datetime import datetime

from bot.receiving.conversation_queue import ConversationKey

FREE_BURST, SLOWED_INTERVAL = 30, 2.0  # a client may send so many at once; beyond that, one in so many seconds
SUSTAINED, SUSTAINED_INTERVAL = 90, 10.0  # after so many slowed turns without a rest (three minutes), one in so many
HELD_EACH = 50  # updates of one conversation held in memory; the rest waits in the inbox
HELD_BEYOND = 2  # of a conversation that is slowed: more would fill what all share with what is not due for minutes
REMEMBERED = 10_000  # conversations, before those that are not ahead of their burst are dropped


class Pacing:
    """Counts the turns of each conversation."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._due: dict[ConversationKey, float] = {}
        self._slowed: dict[ConversationKey, int] = {}  # turns that had to be waited for, since the last rest

    def ahead(self, key: ConversationKey, *, turns: int = 1) -> float:
        """For how many seconds a conversation is ahead of its free burst; not above 0 while it need not wait.

        Args:
            turns: how many it is to have now, one after the other.
        """
        return self._next_turn(key) - self._clock().timestamp() - SLOWED_INTERVAL * (FREE_BURST - turns)

    def capacity(self, key: ConversationKey) -> int:
        """How many updates of a conversation are held: what is left of its free burst, and few beyond."""
        free = -self.ahead(key) / SLOWED_INTERVAL + 1
        return max(HELD_BEYOND, min(HELD_EACH, int(free) + HELD_BEYOND))

    def count_turn(self, key: ConversationKey) -> None:
        """One update of the conversation is handled now."""
        now = self._clock().timestamp()
        if self._due.get(key, 0.0) <= now:
            self._slowed.pop(key, None)
        elif self.ahead(key) > -SLOWED_INTERVAL:
            self._slowed[key] = self._slowed.get(key, 0) + 1
        if len(self._due) > REMEMBERED:
            self._due = {one: at for one, at in self._due.items() if at > now}
            self._slowed = {one: number for one, number in self._slowed.items() if one in self._due}
        self._due[key] = self._next_turn(key) + self._interval(key)

    def _interval(self, key: ConversationKey) -> float:
        return SLOWED_INTERVAL if self._slowed.get(key, 0) < SUSTAINED else SUSTAINED_INTERVAL

    def _next_turn(self, key: ConversationKey) -> float:
        # Never further ahead than a full burst, or a clock that was set back would silence a client for that long.
        now = self._clock().timestamp()
        furthest = SLOWED_INTERVAL * (FREE_BURST - 1) + self._interval(key)
        return min(max(self._due.get(key, 0.0), now), now + furthest)
