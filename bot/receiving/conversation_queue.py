"""The updates that are held in memory: a queue for each conversation, and a limit for all together."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from crm_core.messaging.inbox import StoredUpdate

HELD_ALL = 2_000  # updates held in memory for all bots; more are not fetched

ConversationKey = tuple[int, str]
"""The bot's id and the conversation's key (`bot.receiving.updates.to_update`)."""


@dataclass
class ConversationQueue:
    """The waiting updates of one conversation, oldest first.

    Attributes:
        ids: of those in `waiting`. An update may be added twice, and must not be handled twice at once.
        more_after: the rest stands in the inbox behind this id; None if all of it is held here.
        has_missed: something was added while the rest was being read, and may not be among it.
        is_busy: whether a task works on the queue.
        attempts: how often the first one has failed.
        paced: the id of the update that has had its turn; trying it again costs the client nothing.
    """

    waiting: deque[StoredUpdate] = field(default_factory=deque)
    ids: set[int] = field(default_factory=set)
    more_after: int | None = None
    has_missed: bool = False
    is_busy: bool = False
    attempts: int = 0
    paced: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, here or in the inbox."""
        return not self.waiting and self.more_after is None


class HeldUpdates:
    """Counts the updates in memory, and says whether more may be fetched."""

    def __init__(self) -> None:
        self.count = 0
        self._room = asyncio.Event()
        self._room.set()

    async def wait_for_room(self) -> None:
        """Waits until more updates can be held."""
        await self._room.wait()

    def add(self, queue: ConversationQueue, row: StoredUpdate) -> None:
        """Puts an update at the end of a queue."""
        queue.waiting.append(row)
        queue.ids.add(row.id)
        self.count += 1
        if self.count >= HELD_ALL:
            self._room.clear()

    def remove_first(self, queue: ConversationQueue) -> None:
        """Takes the first update, which is finished, from its queue."""
        self._forget(queue, queue.waiting.popleft())

    def remove_last(self, queue: ConversationQueue) -> None:
        """Takes the last update from its queue; it stays in the inbox."""
        self._forget(queue, queue.waiting.pop())

    def _forget(self, queue: ConversationQueue, row: StoredUpdate) -> None:
        queue.ids.discard(row.id)
        self.count -= 1
        if self.count < HELD_ALL // 2:  # not at once below the limit: fetching goes in batches
            self._room.set()
