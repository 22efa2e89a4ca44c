"""What waits to be sent by one bot: a lane for each chat, in order, and which of them may go now.

Chats are independent: one that must wait delays no other, and the oldest row that may be sent goes first. Words between
people go before our own notices to clients, for a while.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.rate_limit import SOON, RateLimiter
from crm_core.messaging.outbox import CLIENT_NOTICE, PendingRow

# Our own pauses are shorter, and longer waits of Telegram's are gates: more comes from a clock that was set back.
LONGEST_PAUSE = timedelta(minutes=10)
# In a backlog our notices to clients give way to words between people that came so many rows later, half a minute at
# full pace: operators, whose chats take one message a second, are kept busy from its beginning on.
GIVES_WAY = 1_000
AT_ONCE = 32  # requests under way for one bot: keeps the 28 a second busy at a second's latency


class ChatQueues:
    """Rows by chat. A chat is busy from the moment its oldest row is picked until `free`, whatever became of it."""

    def __init__(self, pace: RateLimiter, clock: Callable[[], datetime]) -> None:
        self.pace, self.clock = pace, clock
        self.highest = 0
        """The highest id that was ever added: what lies above it is news."""
        self.idle = asyncio.Event()
        """Set while nothing waits, is being sent, or is still to be recorded."""
        self.idle.set()
        self._lanes: dict[int, deque[PendingRow]] = {}
        self._known: set[int] = set()
        self._busy: set[int] = set()
        self._ready: list[tuple[int, int, int]] = []  # (turn, row id, chat): the oldest first
        self._later: list[tuple[float, int, int]] = []  # (moment, row id, chat)

    def add(self, rows: Sequence[PendingRow]) -> bool:
        """Takes in rows that were committed; those that are here already are left as they are.

        Returns whether any of them is news.
        """
        is_news = False
        for row in rows:
            if row.id not in self._known:
                self._put(self._enter(row), row)
                is_news = True
        return is_news

    def _enter(self, row: PendingRow) -> deque[PendingRow]:
        self._known.add(row.id)
        self.highest = max(self.highest, row.id)
        self.idle.clear()
        return self._lanes.setdefault(row.chat_id, deque())

    def _put(self, lane: deque[PendingRow], row: PendingRow) -> None:
        """Keeps a chat's rows in order: what was found late (the backlog of a start) goes before what was announced."""
        is_busy = row.chat_id in self._busy
        place, first = len(lane), 1 if is_busy else 0
        while place > first and lane[place - 1].id > row.id:
            place -= 1
        lane.insert(place, row)
        if place == 0 and not is_busy:
            self._line_up(row.chat_id)

    def reserve(self, rows: Sequence[PendingRow], *, promised: int) -> list[PendingRow]:
        """Rows not yet committed that may go as soon as they are: nothing else waits in their chats, or before them.

        They count as picked from now on. Whoever reserves calls `drop` if the transaction fails.

        Args:
            promised: how many others are reserved but not yet booked with the pace.
        """
        chosen: list[PendingRow] = []
        if self._ready:
            return chosen
        room = self._room(promised)
        for row in rows:
            if len(chosen) < room and row.chat_id not in self._lanes and self.pace.wait_chat(row.chat_id) <= 0:
                self._enter(row).append(row)
                self._busy.add(row.chat_id)
                chosen.append(row)
        return chosen

    def pick(self, *, promised: int) -> tuple[list[PendingRow], float | None]:
        """Rows that may be sent now, each the oldest of its chat.

        If there are none, for how many seconds nothing can be done besides (None: nobody knows).

        Args:
            promised: see `reserve`.
        """
        self._look_at_later()
        picked: list[PendingRow] = []
        room = self._room(promised)
        while self._ready and len(picked) < room:
            _, row_id, chat_id = heapq.heappop(self._ready)
            if not self._is_head(row_id, chat_id):
                continue
            if self.pace.wait_chat(chat_id) > 0:
                self._line_up(chat_id)
                continue
            self._busy.add(chat_id)
            picked.append(self._lanes[chat_id][0])
        if picked or len(self._busy) >= AT_ONCE:
            return picked, None
        if self._ready:
            return [], max(self.pace.wait_bot() - SOON / 2, 0.01)
        return [], max(0.0, self._later[0][0] - self.clock().timestamp()) if self._later else None

    def _room(self, promised: int) -> int:
        return min(self.pace.room() - promised, AT_ONCE - len(self._busy))

    def _look_at_later(self) -> None:
        now = self.clock().timestamp()
        while self._later and self._later[0][0] <= now:
            _, row_id, chat_id = heapq.heappop(self._later)
            if self._is_head(row_id, chat_id):
                self._line_up(chat_id)  # a gate may have been shut meanwhile

    def look_again_at_moments(self) -> None:
        """Reckons all waits anew: a clock that was set back would make what waits wait longer."""
        later, self._later = self._later, []
        for _, row_id, chat_id in later:
            if self._is_head(row_id, chat_id):
                self._line_up(chat_id)

    def free(self, chat_id: int) -> None:
        """A chat is not busy any more; its next row may go."""
        self._busy.discard(chat_id)
        if self._lanes.get(chat_id):
            self._line_up(chat_id)
        else:
            self._lanes.pop(chat_id, None)
            if not self._lanes:
                self.idle.set()

    def drop(self, row_id: int, chat_id: int) -> None:
        """A picked row is settled, or gone: the chat goes on with its next one."""
        lane = self._lanes.get(chat_id)
        if lane and lane[0].id == row_id:
            lane.popleft()
            self._known.discard(row_id)
        self.free(chat_id)

    def put_off(self, row: PendingRow) -> None:
        """A picked row is to be tried again, not before its moment."""
        lane = self._lanes.get(row.chat_id)
        if lane and lane[0].id == row.id:
            lane[0] = row
        self.free(row.chat_id)

    def _line_up(self, chat_id: int) -> None:
        """Puts a chat's oldest row among those that may go now, or later."""
        row = self._lanes[chat_id][0]
        now = self.clock()
        wait = self.pace.wait_chat(chat_id)
        if row.not_before is not None:
            due = min(row.not_before, now + LONGEST_PAUSE)
            row = self._lanes[chat_id][0] = replace(row, not_before=due)
            wait = max(wait, (due - now).total_seconds())
        if wait > 0:
            heapq.heappush(self._later, (now.timestamp() + wait, row.id, chat_id))
        else:
            heapq.heappush(self._ready, (_turn(row), row.id, chat_id))

    def _is_head(self, row_id: int, chat_id: int) -> bool:
        lane = self._lanes.get(chat_id)
        return bool(lane) and lane[0].id == row_id and chat_id not in self._busy  # type: ignore[index]


def _turn(row: PendingRow) -> int:
    return row.id + GIVES_WAY if row.kind == CLIENT_NOTICE else row.id
