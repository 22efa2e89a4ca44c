"""The worker: order within a conversation, memory, restarts of a bot, updates that fail."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from bot.receiving import attempts, conversation_queue
from bot.receiving import worker as worker_module
from bot.receiving.updates import to_update, with_album_ends
from bot.receiving.worker import ConversationWorker
from crm_core.delivery import bots
from crm_core.messaging import inbox
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate, Update
from crm_core.storage.database import Database
from crm_core.storage.tables import InboxRow

BOT = 700001
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def known_bot(db: Database) -> None:
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)


def update(number: int, chat: int = 1) -> Update:
    return to_update(BOT, {"update_id": number, "message": {"chat": {"id": chat}, "text": str(number)}})


def part(number: int, chat: int = 1) -> Update:
    """A part of the one album of a chat."""
    return to_update(BOT, {"update_id": number, "message": {"chat": {"id": chat}, "media_group_id": "7"}})


async def store(db: Database, *updates: Update) -> list[StoredUpdate]:
    return await db.write(inbox.store, bot_id=BOT, updates=updates, now=NOW)


async def states(db: Database) -> list[str]:
    query = select(InboxRow.state).order_by(InboxRow.id)
    return await db.read(lambda s: list(s.execute(query).scalars()))


class Desk:
    """A handler that finishes each update, remembers the order, and notices two at once in one conversation."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.done: dict[str, list[int]] = defaultdict(list)
        self.begun = 0
        self._busy: set[str] = set()
        self.before: Callable[[IncomingUpdate], Any] | None = None

    async def __call__(self, row: IncomingUpdate) -> None:
        assert row.conversation not in self._busy
        self._busy.add(row.conversation)
        self.begun += 1
        try:
            if self.before is not None:
                await self.before(row)
            await self.db.write(inbox.finish, row, now=NOW)
            self.done[row.conversation].append(row.raw["update_id"])
        finally:
            self._busy.discard(row.conversation)

    def hold(self) -> tuple[asyncio.Event, asyncio.Event]:
        """From now on updates wait. Returns what is set when one has begun, and what is to be set so that they end."""
        begun, gate = asyncio.Event(), asyncio.Event()

        async def wait(_: IncomingUpdate) -> None:
            begun.set()
            await gate.wait()

        self.before = wait
        return begun, gate

    def worker(self, **options: Any) -> ConversationWorker:
        async def is_paced(_: IncomingUpdate) -> bool:
            return False

        async def on_slowed(_: IncomingUpdate) -> None:
            raise AssertionError("nobody is slowed here")

        return ConversationWorker(
            db=self.db, handle=self, clock=lambda: datetime.now(UTC), is_paced=is_paced, on_slowed=on_slowed, **options
        )


async def test_long_conversation_is_processed_in_order_while_updates_arrive(db: Database) -> None:
    desk = Desk(db)
    worker = desk.worker()
    await worker.start(BOT)
    numbers = iter(range(1, 401))

    async def more(_: IncomingUpdate) -> None:  # words arrive at every point of the reading
        for number in itertools.islice(numbers, 3):
            worker.add(await store(db, update(number)))

    desk.before = more
    worker.add(await store(db, *(update(number) for number in [next(numbers) for _ in range(120)])))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == list(range(1, 401))
    assert set(await states(db)) == {"done"}
    assert worker.held == 0
    await worker.stop()


@pytest.mark.fault("F16")
async def test_worker_memory_is_bounded_for_any_backlog(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_queue, "HELD_ALL", 200)
    for chat in range(40):
        await store(db, *(update(chat * 100 + number, chat) for number in range(40)))
    desk, most = Desk(db), 0
    worker = desk.worker()

    async def look(_: IncomingUpdate) -> None:
        nonlocal most
        most = max(most, worker.held)

    desk.before = look
    monkeypatch.setattr(inbox, "waiting", _in_small_batches)
    await worker.start(BOT)
    await worker.idle.wait()
    assert most <= 200 + 5 * 20  # what is being read when the limit is reached comes still, a batch for each reader
    assert [desk.done[f"{BOT}:{chat}"] for chat in range(40)] == [
        [chat * 100 + number for number in range(40)] for chat in range(40)
    ]


