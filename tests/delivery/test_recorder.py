"""What is recorded of attempts where a part of it cannot be: everything else is, flood waits first of all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import SendMessage, TelegramMethod
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.delivery.config import SenderConfig
from bot.delivery.recorder import Recorder
from bot.delivery.sender import Sender
from bot.sandbox import Sandbox
from crm_core.delivery import bots, outcomes
from crm_core.delivery.attempt_outcome import Outcome, Shut
from crm_core.storage.database import Database
from tests.delivery.test_claims import running
from tests.delivery.test_order import BOT, NOW, Pen, put
from tests.stories.arranging import count, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

LATER = NOW + timedelta(hours=1)


class Flooded(Pen):
    """A bot that is told to wait an hour, whatever it sends; its sender learns of it first, as from the middleware."""

    sender: Sender

    async def __call__(self, method: TelegramMethod[Any], request_timeout: int) -> None:
        assert isinstance(method, SendMessage)
        assert isinstance(method.chat_id, int)
        self.sender.shut("sendMessage", method.chat_id, 3600)
        raise TelegramRetryAfter(method, "Too Many Requests", retry_after=3600)


def refuse_outcomes(patch: pytest.MonkeyPatch) -> None:
    """From now on a transaction fails in which any attempt is recorded, but for being settled."""
    record = outcomes.record

    def fails(s: Session, *, outcomes: Sequence[Outcome], **inputs: Any) -> None:
        record(s, outcomes=outcomes, **inputs)
        if outcomes:
            raise ValueError("nobody expected this")

    patch.setattr(outcomes, "record", fails)


async def chats(db: Database) -> dict[int, datetime]:
    """The chats whose gates are stored as shut."""
    return (await db.read(bots.gates, bot_id=BOT, now=NOW)).chats


@pytest.mark.fault("F280")
async def test_flood_wait_is_stored_though_its_attempts_cannot_be_recorded(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_outcomes(monkeypatch)
    with capture_logs() as lines:
        async with running(db, pen := Flooded()) as at_work:
            pen.sender = at_work.sender
            await put(db, "hello")
            await put(db, "good morning", chat=6)
            await at_work.sender.look_again()
            at_work.sender.stop()
            await at_work.task
    assert set(await chats(db)) == {5, 6}
    told = [one["event"] for one in lines if one["log_level"] == "error"]
    assert told.count("outcome_without_consequences") == 2
    assert set(told) == {"record_failed", "outcome_without_consequences"}


@pytest.mark.fault("F280")
async def test_gate_that_cannot_be_stored_keeps_no_other_from_being_stored(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.write(bots.start, bot_id=BOT, username="shop", name="Shop", position=0, now=NOW)
    shut_chat, unavailable = bots.shut_chat, [OperationalError("INSERT", {}, OSError("lost"))]

    def fails_for_the_first(s: Session, *, chat_id: int, **inputs: Any) -> None:
        if chat_id == 5:
            raise ValueError("nobody expected this")
        if chat_id == 7 and unavailable:
            raise unavailable.pop()
        shut_chat(s, chat_id=chat_id, **inputs)

    monkeypatch.setattr(bots, "shut_chat", fails_for_the_first)
    config = SenderConfig(clock=lambda: NOW, default_language="en")
    recorder = Recorder(db=db, bot_id=BOT, fencing_token=1, config=config, on_recorded=lambda _: None)
    recorder.gates(Shut(chat_id, LATER) for chat_id in (5, 6, 7))
    recorder.finish()
    with capture_logs() as lines:
        await recorder.run()
    assert await chats(db) == {6: LATER, 7: LATER}
    told = [one["event"] for one in lines if one["log_level"] == "error"]
    assert told == ["record_failed", "gate_lost", "database_unavailable"]


@pytest.mark.fault("F280")
async def test_restart_after_attempts_that_could_not_be_recorded_waits_out_a_flood(
    sandbox: Sandbox, database_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna = await crm.operator("Anna")
        ivan = crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)
        await crm.settled()
        with monkeypatch.context() as broken:
            refuse_outcomes(broken)
            sandbox.fail(kind="flood", retry_after=3600, method="copyMessage", chat=anna)
            await ivan.says("Are you open?")
            await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
            assert await count(crm, "gates", f"chat_id = {anna.id}") == 1
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        petra = again.client("Petra")
        await petra.says("Good morning", to=again.shop)  # to the same operator, by a row of its own
        await petra.sees("#2")
        assert await count(again, "outbox", f"chat_id = {anna.id} AND state = 'pending'") == 2
        assert anna.looks("Good morning", bot=again.shop) is None
        clock.forward(hours=1, seconds=5)
        await again.app.supervisor.look_again()
        for words in ("Are you open?", "Good morning"):
            await anna.sees(words, bot=again.shop)
        assert len(sandbox.refusals) == 1
