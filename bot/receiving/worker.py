"""From the inbox to the handlers: each conversation in order, one update at a time, many conversations at once.

An update that fails is tried again with growing pauses while its conversation waits and others go on; one that does
not parse, or fails for good, is buried, kept raw and shown to admins.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from bot.logs import describe_error
from crm_core.messaging import inbox
from crm_core.messaging.inbox import AlreadyFinished, IncomingUpdate, StoredUpdate, UnstoredUpdate
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("receiving")

AT_ONCE = 64  # conversations worked on at the same moment
HELD_EACH = 50  # updates of one conversation held in memory; the rest waits in the inbox
HELD_BEYOND = 2  # of a conversation that is slowed: more would fill what all share with what is not due for minutes
HELD_ALL = 2_000  # updates held in memory for all bots
RETRIES = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0)  # seconds before each further attempt; after them an update is buried
DATABASE_PAUSE = 1.0  # seconds until the database is tried again
FREE_BURST, SLOWED_INTERVAL = 30, 2.0  # a client may send so many at once; beyond that, one in so many seconds
AT_ONCE_WITHIN = 0.05  # seconds for which receiving waits for an update that is stored with its effect


class RetryNow(Exception):
    """The update must be worked on anew at once: what it was judged by (a role) has changed meanwhile."""


Handle = Callable[[IncomingUpdate], Awaitable[None]]


@dataclass
class ConversationQueue:
    """The waiting updates of one conversation.

    Attributes:
        ids: of those in `waiting`; an update may be announced twice, and must not be worked on twice at once.
        more_after: the rest of it stands in the inbox behind this id; None if all of it is held here.
        has_missed: something came while the rest was being read, and may not be among it.
        paced: the update that has had its turn; trying it again costs the client nothing.
    """

    waiting: deque[StoredUpdate] = field(default_factory=deque)
    ids: set[int] = field(default_factory=set)
    more_after: int | None = None
    has_missed: bool = False
    is_busy: bool = False
    attempts: int = 0
    paced: int | None = None


class ConversationWorker:
    """Works on stored updates until it is stopped."""

    def __init__(
        self,
        *,
        db: Database,
        handle: Handle,
        clock: Callable[[], datetime],
        is_paced: Callable[[IncomingUpdate], Awaitable[bool]],
        on_slowed: Callable[[IncomingUpdate], Awaitable[None]],
        on_finished: Callable[[IncomingUpdate], None] = lambda _: None,
        retries: Sequence[float] = RETRIES,
    ) -> None:
        self.db, self.clock = db, clock
        self._handle, self._is_paced, self._on_slowed, self._retries = handle, is_paced, on_slowed, retries
        self._on_finished = on_finished
        self._bots: dict[int, bool] = {}  # those worked for, and whether all that waited for them has been read
        self._overlooked: set[int] = set()  # bots for which something came while that was being read
        self._lanes: dict[tuple[int, str], ConversationQueue] = {}
        self._due: dict[tuple[int, str], float] = {}
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while every update that was handed over is finished."""
        self.idle.set()

    @property
    def held(self) -> int:
        """How many updates are in memory."""
        return self._held

    async def has_room(self) -> None:
        """Waits until more updates can be held."""
        await self._room.wait()

    async def start(self, bot_id: int) -> None:
        """Takes up what waits for a bot in the inbox; only then is what arrives taken directly.

        Were it the other way round, a client's new words could overtake those that an earlier life left unfinished.
        """
        self._bots[bot_id] = False
        after = 0
        while True:
            self._overlooked.discard(bot_id)
            batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=500)
            if batch:
                after = batch[-1].id
                self._take(batch)
                await self.has_room()
            elif bot_id not in self._overlooked:
                break
            else:  # a transaction that began earlier may have committed later: its ids can lie below
                after = 0
        if bot_id in self._bots:
            self._bots[bot_id] = True

    async def look_again(self, bot_id: int) -> None:
        """Finds updates that another process stored (webhooks may reach any of them)."""
        if self._bots.get(bot_id):
            batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=0, limit=500)
            self.add(batch)

    def leave(self, bot_id: int) -> None:
        """Drops what waits for a bot that is another process's now; it stands in the inbox. What runs is finished."""
        self._bots.pop(bot_id, None)
        for (of_bot, _), lane in self._lanes.items():
            if of_bot == bot_id:
                lane.more_after = None
                while len(lane.waiting) > 1:
                    self._forget(lane, lane.waiting.pop())

    def add(self, rows: Sequence[StoredUpdate]) -> None:
        """Updates that were stored just now. Those of a bot that is not worked for here wait in the inbox."""
        for row in rows:
            if self._bots.get(row.bot_id):
                self._take([row])
            else:
                self._overlooked.add(row.bot_id)

    async def at_once(self, update: UnstoredUpdate) -> bool:
        """Works on an update that came alone and is not stored yet: its effect stores it. Returns whether it did.

        If it did not, whatever the reason, it goes the long way: it is stored, and worked on from there. That saves the
        usual message a commit without giving up that nothing is confirmed to Telegram before it is stored.
        """
        key = (update.bot_id, update.conversation)
        is_free = self._bots.get(update.bot_id) and key not in self._lanes and not self._slots.locked()
        if not is_free or self._stopping.is_set() or self._ahead(key) > 0:
            return False
        self._count_turn(key)
        lane = self._lanes[key] = ConversationQueue(is_busy=True)
        self.idle.clear()
        task = asyncio.create_task(self._attempt_at_once(update, key, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Not longer: others wait at Telegram. If it is stored meanwhile, its effect meets that row, and is undone.
        await asyncio.wait({task}, timeout=AT_ONCE_WITHIN)
        return task.done() and task.result()

    async def _attempt_at_once(self, update: UnstoredUpdate, key: tuple[int, str], lane: ConversationQueue) -> bool:
        try:
            async with self._slots:
                await self._handle(update)
        except Exception:  # the long way meets the same, and knows what to do
            return False
        else:
            self._on_finished(update)
            return True
        finally:
            await self._work(key, lane)  # what came meanwhile

    def _take(self, rows: Sequence[StoredUpdate]) -> None:
        for row in rows:
            key = (row.bot_id, row.conversation)
            lane = self._lanes.setdefault(key, ConversationQueue())
            if row.id in lane.ids:
                continue
            if lane.more_after is not None and row.id > lane.more_after:
                lane.has_missed = True  # the lane reads on from the inbox, in order
                continue
            if len(lane.waiting) >= HELD_BEYOND and len(lane.waiting) >= self._capacity(key):
                lane.more_after = row.id - 1
                continue
            self._hold(lane, row)
            self.idle.clear()
            if not lane.is_busy:
                lane.is_busy = True
                task = asyncio.create_task(self._work(key, lane))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if self._held >= HELD_ALL:
            self._room.clear()

    def _hold(self, lane: ConversationQueue, row: StoredUpdate) -> None:
        lane.waiting.append(row)
        lane.ids.add(row.id)
        self._held += 1

    def _forget(self, lane: ConversationQueue, row: StoredUpdate) -> None:
        lane.ids.discard(row.id)
        self._held -= 1
        if self._held < HELD_ALL // 2:
            self._room.set()

    async def stop(self) -> None:
        """Finishes the updates under way and leaves the rest in the inbox."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, key: tuple[int, str], lane: ConversationQueue) -> None:
        while not self._stopping.is_set() and (lane.waiting or lane.more_after is not None):
            try:
                await self._step(key, lane)
            except Exception as error:  # whatever it was, the conversation must not stand still for it
                log.error("conversation_failed", bot_id=key[0], error=describe_error(error))
                await self._sleep(DATABASE_PAUSE)
        if not lane.waiting and lane.more_after is None:
            self._lanes.pop(key, None)
        if not self._lanes:
            self.idle.set()

    async def _step(self, key: tuple[int, str], lane: ConversationQueue) -> None:
        if not lane.waiting:
            assert lane.more_after is not None
            await self._read_on(key, lane, lane.more_after)
            return
        row = lane.waiting[0]
        if lane.paced != row.id:
            await self._wait_for_turn(key, row)
            lane.paced, lane.attempts = row.id, row.attempts
        if self._stopping.is_set():
            return
        async with self._slots:
            is_finished = await self._try(row, lane)
        if is_finished:
            lane.waiting.popleft()
            self._forget(lane, row)

    async def _read_on(self, key: tuple[int, str], lane: ConversationQueue, after: int) -> None:
        """Fetches the next updates of a long conversation."""
        bot_id, conversation = key
        lane.has_missed, limit = False, self._capacity(key)
        rows = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=limit, conversation=conversation)
        if lane.more_after is None:  # the bot was left meanwhile
            return
        for row in rows:
            if row.id not in lane.ids:
                self._hold(lane, row)
        last = rows[-1].id if rows else after
        lane.more_after = last if lane.has_missed or len(rows) == limit else None

    async def _wait_for_turn(self, key: tuple[int, str], row: StoredUpdate) -> None:
        """A client who floods is slowed down, so that his words do not crowd out everybody else's at the operator's."""
        ahead = self._ahead(key)
        if ahead > 0 and await self._is_paced(row):
            await self._on_slowed(row)
            await self._sleep(ahead)
        self._count_turn(key)

    def _ahead(self, key: tuple[int, str]) -> float:
        """For how many seconds a conversation is ahead of its free burst."""
        return self._next_turn(key) - self.clock().timestamp() - SLOWED_INTERVAL * (FREE_BURST - 1)

    def _capacity(self, key: tuple[int, str]) -> int:
        """How many updates of a conversation are held: what is left of its free burst, and little beyond."""
        free = -self._ahead(key) / SLOWED_INTERVAL + 1
        return max(HELD_BEYOND, min(HELD_EACH, int(free) + HELD_BEYOND))

    def _next_turn(self, key: tuple[int, str]) -> float:
        # Never further ahead than a full burst, or a clock that was set back would silence a client for that long.
        now = self.clock().timestamp()
        return min(max(self._due.get(key, 0.0), now), now + SLOWED_INTERVAL * FREE_BURST)

    def _count_turn(self, key: tuple[int, str]) -> None:
        if len(self._due) > 10_000:
            now = self.clock().timestamp()
            self._due = {one: at for one, at in self._due.items() if at > now}
        self._due[key] = self._next_turn(key) + SLOWED_INTERVAL

    async def _try(self, row: StoredUpdate, lane: ConversationQueue) -> bool:
        """One attempt. Returns whether the update is finished, one way or the other."""
        try:
            await self._handle(row)
        except AlreadyFinished:
            return True
        except DATABASE_UNAVAILABLE as error:
            # No fault of the update: it waits as long as it takes, and is never buried for it.
            log.error("database_away", inbox_id=row.id, error=describe_error(error))
            await self._sleep(DATABASE_PAUSE)
            return False
        except ValidationError:
            return await self._bury(row, "unparsable")
        except Exception as error:
            return await self._failed(row, lane, error)
        self._on_finished(row)
        return True

    async def _failed(self, row: StoredUpdate, lane: ConversationQueue, error: Exception) -> bool:
        lane.attempts += 1
        name = type(error).__name__
        if not isinstance(error, RetryNow):
            log.error("update_failed", inbox_id=row.id, attempt=lane.attempts, error=describe_error(error))
        if lane.attempts > len(self._retries):
            return await self._bury(row, name)
        pause = 0.0 if isinstance(error, RetryNow) else self._retries[lane.attempts - 1]
        try:
            due = self.clock() + timedelta(seconds=pause)
            if not await self.db.write(inbox.retry, inbox_id=row.id, error=name, not_before=due):
                return True
        except DATABASE_UNAVAILABLE as failure:
            log.error("retry_not_noted", inbox_id=row.id, error=describe_error(failure))
        await self._sleep(pause)
        return False

    async def _bury(self, row: StoredUpdate, error: str) -> bool:
        log.error("update_buried", inbox_id=row.id, reason=error)
        try:
            await self.db.write(inbox.mark_dead, inbox_id=row.id, bot_id=row.bot_id, error=error, now=self.clock())
        except DATABASE_UNAVAILABLE as failure:
            log.error("burial_failed", inbox_id=row.id, error=describe_error(failure))
            await self._sleep(DATABASE_PAUSE)
            return False
        return True

    async def _sleep(self, seconds: float) -> None:
        """Waits, but not beyond the stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
