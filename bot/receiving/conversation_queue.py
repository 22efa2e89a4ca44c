"""The updates that are held in memory: a queue for each conversation, and a limit for all together."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.receiving.updates import album_of
from crm_core.messaging.inbox import StoredUpdate
from crm_core.messaging.messages import NotRecordedYet

HELD_ALL = 2_000  # updates held in memory for all bots; more are not fetched

ConversationKey = tuple[int, str]
"""The bot's id and the conversation's key (`bot.receiving.updates.to_update`)."""


@dataclass
class ReplyWait:
    """How long an update has waited for the message that it replies to to be recorded.

    Attributes:
        since: when it began, in seconds of the event loop's clock, which nobody can set.
        rows: outbox rows that were being sent then and still are. Only one of these can be what is replied to: whatever
            is sent later did not exist when the reply was written.
        looks: how often it was looked since.
        is_over: nothing more is waited for; it is a reply to something unknown.
    """

    since: float
    rows: frozenset[int]
    looks: int = 0
    is_over: bool = False

    def look(self, error: NotRecordedYet, *, now: float, longest: float) -> None:
        """Notes that it was still unknown. When all rows are settled, one more look finds what they recorded."""
        self.is_over = not self.rows or now - self.since >= longest
        self.rows &= error.rows
        self.looks += 1


@dataclass
class ConversationQueue:
    """The waiting updates of one conversation, oldest first.

    Attributes:
        ids: of those in `waiting`. An update may be added twice, and must not be handled twice at once.
        more_after: the rest stands in the inbox behind this id; None if all of it is held here.
        has_missed: something was added while the rest was being read, and may not be among it.
        is_busy: whether a task works on the queue.
        attempts: how often the first one has failed.
        repeats: how often the first one was handled again because a role had changed; no failure.
        reply_wait: set while the first one waits for what it replies to.
        paced: the id of the update that has had its turn; trying it again costs the client nothing.
        apart: the album whose parts could not be handled together, and are handled one after the other.
    """

    waiting: deque[StoredUpdate] = field(default_factory=deque)
    ids: set[int] = field(default_factory=set)
    more_after: int | None = None
    has_missed: bool = False
    is_busy: bool = False
    attempts: int = 0
    repeats: int = 0
    reply_wait: ReplyWait | None = None
    paced: int | None = None
    apart: str | None = None

    def album(self) -> list[StoredUpdate]:
        """The parts of an album that stand at the head, if its end is among them and nothing keeps them apart."""
        album = album_of(self.waiting[0].raw)
        if album is None or album == self.apart or self.attempts:
            return []
        parts: list[StoredUpdate] = []
        for row in self.waiting:
            if album_of(row.raw) != album:
                break
            parts.append(row)
            if row.ends_album:
                return parts
        return []

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

    @property
    def has_room(self) -> bool:
        """Whether more updates can be held."""
        return self._room.is_set()

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

    def remove_finished(self, queue: ConversationQueue, rows: Sequence[StoredUpdate]) -> None:
        """Takes updates that were finished together from the head of their queue, as far as they are there.

        If their bot was left meanwhile, only the first is; if it was taken up again, others may stand in their place.
        """
        ids = {row.id for row in rows}
        while queue.waiting and queue.waiting[0].id in ids:
            self.remove_first(queue)

    def remove_last(self, queue: ConversationQueue) -> None:
        """Takes the last update from its queue; it stays in the inbox."""
        self._forget(queue, queue.waiting.pop())

    def _forget(self, queue: ConversationQueue, row: StoredUpdate) -> None:
        queue.ids.discard(row.id)
        self.count -= 1
        if self.count < HELD_ALL // 2:  # not at once below the limit: fetching goes in batches
            self._room.set()