_waiting = inbox.waiting


def _in_small_batches(s: Session, *, limit: int, **rest: Any) -> list[StoredUpdate]:
    return _waiting(s, limit=min(limit, 20), **rest)


async def test_updates_received_during_backlog_read_do_not_overtake_it(db: Database) -> None:
    backlog = [update(number) for number in range(1, 30)]
    await store(db, *backlog)
    desk = Desk(db)
    worker = desk.worker()
    worker.add(await store(db, update(30)))  # by a webhook, before the bot is taken up
    starting = asyncio.create_task(worker.start(BOT))
    worker.add(await store(db, update(31)))
    await starting
    worker.add(await store(db, update(32)))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == list(range(1, 33))


async def test_restarted_bot_processes_no_update_twice(db: Database) -> None:
    desk = Desk(db)
    worker, (_begun, gate) = desk.worker(), desk.hold()
    await worker.start(BOT)
    worker.add(await store(db, update(1), update(2), update(3)))
    await worker.start(BOT)  # it starts over: everything is still unfinished
    worker.leave(BOT)
    await worker.start(BOT)
    gate.set()
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == [1, 2, 3]
    assert desk.begun == 3


async def test_worker_processes_no_further_updates_of_a_bot_it_left(db: Database) -> None:
    desk = Desk(db)
    worker, (begun, gate) = desk.worker(), desk.hold()
    await worker.start(BOT)
    worker.add(await store(db, *(update(number) for number in range(1, 80))))
    await begun.wait()
    worker.leave(BOT)
    worker.add(await store(db, update(80)))
    gate.set()
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == [1]  # what was under way is finished, the rest is somebody else's
    assert worker.held == 0


@pytest.mark.fault("F227")
async def test_album_under_way_is_finished_alone_when_its_bot_is_left(db: Database) -> None:
    """The bot is taken up again, and what comes then stands in the queue where parts of the album stood."""
    desk, finished = Desk(db), list[int]()
    stored, gate = asyncio.Event(), asyncio.Event()

    async def together(rows: Sequence[IncomingUpdate]) -> None:
        for row in rows:
            await db.write(inbox.finish, row, now=NOW)
        stored.set()
        await gate.wait()

    worker = desk.worker(together=together, on_finished=lambda row: finished.append(row.raw["update_id"]))
    await worker.start(BOT)
    worker.add(await store(db, *with_album_ends([part(number) for number in range(1, 11)])))
    await stored.wait()
    worker.leave(BOT)
    await worker.start(BOT)
    worker.add(await store(db, update(11)))
    gate.set()
    await worker.idle.wait()
    assert finished == list(range(1, 12))
    assert desk.done[f"{BOT}:1"] == [11]
    assert worker.held == 0


async def test_stopped_worker_is_idle_while_updates_wait_in_the_inbox(db: Database) -> None:
    """They are the next session's; whoever waits for this one would wait for ever."""
    desk = Desk(db)
    worker, (begun, gate) = desk.worker(), desk.hold()
    await worker.start(BOT)
    worker.add(await store(db, update(1), update(2)))
    await begun.wait()
    stopping = asyncio.create_task(worker.stop())
    gate.set()
    await stopping
    assert await states(db) == ["done", "new"]
    assert worker.idle.is_set()
    worker.add(await store(db, update(3, chat=9)))  # a webhook may bring one yet
    await worker.idle.wait()


