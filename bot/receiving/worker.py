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
from crm_core.messaging import inbox
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate, UnstoredUpdate
from crm_core.storage.database import Database

log = structlog.get_logger("receiving")

PARALLEL = 64  # conversations worked on at the same moment
BATCH = 500  # updates that are read from the inbox at once
AT_ONCE_WITHIN = 0.05  # seconds for which receiving waits for an update that is stored with its effect

Handle = Callable[[IncomingUpdate], Awaitable[None]]


class ConversationWorker:
    """Works on stored updates until it is stopped.

    Attributes:
        handle: handles an update and finishes it; tests put something around it.
        idle: set while every update that was handed over is finished.
    """

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
        """
        Args:
            is_paced: whether the conversation of an update is slowed when it floods.
            on_slowed: called when one is.
            on_finished: called when an update is finished.
            retries: seconds before each further attempt of an update that failed.
        """
        self.db, self.handle = db, handle
        self._is_paced, self._on_slowed, self._on_finished = is_paced, on_slowed, on_finished
        self._bots: dict[int, bool] = {}  # those worked for, and whether all that waited for them has been read
        self._overlooked: set[int] = set()  # bots for which something came while that was being read
        self._queues: dict[ConversationKey, ConversationQueue] = {}
        self._held, self._pacing = HeldUpdates(), Pacing(clock)
        self._slots = asyncio.Semaphore(PARALLEL)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
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
        after = 0
        while True:
            self._overlooked.discard(bot_id)
            batch = await self.db.read(inbox.waiting, bot_id=bot_id, after=after, limit=BATCH)
            if batch:
                after = batch[-1].id
                self._take(batch)
                await self.wait_for_room()
            elif bot_id not in self._overlooked:
                break
            else:  # a transaction that began earlier may have committed later: its ids can lie below
                after = 0
        if bot_id in self._bots:
            self._bots[bot_id] = True

    async def look_again(self, bot_id: int) -> None:
        """Finds updates that another process stored (webhooks may reach any of them)."""
        if self._bots.get(bot_id):
            self.add(await self.db.read(inbox.waiting, bot_id=bot_id, after=0, limit=BATCH))

    def leave(self, bot_id: int) -> None:
        """Drops what waits for a bot that is another process's now; the inbox has it. What runs is finished."""
        self._bots.pop(bot_id, None)
        for (of_bot, _), queue in self._queues.items():
            if of_bot == bot_id:
                queue.more_after = None
                while len(queue.waiting) > 1:
                    self._held.remove_last(queue)

    def add(self, rows: Sequence[StoredUpdate]) -> None:
        """Takes updates that were stored just now. Those of a bot that is not worked for here wait in the inbox."""
        for row in rows:
            if self._bots.get(row.bot_id):
                self._take([row])
            else:
                self._overlooked.add(row.bot_id)

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
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- an update that is not stored yet -----------------------------------------------------------------------------

    async def at_once(self, update: UnstoredUpdate) -> bool:
        """Handles an update that came alone and is not stored yet: its effect stores it. Returns whether it did.

        If it did not, for whatever reason, it is stored first and handled from there. This saves the usual message a
        commit, and still nothing is confirmed to Telegram before it is stored.
        """
        key = (update.bot_id, update.conversation)
        is_free = self._bots.get(update.bot_id) and key not in self._queues and not self._slots.locked()
        if not is_free or self._stopping.is_set() or self._pacing.ahead(key) > 0:
            return False
        self._pacing.count_turn(key)
        queue = self._queues[key] = ConversationQueue(is_busy=True)
        self.idle.clear()
        task = self._begin(self._attempt_at_once(update, key, queue))
        # Not longer: others wait at Telegram. If it is stored meanwhile, its effect meets that row, and is undone.
        await asyncio.wait({task}, timeout=AT_ONCE_WITHIN)
        return task.done() and bool(task.result())

    async def _attempt_at_once(self, update: UnstoredUpdate, key: ConversationKey, queue: ConversationQueue) -> bool:
        try:
            async with self._slots:
                await self.handle(update)
        except Exception as error:  # once it is stored it fails in the same way, and is retried or kept
            log.info("not_handled_at_once", bot_id=key[0], error=describe_error(error))
            return False
        else:
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
        if not self._queues:
            self.idle.set()

    async def _step(self, key: ConversationKey, queue: ConversationQueue) -> None:
        if not queue.waiting:
            assert queue.more_after is not None
            await self._read_on(key, queue, queue.more_after)
            return
        row = queue.waiting[0]
        if queue.paced != row.id:
            await self._wait_for_turn(key, row)
            queue.paced, queue.attempts = row.id, row.attempts
        if self._stopping.is_set():
            return
        async with self._slots:
            is_finished = await self._attempts.attempt(row, queue)
        if is_finished:
            self._held.remove_first(queue)

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
        ahead = self._pacing.ahead(key)
        if ahead > 0 and await self._is_paced(row):
            await self._on_slowed(row)
            await self._attempts.sleep(ahead)
        self._pacing.count_turn(key)
