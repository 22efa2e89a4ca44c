"""Order within a chat, whatever the order in which a sender learns of its rows."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiogram import Bot
from aiogram.methods import SendMessage, TelegramMethod
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from bot.delivery.claim_on_commit import write_and_send
from bot.delivery.config import SenderConfig
from bot.delivery.rate_limit import RateLimiter
from bot.delivery.sender import Sender
from bot.delivery.senders import Senders
from bot.sandbox import Sandbox
from crm_core.delivery import bots
from crm_core.messaging import outbox, outbox_attempts
from crm_core.messaging.outbox import OutboxEntry
from crm_core.storage.database import PENDING_ON_COMMIT, Database
from tests.support.people import RunningApp
from tests.support.waiting import until_committed, until_polled

BOT, NOW = 700001, datetime(2026, 11, 21, 12, tzinfo=UTC)


class Pen:
    """Stands in for a bot: records what is sent, in order; may be made to hesitate."""

    def __init__(self, bot_id: int = BOT) -> None:
        self.id = bot_id
        self.said: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, method: TelegramMethod[Any], request_timeout: int) -> None:
        await self.go_on.wait()
        assert isinstance(method, SendMessage)
        self.said.append(method.text)


async def sender(db: Database, pen: Pen) -> Sender:
    fencing_token = await db.write(bots.start, bot_id=pen.id, username=f"bot{pen.id}", name="Shop", position=0, now=NOW)
    clock = lambda: datetime.now(UTC)  # noqa: E731
    return Sender(
        bot=cast(Bot, pen),
        fencing_token=fencing_token,
        db=db,
        rate_limiter=RateLimiter(clock, limited=False),
        config=SenderConfig(clock=clock, default_language="en"),
    )


async def put(db: Database, *texts: str, chat: int = 5) -> None:
    sends = [OutboxEntry(outbox.ANSWER, BOT, chat, payload={"text": text}) for text in texts]
    await db.write(outbox.add, sends, now=NOW)


async def test_backlog_is_sent_before_rows_announced_at_start(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    await put(db, "1", "2", "3", "4")
    waiting = await db.read(outbox.waiting, bot_id=BOT)
    one.add(waiting[2:])  # announced before the sender has looked for what was there already
    running = asyncio.create_task(one.run())
    one.add(waiting[3:])
    await one.idle.wait()
    one.stop()
    await running
    assert pen.said == ["1", "2", "3", "4"]


@pytest.mark.fault("F182")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_row_overtakes_none_of_an_earlier_action_in_the_same_commit(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    senders = Senders(db)
    senders.by_bot[BOT] = one
    running = asyncio.create_task(one.run())
    await one.look_again()
    later = [OutboxEntry(outbox.ANSWER, BOT, 5, payload={"text": "later"})]
    elsewhere = [OutboxEntry(outbox.ANSWER, BOT, 6, payload={"text": "elsewhere"})]
    await asyncio.gather(  # none has begun when the next is added, so that all share a commit
        put(db, "earlier"),
        write_and_send(db, senders, lambda s: outbox.add(s, later, now=NOW)),
        write_and_send(db, senders, lambda s: outbox.add(s, elsewhere, now=NOW)),
    )
    await one.idle.wait()
    one.stop()
    await running
    assert [text for text in pen.said if text != "elsewhere"] == ["earlier", "later"]
    assert sorted(pen.said) == ["earlier", "elsewhere", "later"]


async def test_rereading_the_outbox_while_sending_causes_no_duplicates(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    running = asyncio.create_task(one.run())
    texts = [str(number) for number in range(200)]
    for number in range(0, 200, 20):
        await put(db, *texts[number : number + 20], chat=number % 60 + 1)
        await asyncio.gather(one.look_again(), one.look_again())
    await one.idle.wait()
    one.stop()
    await running
    assert sorted(pen.said, key=int) == texts


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_row_committed_late_by_another_process_is_found_and_sent(db: Database) -> None:
    """Rows get their numbers when they are written: a lower one may appear after a higher one has been sent."""
    pen = Pen()
    one = await sender(db, pen)
    running = asyncio.create_task(one.run())
    await one.look_again()  # the first look reads everything
    another = create_engine(db.url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with Session(another, info={PENDING_ON_COMMIT: []}) as s:
        outbox.add(s, [OutboxEntry(outbox.ANSWER, BOT, 6, payload={"text": "earlier"})], now=NOW)
        s.flush()
        await put(db, "later")
        await one.look_again()
        await one.idle.wait()
        s.commit()
    another.dispose()
    await one.look_again()
    await one.idle.wait()
    one.stop()
    await running
    assert pen.said == ["later", "earlier"]


async def test_row_claimed_while_the_sender_stops_is_still_recorded(db: Database) -> None:
    """Or the next session would take it for ambiguous, and resend it."""
    pen = Pen()
    pen.go_on.clear()
    one = await sender(db, pen)
    await put(db, "first")
    running = asyncio.create_task(one.run())

    async def is_sending() -> bool:
        return bool(one._requests)

    async def has_gate() -> bool:
        return bool((await db.read(bots.gates, bot_id=BOT, now=datetime(2000, 1, 1, tzinfo=UTC))).chats)

    await until_polled(is_sending)
    await put(db, "second", chat=6)
    one.add(await db.read(outbox.waiting, bot_id=BOT))
    one.stop()
    one.shut("sendMessage", 7, 1)  # wakes the recorder, which must not take it for the end
    await until_committed(db, has_gate)
    pen.go_on.set()
    await running
    assert await db.write(outbox_attempts.orphans, bot_id=BOT, fencing_token=1_000) == []
    assert "first" in pen.said


async def test_slow_chat_delays_no_other_chat(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna")
        slow, quick = crm.client("Slow"), crm.client("Quick")
        sandbox.fail(kind="slow", method="sendMessage", chat=slow, delay=2)
        await slow.says("Hello", to=crm.shop)
        await anna.sees("#1", bot=crm.shop)
        for number in range(3):
            said = await quick.says("Hello", to=crm.shop) if number == 0 else await quick.says(f"word {number}")
            await anna.sees(said.text)
        assert slow.looks("#1", bot=crm.shop) is None or quick.looks("#2", bot=crm.shop) is not None
        await slow.sees("#1")
