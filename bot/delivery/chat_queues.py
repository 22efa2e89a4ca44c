"""What waits to be sent by one bot: a queue for each chat, in order, and which chats may be sent to now.

Chats are independent: one that must wait delays no other, and the oldest row that may be sent goes first. Messages
between people go before our own notices to clients, up to a limit (`YIELD_TO`).
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.rate_limit import SOON, RateLimiter
from crm_core.delivery.claims import ClaimedRow
from crm_core.messaging.outbox import CLIENT_NOTICE, PendingRow

# Our own retry delays are shorter, and longer waits of Telegram are gates: a later moment means a clock set back.
LONGEST_PAUSE = timedelta(minutes=10)
# In a backlog our notices to clients yield to messages between people that came up to so many rows later, half a minute
# at full rate: operators, whose chats take one message a second, are kept busy from its beginning on.
YIELD_TO = 1_000
REQUESTS_AT_ONCE = 32  # under way for one bot: enough for 28 a second at a latency of one second


class ChatQueues:
    """Rows by chat. A chat is busy from the moment its oldest row is picked until `free`, whatever the outcome.

    A row is reserved while the transaction that creates it is still open; see `bot.delivery.claim_on_commit`.
    """

    def __init__(self, rate_limiter: RateLimiter, clock: Callable[[], datetime]) -> None:
        self.rate_limiter, self.clock = rate_limiter, clock
        self.highest = 0
        """The highest id that was ever added: rows above it are new."""
        self.idle = asyncio.Event()
        """Set while nothing waits, is being sent, or is still to be recorded."""
        self.idle.set()
        self.none_reserved = asyncio.Event()
        """Set while no row is reserved."""
        self.none_reserved.set()
        self._queues: dict[int, deque[PendingRow]] = {}
        self._known: set[int] = set()
        self._busy: set[int] = set()  # chats
        self._reserved: set[int] = set()  # chats, busy with a row that is reserved
        self._ready: list[tuple[int, int, int]] = []  # (turn, row id, chat): the oldest first
        self._later: list[tuple[float, int, int]] = []  # (moment, row id, chat)

    def add(self, rows: Sequence[PendingRow]) -> bool:
        """Adds rows that were committed; those that are here already are left as they are.

        Returns whether any of them is new.
        """
        is_new = False
        for row in rows:
            if row.id not in self._known:
                self._put(self._enter(row), row)
                is_new = True
        return is_new

    def _enter(self, row: PendingRow) -> deque[PendingRow]:
        self._known.add(row.id)
        self.highest = max(self.highest, row.id)
        self.idle.clear()
        return self._queues.setdefault(row.chat_id, deque())

    def _put(self, queue: deque[PendingRow], row: PendingRow) -> None:
        """Keeps a chat's rows in order: those found late (the backlog of a start) go before those announced."""
        is_busy = row.chat_id in self._busy
        place, first = len(queue), 1 if is_busy else 0
        while place > first and queue[place - 1].id > row.id:
            place -= 1
        queue.insert(place, row)
        if place == 0 and not is_busy:
            self._schedule(row.chat_id)

    def reserve(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """Chooses uncommitted rows that may be sent as soon as they are committed.

        Those are rows of chats where nothing else waits, within what the rate limit leaves, and none while other
        chats are ready. They count as picked from now on. The caller ends each reservation with `confirm` or `drop`.
        """
        chosen: list[PendingRow] = []
        if self._ready:
            return chosen
        room = self._room()
        for row in rows:
            if len(chosen) < room and row.chat_id not in self._queues and self.rate_limiter.wait_chat(row.chat_id) <= 0:
                self._enter(row).append(row)
                self._busy.add(row.chat_id)
                self._reserved.add(row.chat_id)
                chosen.append(row)
        if chosen:
            self.none_reserved.clear()
        return chosen

    def confirm(self, rows: Sequence[ClaimedRow]) -> None:
        """Ends the reservation of rows that are booked with the rate limiter now; they stay picked."""
        self._reserved.difference_update(row.chat_id for row in rows)
        if not self._reserved:
            self.none_reserved.set()

    def pick(self) -> tuple[list[PendingRow], float | None]:
        """Rows that may be sent now, each the oldest of its chat.

        If there are none, also for how many seconds there will be none unless rows are added or chats become free
        (None: until then).
        """
        self._schedule_due()
        picked: list[PendingRow] = []
        room = self._room()
        while self._ready and len(picked) < room:
            _, row_id, chat_id = heapq.heappop(self._ready)
            if not self._is_head(row_id, chat_id):
                continue
            if self.rate_limiter.wait_chat(chat_id) > 0:
                self._schedule(chat_id)
                continue
            self._busy.add(chat_id)
            picked.append(self._queues[chat_id][0])
        if picked or len(self._busy) >= REQUESTS_AT_ONCE:
            return picked, None
        if self._ready:
            return [], max(self.rate_limiter.wait_bot() - SOON / 2, 0.01)
        return [], max(0.0, self._later[0][0] - self.clock().timestamp()) if self._later else None

    def _room(self) -> int:
        return min(self.rate_limiter.room() - len(self._reserved), REQUESTS_AT_ONCE - len(self._busy))

    def _schedule_due(self) -> None:
        now = self.clock().timestamp()
        while self._later and self._later[0][0] <= now:
            _, row_id, chat_id = heapq.heappop(self._later)
            if self._is_head(row_id, chat_id):
                self._schedule(chat_id)  # a gate may have been shut meanwhile

    def reschedule(self) -> None:
        """Computes all waits anew: after a clock was set back, rows would wait longer than they should."""
        later, self._later = self._later, []
        for _, row_id, chat_id in later:
            if self._is_head(row_id, chat_id):
                self._schedule(chat_id)

    def free(self, chat_id: int) -> None:
        """A chat is not busy any more; its next row may go."""
        self._busy.discard(chat_id)
        if self._queues.get(chat_id):
            self._schedule(chat_id)
        else:
            self._queues.pop(chat_id, None)
            if not self._queues:
                self.idle.set()

    def drop(self, row_id: int, chat_id: int) -> None:
        """A picked or reserved row is settled, or does not exist any more: the chat goes on with its next one."""
        queue = self._queues.get(chat_id)
        if queue and queue[0].id == row_id:
            queue.popleft()
            self._known.discard(row_id)
        if chat_id in self._reserved:
            self._reserved.discard(chat_id)
            if not self._reserved:
                self.none_reserved.set()
        self.free(chat_id)

    def put_off(self, row: PendingRow) -> None:
        """A picked row is to be tried again, not before its moment."""
        queue = self._queues.get(row.chat_id)
        if queue and queue[0].id == row.id:
            queue[0] = row
        self.free(row.chat_id)

    def _schedule(self, chat_id: int) -> None:
        """Puts a chat's oldest row among those that may go now, or later."""
        row = self._queues[chat_id][0]
        now = self.clock()
        wait = self.rate_limiter.wait_chat(chat_id)
        if row.not_before is not None:
            due = min(row.not_before, now + LONGEST_PAUSE)
            row = self._queues[chat_id][0] = replace(row, not_before=due)
            wait = max(wait, (due - now).total_seconds())
        if wait > 0:
            heapq.heappush(self._later, (now.timestamp() + wait, row.id, chat_id))
        else:
            heapq.heappush(self._ready, (_turn(row), row.id, chat_id))

    def _is_head(self, row_id: int, chat_id: int) -> bool:
        queue = self._queues.get(chat_id)
        return bool(queue) and queue[0].id == row_id and chat_id not in self._busy  # type: ignore[index]


def _turn(row: PendingRow) -> int:
    return row.id + YIELD_TO if row.kind == CLIENT_NOTICE else row.id
