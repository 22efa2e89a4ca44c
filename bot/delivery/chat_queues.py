"""What waits to be sent by one bot, chat by chat, and which chats may be sent to now.

Chats are independent: one that must wait delays no other, and the oldest row that may be sent goes first. Messages
between people go before our own notices to clients, up to a limit (`YIELD_TO`). The order within a chat is that of
`bot.delivery.chat_lanes`.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence, Set
from datetime import datetime

from bot.delivery.chat_lanes import ChatLanes, parts_at_head
from bot.delivery.rate_limit import SOON, RateLimiter
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging.outbox import (
    CARD_EDIT,
    CLIENT_NOTICE,
    COPY_EDIT,
    NOTICE_EDIT,
    OVERVIEW,
    PIN,
    SCREEN,
    TO_OPERATOR,
    PendingRow,
)

# In a backlog our notices to clients yield to messages between people that came up to so many rows later, half a minute
# at full rate: operators, whose chats take one message a second, are kept busy from its beginning on.
YIELD_TO = 1_000
REQUESTS_AT_ONCE = 32  # under way for one bot: enough for 28 a second at a latency of one second


class ChatQueues:
    """Rows by chat. A chat is busy while one of its rows is picked: until `drop` or `put_off`, whatever the outcome.
    The parts of an album are picked together.

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
        self.crowded: set[tuple[int, int]] = set()
        """Chats and contacts of which more waits than is copied one by one; whoever collapses them empties it."""
        self.is_outage = False
        """Whether rows that wait for Telegram to answer are held."""
        self._chats: dict[int, ChatLanes] = {}  # those where something waits
        self._busy: dict[int, set[int]] = {}  # by chat: the rows that are picked or reserved, several of an album
        self._known: set[int] = set()
        self._reserved: set[int] = set()  # chats, busy with a row that is reserved
        self._stamps = 0
        self._is_closed = False
        self._ready: list[tuple[int, int, int, int]] = []  # (turn, row id, chat, stamp): the oldest first
        self._later: list[tuple[float, int, int, int]] = []  # (moment, row id, chat, stamp)

    def add(self, rows: Sequence[PendingRow]) -> bool:
        """Adds rows that were committed; those that are here already are left as they are.

        Returns whether any of them is new; nothing is added once they are closed.
        """
        is_new = False
        for row in () if self._is_closed else rows:
            if row.id not in self._known:
                self._enter(row)
                self._wait(row)
                is_new = True
        return is_new

    def close(self) -> None:
        """Takes no more rows, and is idle from now on: nobody will send what waits here."""
        self._is_closed = True
        self.idle.set()

    def _enter(self, row: PendingRow) -> None:
        self._known.add(row.id)
        self.highest = max(self.highest, row.id)
        self.idle.clear()

    def _wait(self, row: PendingRow) -> None:
        lanes = self._chats.setdefault(row.chat_id, ChatLanes())
        lanes.add(row)
        if row.kind == TO_OPERATOR and row.contact_id is not None and lanes.is_crowded(row.contact_id):
            self.crowded.add((row.chat_id, row.contact_id))
        if row.chat_id not in self._busy:
            self._schedule(row.chat_id)

    def is_free(self, chat_id: int) -> bool:
        """Whether nothing waits, is being sent or is reserved in a chat."""
        return chat_id not in self._busy and chat_id not in self._chats

    def reserve(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """Chooses uncommitted rows that may be sent as soon as they are committed.

        Those are rows of chats where nothing else waits, within what the rate limit leaves, and none while other
        chats are ready. They count as picked from now on. The caller ends each reservation with `confirm` or `drop`.
        """
        chosen: list[PendingRow] = []
        if self._ready:
            return chosen
        room = self._room()
        by_chat: dict[int, list[PendingRow]] = {}
        for row in rows:
            by_chat.setdefault(row.chat_id, []).append(row)
        for chat_id, added in by_chat.items():
            together = added[: parts_at_head(added)]
            if any(row.is_held for row in together):
                continue  # further parts may come, or wait already
            wait = self.rate_limiter.wait_chat(chat_id, len(together)) if self.is_free(chat_id) else 1.0
            if wait <= 0 and len(chosen) < room:
                for row in together:
                    self._enter(row)
                self._busy[chat_id] = {row.id for row in together}
                self._reserved.add(chat_id)
                chosen += together
        if chosen:
            self.none_reserved.clear()
        return chosen

    def confirm(self, rows: Sequence[ClaimedRow]) -> None:
        """Ends the reservation of rows that are booked with the rate limiter now; they stay picked."""
        self._reserved.difference_update(row.chat_id for row in rows)
        if not self._reserved:
            self.none_reserved.set()

    def pick(self) -> tuple[list[PendingRow], float | None]:
        """Rows that may be sent now, each the next of its chat, or the parts of an album.

        If there are none, also for how many seconds there will be none unless rows are added or chats become free
        (None: until then).
        """
        self._schedule_due()
        picked: list[PendingRow] = []
        room = self._room()
        while self._ready and len(picked) < room:
            picked += self._next(*heapq.heappop(self._ready)[2:])
        if picked or len(self._busy) >= REQUESTS_AT_ONCE:
            return picked, None
        if self._ready:
            return [], max(self.rate_limiter.wait_bot() - SOON / 2, 0.01)
        return [], max(0.0, self._later[0][0] - self.clock().timestamp()) if self._later else None

    def _next(self, chat_id: int, stamp: int) -> list[PendingRow]:
        """Picks what is next in a chat, if its entry holds and it may go now."""
        if not self._holds(chat_id, stamp):
            return []
        row, _ = self._chats[chat_id].choose(self.clock(), is_outage=self.is_outage)
        if row is None or self._wait_chat(row) > 0:
            self._schedule(chat_id)
            return []
        return self._pick(row)

    def _wait_chat(self, row: PendingRow) -> float:
        """Seconds until a chat may be sent to with the head of one of its lanes."""
        return self.rate_limiter.wait_chat(row.chat_id, self._chats[row.chat_id].together(row))

    def _pick(self, row: PendingRow) -> list[PendingRow]:
        lanes = self._chats[row.chat_id]
        picked = lanes.take(row)
        if not lanes:
            del self._chats[row.chat_id]
        self._busy[row.chat_id] = {one.id for one in picked}
        return picked

    def pick_trial(self, tried: dict[int, int]) -> tuple[list[PendingRow], float | None]:
        """A row, or an album, with which to find out whether Telegram takes messages again.

        Best is one that harms nobody if its answer is lost (an edit), worst a notice, which is then not sent again.

        Args:
            tried: how often each row has been the trial, by row id: those tried least go first.

        If there is none now, returns nothing and after how many seconds there is one (None: as long as none is added).
        """
        waits = [
            (self._wait_of(row), row)
            for chat_id, lanes in self._chats.items()
            if chat_id not in self._busy
            for row in lanes.heads()
        ]
        due = [row for wait, row in waits if wait <= 0]
        if not due or self._room() < 1:
            return [], max(self.rate_limiter.wait_bot(), min(wait for wait, _ in waits), 0.01) if waits else None
        return self._pick(min(due, key=lambda one: (tried.get(one.id, 0), _harm(one), one.id))), None

    def _wait_of(self, row: PendingRow) -> float:
        """Seconds until the head of a lane may go."""
        pause = (row.not_before - self.clock()).total_seconds() if row.not_before is not None else 0.0
        return max(self._wait_chat(row), pause)

    def _room(self) -> int:
        return min(self.rate_limiter.room() - len(self._reserved), REQUESTS_AT_ONCE - len(self._busy))

    def _schedule_due(self) -> None:
        now = self.clock().timestamp()
        while self._later and self._later[0][0] <= now:
            _, _, chat_id, stamp = heapq.heappop(self._later)
            if self._holds(chat_id, stamp):
                self._schedule(chat_id)  # a gate may have been shut meanwhile

    def reschedule(self) -> None:
        """Computes all waits anew: after a clock was set back, rows would wait longer than they should."""
        for chat_id in self._chats:
            if chat_id not in self._busy:
                self._schedule(chat_id)

    def set_outage(self, is_outage: bool) -> None:
        """Holds rows that wait for Telegram to answer, or makes all of them due at once, in their order."""
        self.is_outage = is_outage
        if not is_outage:
            for lanes in self._chats.values():
                lanes.end_outage()
            self.reschedule()

    def drop(self, row_id: int, chat_id: int) -> None:
        """A picked or reserved row is settled, or does not exist any more: the chat goes on with its next one."""
        self._known.discard(row_id)
        self._free(chat_id, row_id)

    def discard(self, chat_id: int, ids: Set[int]) -> None:
        """Rows that waited were given up."""
        self._known -= ids
        lanes = self._chats.get(chat_id)
        if lanes is not None:
            lanes.discard(ids)
            if not lanes:
                del self._chats[chat_id]
            if chat_id not in self._busy:
                self._go_on(chat_id)

    def put_off(self, row: PendingRow) -> None:
        """A picked row is to be tried again, not before its moment."""
        self._chats.setdefault(row.chat_id, ChatLanes()).add(row)
        self._free(row.chat_id, row.id)

    def _free(self, chat_id: int, row_id: int) -> None:
        """A chat is not busy any more, once this holds for all rows that were picked together; its next row may go."""
        picked = self._busy.get(chat_id, set())
        picked.discard(row_id)
        if not picked:
            self._busy.pop(chat_id, None)
            self._go_on(chat_id)

    def _go_on(self, chat_id: int) -> None:
        if chat_id in self._reserved:
            self._reserved.discard(chat_id)
            if not self._reserved:
                self.none_reserved.set()
        if chat_id in self._chats:
            self._schedule(chat_id)
        elif not self._chats and not self._busy:
            self.idle.set()

    def _schedule(self, chat_id: int) -> None:
        """Puts a chat among those that may go now, or later; its earlier entries become void."""
        lanes, now = self._chats[chat_id], self.clock()
        row, due = lanes.choose(now, is_outage=self.is_outage)
        wait = self.rate_limiter.wait_chat(chat_id) if row is None else self._wait_chat(row)
        if due is not None:
            wait = max(wait, (due - now).total_seconds())
        self._stamps += 1
        lanes.stamp = self._stamps
        row_id = row.id if row else 0
        if wait > 0:
            heapq.heappush(self._later, (now.timestamp() + wait, row_id, chat_id, lanes.stamp))
        elif row is not None:
            heapq.heappush(self._ready, (_turn(row), row_id, chat_id, lanes.stamp))

    def _holds(self, chat_id: int, stamp: int) -> bool:
        lanes = self._chats.get(chat_id)
        return lanes is not None and lanes.stamp == stamp and chat_id not in self._busy


def _turn(row: PendingRow) -> int:
    return row.id + YIELD_TO if row.kind in (CLIENT_NOTICE, OVERVIEW, PIN) else row.id


def _harm(row: PendingRow) -> int:
    """How bad it is if the answer to this row is lost."""
    if row.kind in (CARD_EDIT, COPY_EDIT, NOTICE_EDIT, PIN, SCREEN):
        return 0
    return 2 if row.kind == CLIENT_NOTICE else 1
