"""How fast a bot may send: Telegram's limits as arithmetic over moments, and gates (flood waits).

Telegram publishes about 30 messages a second for a bot, 1 a second for a private chat with short bursts, and 20 a
minute for a group, shared by sends, edits and topic calls. We stay a little below, because a request that is refused
prolongs the wait.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.telegram.verdict import LONGEST_FLOOD_WAIT

SEVERAL_CHATS = 3  # flood waits in so many chats …
WITHIN = timedelta(minutes=1)  # … within this time mean the bot as a whole
LONGEST_WINDOW = timedelta(minutes=1)  # no limit looks further back
BUCKETS_KEPT = 10_000  # of chats; above that, those that are on time again are dropped


@dataclass(frozen=True, slots=True)
class Limit:
    """One request each `interval` seconds, with `burst` at once after a rest (the generic cell rate algorithm)."""

    interval: float
    burst: int


BOT = Limit(1 / 28, 2)
PRIVATE = Limit(1.05, 3)
GROUP = Limit(60 / 19, 1)


SOON = 0.2  # seconds between claiming and sending, at most: a crash in between makes the outcome ambiguous
AHEAD = 64  # requests that may be booked ahead; a due moment beyond that comes from a clock that was set back


@dataclass
class Bucket:
    """When the next request of a limit would be on time."""

    due: float = 0.0

    def wait(self, limit: Limit, now: float, *, ahead: int = AHEAD, messages: int = 1) -> float:
        """Seconds until a request is allowed, 0 if it is now.

        Args:
            ahead: how many requests may have been booked for later.
            messages: how many it sends; more than a burst only after a longer rest.
        """
        self.due = min(self.due, now + limit.interval * (limit.burst + ahead))
        # Less than a microsecond is a rounding error, and would be slept for again and again.
        wait = self.due - limit.interval * (limit.burst - messages) - now
        return wait if wait > 1e-6 else 0.0

    def book(self, limit: Limit, now: float, messages: int = 1, *, rest: int = 0) -> None:
        """Counts a request made now, or as soon as the limit allows.

        Args:
            rest: for so many messages nothing was sent before it.
        """
        self.due = max(self.due + limit.interval * rest, now) + limit.interval * messages


@dataclass
class RateLimiter:
    """The limits and gates of one bot.

    Attributes:
        clock: the present moment, aware of its time zone.
        limited: False only where there are no limits (our sandbox with its limits off).
        shut_until: the bot's own gate; `chats_shut`: those of chats; `methods_shut`: those of methods that concern no
            chat. All of them survive a restart as rows.
    """

    clock: Callable[[], datetime]
    limited: bool = True
    shut_until: datetime | None = None
    chats_shut: dict[int, datetime] = field(default_factory=dict)
    methods_shut: dict[str, datetime] = field(default_factory=dict)
    _bot: Bucket = field(default_factory=Bucket)
    _sent: Bucket = field(default_factory=Bucket)  # as `_bot`, but of requests when they were really sent
    _sent_last: int = 1  # messages of the last request
    _send_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _chats: dict[int, Bucket] = field(default_factory=dict)
    _floods: dict[int, datetime] = field(default_factory=dict)

    def replay_recent(self, sent: Iterable[tuple[int, datetime]]) -> None:
        """Counts what an earlier process has just sent, as Telegram does: (chat, moment), the earliest first."""
        now = self.clock().timestamp()
        for chat_id, moment in sent:
            at = min(moment.timestamp(), now)
            self._bot.book(BOT, at)
            self._bucket(chat_id, at).book(_limit(chat_id), at)

    def wait_bot(self) -> float:
        """Seconds until the bot may send anything."""
        now = self.clock()
        gate = _seconds(self.shut_until, now)
        return max(gate, self._bot.wait(BOT, now.timestamp()) if self.limited else 0.0)

    def room(self) -> int:
        """How many requests, to any chats, may be made within `SOON` from now."""
        now = self.clock()
        if _seconds(self.shut_until, now) > 0:
            return 0
        if not self.limited:
            return AHEAD
        wait = max(self._bot.due - now.timestamp(), 0.0) - BOT.interval * (BOT.burst - 1)
        return max(0, math.floor((SOON - wait) / BOT.interval) + 1)

    def gate(self, chat_id: int) -> float:
        """Seconds for which a gate is shut, the chat's or the bot's."""
        now = self.clock()
        return max(_seconds(self.shut_until, now), _seconds(self.chats_shut.get(chat_id), now))

    def shut_gates(self) -> dict[str, list[float]]:
        """Seconds for which gates are still shut, by what they are of: "bot", "chat" or "method"."""
        now = self.clock()
        found = {"bot": [self.shut_until], "chat": self.chats_shut.values(), "method": self.methods_shut.values()}
        return {of: [left for until in every if (left := _seconds(until, now)) > 0] for of, every in found.items()}

    def method_gate(self, method: str) -> float:
        """Seconds for which a method that concerns no chat must not be called."""
        return _seconds(self.methods_shut.get(method), self.clock())

    def wait_chat(self, chat_id: int, messages: int = 1) -> float:
        """Seconds until a chat may be sent to, by its own limit and gate; the bot's are left out.

        Args:
            messages: how many the request sends. An album that exceeds the burst may go after a rest; then the chat
                rests as long as after so many messages. A group must have rested so long before it, too: what it takes
                in a minute is counted.
        """
        now = self.clock()
        gate = _seconds(self.chats_shut.get(chat_id), now)
        bucket = self._chats.get(chat_id)
        if bucket is None or not self.limited:
            return gate
        limit = _limit(chat_id)
        at_once = messages if chat_id < 0 else min(messages, limit.burst)
        return max(gate, bucket.wait(limit, now.timestamp(), messages=at_once))

    def book(self, chat_id: int | None, messages: int = 1) -> float:
        """Counts a request and returns after how many seconds it may be made: first booked, first sent."""
        now = self.clock()
        wait = _seconds(self.shut_until, now)
        if chat_id is not None:
            wait = max(wait, _seconds(self.chats_shut.get(chat_id), now))
        if not self.limited:
            return wait
        at = now.timestamp()
        wait = max(wait, self._bot.wait(BOT, at, messages=messages))
        self._bot.book(BOT, at, messages, rest=max(0, messages - BOT.burst))
        if chat_id is not None:
            bucket, limit = self._bucket(chat_id, at), _limit(chat_id)
            wait = max(wait, bucket.wait(limit, at, messages=min(messages, limit.burst)))
            bucket.book(limit, at, messages)
        return wait

    def try_send(self, messages: int = 1) -> float:
        """Called when a request is due: counts it and returns 0 if it may be sent now, else how many seconds are left.

        Nothing has to wait here unless the machine was busy: requests that were delayed would be sent all at once.
        """
        if not self.limited:
            return 0.0
        at = self.clock().timestamp()
        wait = self._sent.wait(BOT, at, ahead=self._sent_last - 1, messages=messages)
        if wait <= 0:
            self._sent.book(BOT, at, messages)
            self._sent_last = messages
        return wait

    async def wait_turn(self, messages: int = 1) -> bool:
        """Waits until a request that is due may be sent. Returns whether it had to wait."""
        has_waited = self._send_lock.locked()
        async with self._send_lock:  # one after the other: the request that has waited longest goes first
            while (wait := self.try_send(messages)) > 0:
                has_waited = True
                await asyncio.sleep(wait)
        return has_waited

    def note_response(self, chat_id: int, messages: int = 1) -> None:
        """Telegram answered: it has counted the request by now, but perhaps only a moment ago.

        It counts a request when it arrives. If one was slow on its way, a quicker next one would arrive too early.
        """
        bucket = self._chats.get(chat_id)
        if bucket is not None and self.limited:
            bucket.due = max(bucket.due, self.clock().timestamp() + _limit(chat_id).interval * messages)

    def _bucket(self, chat_id: int, now: float) -> Bucket:
        if chat_id not in self._chats and len(self._chats) > BUCKETS_KEPT:
            self._chats = {chat: bucket for chat, bucket in self._chats.items() if bucket.due > now}
        return self._chats.setdefault(chat_id, Bucket())

    def flood_method(self, method: str, after: float) -> datetime:
        """Shuts the gate of a method that concerns no chat. Returns until when."""
        until = self.clock() + timedelta(seconds=after)
        self.methods_shut[method] = max(until, self.methods_shut.get(method, until))
        return self.methods_shut[method]

    def flood(self, chat_id: int, after: float) -> list[tuple[int | None, datetime]]:
        """Shuts gates: Telegram said to wait `after` seconds. Returns those that are shut now, to be stored as rows.

        That of the bot, after several chats, is shut for the shortest of their waits: one may have its own reason.
        """
        now = self.clock()
        until = now + timedelta(seconds=after)
        if len(self.chats_shut) > BUCKETS_KEPT:
            self.chats_shut = {chat: shut for chat, shut in self.chats_shut.items() if shut > now}
        self.chats_shut[chat_id] = max(until, self.chats_shut.get(chat_id, until))
        gates: list[tuple[int | None, datetime]] = [(chat_id, self.chats_shut[chat_id])]
        if chat_id < 0:  # a group has its own, narrower limit, and says nothing of the bot as a whole
            return gates
        self._floods[chat_id] = now
        self._floods = {chat: at for chat, at in self._floods.items() if now - at <= WITHIN}
        if len(self._floods) >= SEVERAL_CHATS:
            still_shut = (self.chats_shut.get(chat, now) for chat in self._floods)
            shortest = min(shut for shut in still_shut if shut > now)
            self.shut_until = max(shortest, self.shut_until or shortest)
            gates.append((None, self.shut_until))
        return gates


def _limit(chat_id: int) -> Limit:
    return PRIVATE if chat_id > 0 else GROUP


def _seconds(gate: datetime | None, now: datetime) -> float:
    """How long a gate is still shut; for longer than any wait only one that was shut by a clock that was ahead."""
    left = (gate - now).total_seconds() if gate else 0.0
    return left if 0 < left <= LONGEST_FLOOD_WAIT else 0.0
