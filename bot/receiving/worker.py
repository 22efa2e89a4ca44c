"""From the inbox to the handlers: each conversation in order, one update at a time, many conversations at once.

An update that fails is retried after growing delays while its conversation waits and others go on; one that does not
parse, or fails for good, is kept raw as a dead letter and shown to admins (`bot.receiving.attempts`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

import structlog

from bot.logs import describe_error
from bot.receiving.attempts import RETRIES, Attempts
from bot.receiving.conversation_queue import ConversationKey, ConversationQueue, HeldUpdates
from bot.receiving.pacing import HELD_BEYOND, Pacing
from bot.receiving.updates import album_of, costs_turn
from crm_core.messaging import inbox
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate, UnstoredUpdate
from crm_core.storage.database import Database

log = structlog.get_logger("receiving")

PARALLEL = 64  # conversations worked on at the same moment
BATCH = 500  # updates that are read from the inbox at once
# Another process may have taken an id earlier than the highest one seen, and committed it later: so many ids below are
# read again. What took longer still is found by the sweep.
LOOK_BACK = 1_000
AT_ONCE_WITHIN = 0.05  # seconds for which receiving waits for an update that is stored with its effect

Handle = Callable[[IncomingUpdate], Awaitable[None]]
HandleTogether = Callable[[Sequence[IncomingUpdate]], Awaitable[None]]


class ConversationWorker:
    """Works on stored updates until it is stopped.

    Attributes:
        handle: handles an update and finishes it; tests put something around it.
        idle: set while every update that was handed over is finished, and once it has stopped.
    """

    def __init__(
        self,
        *,
        db: Database,
        handle: Handle,
        clock: Callable[[], datetime],
        is_paced: Callable[[IncomingUpdate], Awaitable[bool]],
        on_slowed: Callable[[IncomingUpdate], Awaitable[None]],
        together: HandleTogether | None = None,
        on_finished: Callable[[IncomingUpdate], None] = lambda _: None,
        retries: Sequence[float] = RETRIES,
    ) -> None:
        """
        Args:
            is_paced: whether the conversation of an update is slowed when it floods.
            on_slowed: called when one is.
            together: handles the parts of an album as `handle` does one update, all of them or, if it raises, none.
            on_finished: called when an update is finished.
            retries: seconds before each further attempt of an update that failed.
        """
        self.db, self.handle = db, handle
        self._is_paced, self._on_slowed, self._on_finished = is_paced, on_slowed, on_finished
        self.together = together
        self._bots: dict[int, bool] = {}  # those worked for, and whether all that waited for them has been read
        self._overlooked: set[int] = set()  # bots for which something came while that was being read
        self._seen: dict[int, int] = {}  # by bot: the highest id that a look for others' updates has read
        self._swept: dict[int, int] = {}  # by bot: up to which id the sweep has come
        self._catching_up: dict[int, asyncio.Task[None]] = {}  # bots of which more came than can be held
        self._queues: dict[ConversationKey, ConversationQueue] = {}
        self._held, self._pacing = HeldUpdates(), Pacing(clock)
        self._slots = asyncio.Semaphore(PARALLEL)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping, self._has_stopped = asyncio.Event(), False
        self._attempts = Attempts(
            db=db,
            handle=lambda row: self.handle(row),
            clock=clock,
            on_finished=on_finished,
            retries=retries,
            stopping=self._stopping,
        )
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def held(self) -> int:
        """How many updates are in memory."""
        return self._held.count

    async def wait_for_room(self) -> None:
        """Waits until more updates can be held."""
        await self._held.wait_for_room()

    # --- what is to be done -------------------------------------------------------------------------------------------

    async def start(self, bot_id: int) -> None:
        """Takes up what waits for a bot in the inbox; only then are arriving updates taken directly.

        The other way round, a client's new message could overtake those that an earlier session left unfinished.
        """
        self._bots[bot_id] = False
        await self._read_inbox(bot_id)

    async def _read_inbox(self, bot_id: int) -> None:
        after = 0
        while bot_id in self._bots:
            self._overlooked.discard(bot_id)
            batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=BATCH)
            if batch:
                after = batch[-1].id
                if bot_id not in self._bots:  # it was left meanwhile
                    return
                self._seen[bot_id] = max(after, self._seen.get(bot_id, 0))
                self._take(batch)
                await self.wait_for_room()
            elif bot_id not in self._overlooked:
                break
            else:  # a transaction that began earlier may have committed later: its ids can lie below
                after = 0
        if bot_id in self._bots:
            self._bots[bot_id] = True

    async def look_again(self, bot_id: int) -> None:
        """Finds updates that another process stored (webhooks may reach any of them).

        It reads on from the highest id seen, so that what waits unfinished for long, as of a client who floods, stands
        in nobody's way. A sweep goes through everything besides, a batch each time.
        """
        after = max(0, self._seen.get(bot_id, 0) - LOOK_BACK)
        while self._bots.get(bot_id) and self._held.has_room:
            batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=BATCH)
            self.add(batch)
            if batch:
                after = batch[-1].id
                self._seen[bot_id] = max(after, self._seen.get(bot_id, 0))
            if len(batch) < BATCH:
                break
        await self._sweep(bot_id)

    async def _sweep(self, bot_id: int) -> None:
        if not self._bots.get(bot_id) or not self._held.has_room:
            return
        batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=self._swept.get(bot_id, 0), limit=BATCH)
        self.add(batch)
        self._swept[bot_id] = batch[-1].id if len(batch) == BATCH else 0

    def leave(self, bot_id: int) -> None:
        """Drops what waits for a bot that is another process's now; the inbox has it. What runs is finished."""
        for known in (self._bots, self._seen, self._swept):
            known.pop(bot_id, None)
        if bot_id in self._catching_up:
            self._catching_up[bot_id].cancel()
        for (of_bot, _), queue in self._queues.items():
            if of_bot == bot_id:
                queue.more_after = None
                while len(queue.waiting) > 1:
                    self._held.remove_last(queue)

    def add(self, rows: Sequence[StoredUpdate]) -> None:
        """Takes updates that were stored just now.

        Those of a bot that is not worked for here wait in the inbox. So do those for which there is no room: as at the
        start, they are read from there in order, and whatever comes meanwhile after them.
        """
        for row in rows:
            if self._bots.get(row.bot_id) and self._held.has_room:
                self._take([row])
                continue
            self._overlooked.add(row.bot_id)
            if self._bots.get(row.bot_id):
                self._bots[row.bot_id] = False
                self.idle.clear()
                self._catching_up[row.bot_id] = asyncio.create_task(self._catch_up(row.bot_id))

    async def _catch_up(self, bot_id: int) -> None:
        """Reads what was left in the inbox, once there is room."""
        try:
            while self._bots.get(bot_id) is False:
                await self.wait_for_room()
                try:
                    await self._read_inbox(bot_id)
                except Exception as error:  # whatever it was, the bot must not stand still for it
                    log.error("inbox_not_read", bot_id=bot_id, error=describe_error(error))
                    await self._attempts.sleep_before_database()
        finally:
            if self._catching_up.get(bot_id) is asyncio.current_task():
                del self._catching_up[bot_id]
            self._set_if_idle()

    def _set_if_idle(self) -> None:
        # What waits when it has stopped is the next session's.
        if self._has_stopped or (not self._queues and not self._catching_up):
            self.idle.set()

    def _take(self, rows: Sequence[StoredUpdate]) -> None:
        for row in rows:
            key = (row.bot_id, row.conversation)
            queue = self._queues.setdefault(key, ConversationQueue())
            if row.id in queue.ids:
                continue
            if queue.more_after is not None and row.id > queue.more_after:
                queue.has_missed = True  # the queue reads on from the inbox, in order
                continue
            if len(queue.waiting) >= HELD_BEYOND and len(queue.waiting) >= self._pacing.capacity(key):
                queue.more_after = row.id - 1
                continue
            self._held.add(queue, row)
            self.idle.clear()
            if not queue.is_busy:
                queue.is_busy = True
                self._begin(self._work(key, queue))

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Finishes the updates under way and leaves the rest in the inbox."""
        self._stopping.set()
        reading = set(self._catching_up.values())
        for task in reading:
            task.cancel()
        if self._tasks or reading:
            await asyncio.wait(self._tasks | reading)
        self._has_stopped = True
        self._set_if_idle()

    # --- what is not stored yet ---------------------------------------------------------------------------------------

    async def at_once(self, updates: Sequence[UnstoredUpdate]) -> bool:
        """Handles an update, or an album, that came alone and is not stored yet: its effect stores it.

        Returns whether it did. If not, for whatever reason, it is stored first and handled from there. This saves the
        usual message a commit, and still nothing is confirmed to Telegram before it is stored.
        """
        first = updates[0]
        key = (first.bot_id, first.conversation)
        is_free = self._bots.get(first.bot_id) and key not in self._queues and not self._slots.locked()
        counted = sum(costs_turn(one.raw) for one in updates)
        if not is_free or self._stopping.is_set() or (counted and self._pacing.ahead(key, turns=counted) > 0):
            return False
        if len(updates) > 1 and self.together is None:
            return False
        for _ in range(counted):
            self._pacing.count_turn(key)
        queue = self._queues[key] = ConversationQueue(is_busy=True)
        self.idle.clear()
        task = self._begin(self._attempt_at_once(updates, key, queue))
        # Not longer: others wait at Telegram. If it is stored meanwhile, its effect meets that row, and is undone.
        await asyncio.wait({task}, timeout=AT_ONCE_WITHIN)
        return task.done() and bool(task.result())

    async def _attempt_at_once(
        self, updates: Sequence[UnstoredUpdate], key: ConversationKey, queue: ConversationQueue
    ) -> bool:
        try:
            async with self._slots:
                if self.together is None or len(updates) == 1:
                    await self.handle(updates[0])
                else:
                    await self.together(updates)
        except Exception as error:  # once it is stored it fails in the same way, and is retried or kept
            log.info("not_handled_at_once", bot_id=key[0], error=describe_error(error))
            return False
        else:
            for update in updates:
                self._on_finished(update)
            return True
        finally:
            await self._work(key, queue)  # what came meanwhile

    # --- one conversation ---------------------------------------------------------------------------------------------

    async def _work(self, key: ConversationKey, queue: ConversationQueue) -> None:
        while not self._stopping.is_set() and not queue.is_empty:
            try:
                await self._step(key, queue)
            except Exception as error:  # whatever it was, the conversation must not stop for it
                log.error("conversation_failed", bot_id=key[0], error=describe_error(error))
                await self._attempts.sleep_before_database()
        if queue.is_empty:
            self._queues.pop(key, None)
        self._set_if_idle()

    async def _step(self, key: ConversationKey, queue: ConversationQueue) -> None:
        if not queue.waiting:
            assert queue.more_after is not None
            await self._read_on(key, queue, queue.more_after)
            return
        row = queue.waiting[0]
        if queue.paced != row.id:
            await self._wait_for_turn(key, row)
            queue.paced, queue.attempts, queue.repeats, queue.reply_wait = row.id, row.attempts, 0, None
        if self._stopping.is_set():
            return
        async with self._slots:
            if await self._attempt_album(key, queue):
                return
            delay = await self._attempts.attempt(row, queue)
        if delay is None:
            self._held.remove_first(queue)
        else:  # in no slot: however many updates wait, they keep none from being handled
            await self._attempts.sleep(delay)

    async def _attempt_album(self, key: ConversationKey, queue: ConversationQueue) -> bool:
        """Handles the album with which a queue begins, if all its parts are here; returns whether it did."""
        if self.together is None or len(parts := queue.album()) < 2:
            return False
        queue.apart = album_of(parts[0].raw)
        try:
            await self.together(parts)
        except Exception as error:  # part by part it is seen which one fails, and why
            log.info("album_handled_apart", bot_id=key[0], error=describe_error(error.__cause__ or error))
            return False
        for place, row in enumerate(parts):
            if place and costs_turn(row.raw):
                self._pacing.count_turn(key)
            self._on_finished(row)
        self._held.remove_finished(queue, parts)
        return True

    async def _read_on(self, key: ConversationKey, queue: ConversationQueue, after: int) -> None:
        """Fetches the next updates of a long conversation from the inbox."""
        bot_id, conversation = key
        queue.has_missed, limit = False, self._pacing.capacity(key)
        rows = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=limit, conversation=conversation)
        if queue.more_after is None:  # the bot was left meanwhile
            return
        for row in rows:
            if row.id not in queue.ids:
                self._held.add(queue, row)
        last = rows[-1].id if rows else after
        queue.more_after = last if queue.has_missed or len(rows) == limit else None

    async def _wait_for_turn(self, key: ConversationKey, row: StoredUpdate) -> None:
        """Slows down a client who floods, so that their messages do not crowd out those of others."""
        if not costs_turn(row.raw):
            return
        ahead = self._pacing.ahead(key)
        if ahead > 0 and await self._is_paced(row):
            await self._on_slowed(row)
            await self._attempts.sleep(ahead)
        self._pacing.count_turn(key)