async def test_failing_update_delays_only_its_conversation_and_becomes_dead_letter(db: Database) -> None:
    desk = Desk(db)
    worker = desk.worker(retries=(0.01, 0.01))

    async def fail(row: IncomingUpdate) -> None:
        if row.raw["update_id"] == 1:
            raise LookupError("always")

    desk.before = fail
    await worker.start(BOT)
    worker.add(await store(db, update(1), update(2), update(3, chat=9)))
    await worker.idle.wait()
    assert await states(db) == ["dead", "done", "done"]
    assert desk.begun == 5  # three times the first, once each of the others


async def test_failed_update_already_marked_done_is_not_retried(db: Database) -> None:
    """Whatever it failed on (its own traces, most likely), its conversation goes on at once."""
    desk = Desk(db)
    worker = desk.worker(retries=(60.0,))

    async def finish_elsewhere(row: IncomingUpdate) -> None:
        if row.raw["update_id"] == 1:
            await db.write(inbox.finish, row, now=NOW)
            raise LookupError("the message stands there already")

    desk.before = finish_elsewhere
    await worker.start(BOT)
    worker.add(await store(db, update(1), update(2)))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == [2]
    assert set(await states(db)) == {"done"}


async def test_error_outside_the_handler_does_not_stop_a_conversation(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "DATABASE_DELAY", 0.01)
    desk = Desk(db)
    worker = desk.worker()
    asked = 0

    async def fails_once(_: IncomingUpdate) -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise LookupError("the roster cannot be read")
        return False

    worker._is_paced = fails_once
    await worker.start(BOT)
    worker.add(await store(db, *(update(number) for number in range(1, 41))))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == list(range(1, 41))
    assert asked > 1


@pytest.mark.fault("F2", "F10")
async def test_batch_with_lost_commit_reply_is_processed_on_redelivery(db: Database) -> None:
    """Telegram hands it out again, since it was never confirmed; by then it is known, but nobody has begun it."""
    await store(db, update(1), update(2))
    desk = Desk(db)
    worker = desk.worker()
    await worker.start(BOT)
    await worker.idle.wait()
    await store(db, update(3))  # committed, and then the connection was lost
    worker.add(await store(db, update(3), update(4)))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == [1, 2, 3, 4]
    assert await store(db, update(3)) == []


@pytest.mark.fault("F12")
async def test_reused_update_id_with_other_body_is_stored_as_new_update(db: Database) -> None:
    first, other = update(5), to_update(BOT, {"update_id": 5, "message": {"chat": {"id": 1}, "text": "a new start"}})
    assert len(await store(db, first)) == 1
    assert len(await store(db, other, other)) == 1
    lower = update(2)
    assert len(await store(db, lower)) == 1
    query = select(InboxRow.update_id, InboxRow.epoch).order_by(InboxRow.id)
    assert await db.read(lambda s: [tuple(row) for row in s.execute(query)]) == [(5, 0), (5, 1), (2, 0)]


async def test_rows_committed_out_of_order_are_all_processed(db: Database) -> None:
    """PostgreSQL hands out ids before it commits: what another connection stored may appear behind what is held."""
    if db.url.get_backend_name() == "sqlite":
        return
    held, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(s: Session) -> list[StoredUpdate]:
        stored = inbox.store(s, bot_id=BOT, updates=[update(1)], now=NOW)
        loop.call_soon(held.set)
        await_only(may_end.wait())
        return stored

    desk = Desk(db)
    worker = desk.worker()
    await worker.start(BOT)
    slow = asyncio.create_task(db.write(slowly))
    await held.wait()
    worker.add(await store(db, *(update(number) for number in range(2, 120))))
    may_end.set()
    worker.add(await slow)
    await worker.idle.wait()
    assert sorted(desk.done[f"{BOT}:1"]) == list(range(1, 120))


