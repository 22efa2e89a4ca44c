"""Claiming in the transaction that creates the rows: what if it is not committed, or nobody learns that it was?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bot.delivery.claim_on_commit import write_and_send
from bot.delivery.rate_limit import RateLimiter
from bot.delivery.sender import Sender
from bot.delivery.senders import Senders
from crm_core.delivery import claims
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox, outbox_attempts
from crm_core.messaging.outbox import OutboxEntry
from crm_core.storage.database import Database
from crm_core.storage.tables import OutboxRow
from tests.delivery.test_order import BOT, NOW, Pen, put, sender


class Boom(Exception):
    """The transaction fails."""


class HeldConfirmation:
    """A database whose commits are confirmed when the test says so."""

    def __init__(self, db: Database) -> None:
        self.db, self.committed, self.confirm = db, asyncio.Event(), asyncio.Event()

    async def write_unflushed(self, body: Callable[[Session], Any]) -> Any:
        result = await self.db.write_unflushed(body)
        self.committed.set()
        await self.confirm.wait()
        return result


class LostConfirmation:
    """A database whose connection is lost at the moment of the commit."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def write_unflushed(self, body: Callable[[Session], Any]) -> Any:
        await self.db.write_unflushed(body)
        raise OperationalError("COMMIT", {}, OSError("the connection is lost"))