async def test_update_added_while_rows_are_read_is_not_missed(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored after the reading saw the inbox, announced before its result came back: it is in neither."""
    desk = Desk(db)
    worker = desk.worker()
    await worker.start(BOT)
    read = db.read
    late = iter([update(101)])

    async def read_slowly(query: Any, /, **inputs: Any) -> Any:
        found = await read(query, **inputs)
        for one in late:
            worker.add(await store(db, one))
        return found

    monkeypatch.setattr(db, "read", read_slowly)
    worker.add(await store(db, *(update(number) for number in range(1, 91))))
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == [*range(1, 91), 101]


@pytest.mark.further
@pytest.mark.fault("F109")
async def test_updates_stored_elsewhere_are_found_behind_many_unfinished_ones(db: Database) -> None:
    desk, release = Desk(db), asyncio.Event()

    async def flooder_waits(row: IncomingUpdate) -> None:
        if row.conversation == f"{BOT}:1":
            await release.wait()

    desk.before = flooder_waits
    worker = desk.worker()
    await worker.start(BOT)
    await store(db, *(update(number) for number in range(1, 1_300)))
    await worker.look_again(BOT)
    await store(db, update(5_000, chat=2))
    await worker.look_again(BOT)
    async with asyncio.timeout(10):
        while not desk.done[f"{BOT}:2"]:  # noqa: ASYNC110 - until its task has run
            await asyncio.sleep(0)
    assert desk.done == {f"{BOT}:2": [5_000], f"{BOT}:1": []} or desk.done == {f"{BOT}:2": [5_000]}
    release.set()
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"] == list(range(1, 1_300))
    await worker.stop()


@pytest.mark.fault("F109")
async def test_update_committed_far_below_the_highest_id_is_found_by_the_sweep(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LOOK_BACK", 2)
    monkeypatch.setattr(worker_module, "BATCH", 4)
    desk = Desk(db)
    worker = desk.worker()
    (late, *_) = await store(db, *(update(number, chat=number) for number in range(1, 20)))
    hidden = InboxRow.__table__.update().where(InboxRow.id == late.id)
    await db.write(lambda s: s.execute(hidden.values(state="dead")) and None)  # as if not committed yet
    await worker.start(BOT)
    await worker.look_again(BOT)
    await worker.idle.wait()
    await db.write(lambda s: s.execute(hidden.values(state="new")) and None)
    for _ in range(2):  # the first sweep may have found some unfinished, and then the second begins above them
        await worker.look_again(BOT)
    await worker.idle.wait()
    assert set(await states(db)) == {"done"}
    await worker.stop()


@pytest.mark.fault("F110")
async def test_pushed_updates_beyond_the_memory_limit_wait_in_the_inbox_in_order(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_queue, "HELD_ALL", 100)
    desk, most, release = Desk(db), 0, asyncio.Event()

    async def look(_: IncomingUpdate) -> None:
        nonlocal most
        most = max(most, worker.held)
        await release.wait()

    desk.before = look
    worker = desk.worker()
    monkeypatch.setattr(inbox, "waiting", _in_small_batches)
    await worker.start(BOT)
    for number in range(20):
        for chat in range(30):
            worker.add(await store(db, update(chat * 100 + number, chat)))
    assert worker.held == 100
    release.set()
    await worker.idle.wait()
    assert most <= 100 + 20
    assert worker.held == 0
    assert [desk.done[f"{BOT}:{chat}"] for chat in range(30)] == [
        [chat * 100 + number for number in range(20)] for chat in range(30)
    ]
    worker.add(await store(db, update(9_999)))  # and then directly again
    await worker.idle.wait()
    assert desk.done[f"{BOT}:1"][-1] == 9_999
    await worker.stop()


@pytest.mark.fault("F108")
async def test_update_that_must_be_handled_again_never_becomes_dead_letter(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "REPEAT_DELAY", 0.0)
    desk = Desk(db)

    async def again(_: IncomingUpdate) -> None:
        if desk.begun < 40:
            raise attempts.RetryNow

    desk.before = again
    worker = desk.worker()
    await worker.start(BOT)
    worker.add(await store(db, update(1)))
    await worker.idle.wait()
    assert await states(db) == ["done"]
    await worker.stop()