class FailingCommit:
    """A database where the transaction fails after its body has run, and is rolled back."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def write_unflushed(self, body: Callable[[Session], Any]) -> Any:
        def fails(s: Session) -> None:
            body(s)
            raise Boom

        await self.db.write_unflushed(fails)


class Repeating(FailingCommit):
    """A database where the transaction meets a conflict, is rolled back and run once more."""

    async def write_unflushed(self, body: Callable[[Session], Any]) -> Any:
        with pytest.raises(Boom):
            await super().write_unflushed(body)
        return await self.db.write_unflushed(body)


def saying(*texts: str, chats: range = range(5, 6)) -> Callable[[Session], int]:
    def body(s: Session) -> int:
        entries = [OutboxEntry(outbox.ANSWER, BOT, chat, payload={"text": text}) for chat in chats for text in texts]
        outbox.add(s, entries, now=NOW)
        return len(entries)

    return body


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> list[list[ClaimedRow]]:
    """What was claimed, transaction by transaction."""
    found: list[list[ClaimedRow]] = []
    original = claims.claim_added

    def watched(s: Session, **inputs: Any) -> list[ClaimedRow]:
        found.append(original(s, **inputs))
        return found[-1]

    monkeypatch.setattr(claims, "claim_added", watched)
    return found


@dataclass
class Running:
    """A sender at work, registered for its bot."""

    sender: Sender
    senders: Senders
    task: asyncio.Task[None]


@asynccontextmanager
async def running(db: Database, pen: Pen) -> AsyncIterator[Running]:
    one, senders = await sender(db, pen), Senders(db)
    senders.by_bot[pen.id] = one
    task = asyncio.create_task(one.run())
    await one.look_again()
    try:
        yield Running(one, senders, task)
        async with asyncio.timeout(10):
            await one.idle.wait()
    finally:
        pen.go_on.set()
        one.queues.none_reserved.set()  # if the test has failed, nothing should be waited for
        one.stop()
        await task


async def test_first_row_of_each_free_chat_is_claimed_and_the_rest_follows(
    db: Database, claimed: list[list[ClaimedRow]]
) -> None:
    pen = Pen()
    pen.go_on.clear()
    async with running(db, pen) as at_work:
        assert await write_and_send(db, at_work.senders, saying("1", "2", chats=range(5, 7))) == 4
        assert at_work.sender.queues.none_reserved.is_set()  # booked by now: not to be counted twice
        pen.go_on.set()
    assert [(row.chat_id, row.payload["text"]) for row in claimed[0]] == [(5, "1"), (6, "1")]
    assert pen.said == ["1", "1", "2", "2"]


async def test_rolled_back_claim_leaves_no_trace(db: Database) -> None:
    pen = Pen()
    async with running(db, pen) as at_work:
        with pytest.raises(Boom):
            await write_and_send(cast(Database, FailingCommit(db)), at_work.senders, saying("never"))
        assert at_work.sender.idle.is_set()
        await put(db, "after all")  # on SQLite it gets the very id that was rolled back
    assert pen.said == ["after all"]


async def test_repeated_transaction_undoes_the_claims_of_its_first_run(db: Database) -> None:
    pen = Pen()
    async with running(db, pen) as at_work:
        await write_and_send(cast(Database, Repeating(db)), at_work.senders, saying("once"))
    assert pen.said == ["once"]
    assert await db.read(lambda s: s.scalars(select(OutboxRow.state)).all()) == ["sent"]


async def test_failed_claim_of_one_bot_frees_the_chats_of_the_others(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = claims.claim_added, list[int]()

    def fails_later(s: Session, **inputs: Any) -> list[ClaimedRow]:
        calls.append(len(calls))
        if len(calls) == 2:
            raise Boom
        return original(s, **inputs)

    def body(s: Session) -> None:
        outbox.add(s, [OutboxEntry(outbox.ANSWER, bot, 5, payload={"text": "x"}) for bot in (BOT, BOT + 1)], now=NOW)

    pen, other = Pen(), Pen(BOT + 1)
    async with running(db, pen) as at_work, running(db, other) as other_at_work:
        at_work.senders.by_bot[other.id] = other_at_work.sender
        monkeypatch.setattr(claims, "claim_added", fails_later)
        with pytest.raises(Boom):
            await write_and_send(db, at_work.senders, body)
        assert at_work.sender.idle.is_set()
        assert other_at_work.sender.idle.is_set()
    assert (calls, pen.said, other.said) == ([0, 1], [], [])


async def test_committed_claim_with_lost_confirmation_is_found_and_sent(db: Database) -> None:
    """The commit stands, though whoever made it was told otherwise."""
    pen = Pen()
    async with running(db, pen) as at_work:
        with pytest.raises(OperationalError):
            await write_and_send(cast(Database, LostConfirmation(db)), at_work.senders, saying("found"))
        at_work.sender._looks = 0  # the next look is a full one
        await at_work.sender.look_again()
    assert pen.said == ["found"]


async def test_stop_waits_for_claimed_rows_to_be_sent(db: Database) -> None:
    pen, held = Pen(), HeldConfirmation(db)
    async with running(db, pen) as at_work:
        writing = asyncio.create_task(write_and_send(cast(Database, held), at_work.senders, saying("promised")))
        await held.committed.wait()
        at_work.sender.stop()
        done, _ = await asyncio.wait({at_work.task}, timeout=0.05)
        assert not done
        held.confirm.set()
        await writing
    assert pen.said == ["promised"]
    assert await db.write(outbox_attempts.orphans, bot_id=BOT, fencing_token=1_000) == []


async def test_claims_stop_at_the_room_left_by_the_rate_limit(db: Database, claimed: list[list[ClaimedRow]]) -> None:
    one, senders = await sender(db, Pen()), Senders(db)
    senders.by_bot[BOT] = one
    limiter = one.rate_limiter = one.queues.rate_limiter = RateLimiter(lambda: datetime.now(UTC))  # Telegram's limits
    await one.look_again()
    writing = []
    for first in range(10, 50, 2):
        held = HeldConfirmation(db)
        body = saying("crowd", chats=range(first, first + 2))
        writing.append(asyncio.create_task(write_and_send(cast(Database, held), senders, body)))
        await held.committed.wait()
    assert sum(map(len, claimed)) == limiter.room()
    for task in writing:
        task.cancel()
    await asyncio.wait(writing)
    assert one.queues.none_reserved.is_set()


@pytest.mark.fault("F93")
async def test_sent_but_unrecorded_message_is_resent_marked_by_next_session_only(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows any more whether it arrived: an unmarked second copy would be taken for another message."""
    pen = Pen()
    with monkeypatch.context() as broken:
        broken.setattr(outbox_attempts, "settle", _refuse)
        broken.setattr("crm_core.delivery.outcomes.record", _refuse)
        async with running(db, pen) as at_work:
            await put(db, "once")
            at_work.sender.add(await db.read(outbox.waiting, bot_id=BOT))
            await at_work.sender.idle.wait()
            at_work.sender._looks = 0  # the next look is a full one
            await at_work.sender.look_again()
            await at_work.sender.idle.wait()
    assert pen.said == ["once"]
    orphans = await db.write(outbox_attempts.orphans, bot_id=BOT, fencing_token=1_000)
    assert len(orphans) == 1


def _refuse(s: Session, **_: object) -> None:
    raise ValueError("cannot be recorded")
