"""After a 429 nothing goes to that chat before its time: not by another way, not by another process."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from aiogram import Bot
from sqlalchemy import update

from bot.delivery.rate_limit_middleware import chat_of
from bot.sandbox import Sandbox
from crm_core.storage.tables import OutboxRow
from tests.stories.arranging import count, until
from tests.support.people import House, MovableClock


def calls(house: House) -> int:
    counted: dict[str, int] = house.sandbox.stats()["bots"][str(house.shop.id)]["calls"]
    return sum(number for method, number in counted.items() if method.startswith(("send", "copy", "edit")))


async def due(house: House, clock: MovableClock, seconds: float) -> None:
    """Moves the clock on and lets the senders see it, as the clock of the app does every two seconds."""
    clock.forward(seconds=seconds)
    await house.app.fleet.look_again()


@pytest.mark.fault("F30")
async def test_flood_wait_of_one_chat_does_not_delay_others(house: House, clock: MovableClock) -> None:
    anna, boris = await house.operator("Anna"), await house.operator("Boris")
    await boris.says("/offline")
    await boris.sees("You are offline")
    ivan, petra = house.client("Ivan"), house.client("Petra")
    house.sandbox.fail(kind="flood", retry_after=17, method="sendMessage", chat=anna)
    await ivan.says("for Anna", to=house.shop)
    await ivan.sees("#1")
    await anna.says("/offline", to=house.shop)
    await boris.says("/online")
    await boris.sees("You are online")
    await petra.says("for Boris", to=house.shop)
    await boris.sees("for Boris")
    await petra.sees("#2")
    before = calls(house)
    await due(house, clock, 16)
    await petra.says("more for Boris")
    await boris.sees("more for Boris")
    assert anna.looks("for Anna", bot=house.shop) is None
    await due(house, clock, 1.1)
    await anna.sees("You are offline", bot=house.shop)
    await house.settled()
    assert calls(house) == before + 3
    told = [seen.text for seen in anna.chat(house.shop) if seen.sender != anna.id]
    assert "for Anna" in told[-2]
    assert house.sandbox.refusals[0].retry_after == 17
    assert len(house.sandbox.refusals) == 1


@pytest.mark.fault("F31")
async def test_restart_during_a_flood_wait_sends_nothing_early(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await House.open(sandbox, database_url, clock=clock) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        sandbox.fail(kind="flood", retry_after=3600, method="sendMessage", chat=anna)
        await ivan.says("a question", to=house.shop)
        await ivan.sees("#1")
        await ivan.says("and another")
        await until(house, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
        await until(house, "SELECT count(*) FROM gates", 1)
        # Without its own moment the row is held by the chat's gate alone.
        await house.db.write(lambda s: s.execute(update(OutboxRow).values(not_before=None)))
    before = calls(house)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as again:
        await due(again, clock, 3500)
        petra = again.client("Petra")
        await petra.says("a third", to=again.shop)  # to the same operator, by a row of its own
        await petra.sees("#2")
        assert calls(again) == before + 1  # what Petra saw
        await due(again, clock, 101)
        for words in ("a question", "and another", "a third"):
            await anna.sees(words, bot=again.shop)
        assert len(sandbox.refusals) == 1


@pytest.mark.fault("F31")
async def test_flood_wait_received_while_stopping_is_stored_for_next_session(
    sandbox: Sandbox, database_url: str
) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()
    async with await House.open(sandbox, database_url) as house:
        anna, ivan = await house.operator("Anna"), house.client()

        async def hesitate(make_request: Any, bot: Bot, method: Any) -> Any:
            if chat_of(method) == anna.id:
                is_asked.set()
                await may_answer.wait()
            return await make_request(bot, method)

        (runner,) = house.app.fleet.runners
        runner.bot.session.middleware(hesitate)
        sender = runner.sender
        assert sender is not None
        sandbox.fail(kind="flood", retry_after=3600, method="sendMessage", chat=anna)
        await ivan.says("a question", to=house.shop)
        await is_asked.wait()
        stopping = asyncio.create_task(house.app.fleet.stop())
        await sender._stopping.wait()
        may_answer.set()
        await stopping
        assert await count(house, "outbox", "outcome = 'flood_wait'") == 1
        assert await count(house, "gates") == 1


async def test_flood_waits_in_several_chats_pause_the_whole_bot(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await House.open(sandbox, database_url, clock=clock) as house:
        await house.operator("Anna")
        people = [house.client(name) for name in ("Ivan", "Petra", "Sonja")]
        for person in people:
            sandbox.fail(kind="flood", retry_after=60, method="sendMessage", chat=person)
        for person in people:
            await person.says("hello", to=house.shop)
        await until(house, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 3)
        pace = house.app.fleet.gatekeeper.paces[house.shop.id]
        shut_until = pace.shut_until
        assert shut_until is not None
    seen: list[datetime] = []
    sandbox.world.transcript.listeners.append(lambda entry: seen.append(clock()) if entry.request_id else None)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as again:
        last = again.client("Charlie")
        await last.says("hello", to=again.shop)
        await until(again, "SELECT count(*) FROM contacts", 4)
        for _ in range(3):
            await due(again, clock, 10)
        assert seen == []
        await due(again, clock, 31)
        for person in (*people, last):
            await person.sees("Your request", bot=again.shop)
        assert min(seen) >= shut_until


@pytest.mark.fault("F32")
@pytest.mark.parametrize("seconds", [2.5, None], ids=["a fraction", "none given"])
async def test_flood_wait_with_unreadable_retry_after_is_honoured(
    house: House, clock: MovableClock, seconds: Any
) -> None:
    anna, ivan = await house.operator("Anna"), house.client()
    house.sandbox.fail(kind="flood", retry_after=seconds, method="sendMessage", chat=anna)
    await ivan.says("a question", to=house.shop)
    await ivan.sees("#1")
    await due(house, clock, 2)
    assert anna.looks("a question", bot=house.shop) is None
    await due(house, clock, 3.1)
    await anna.sees("a question", bot=house.shop)
    await house.settled()
    assert len([seen for seen in anna.chat(house.shop) if "a question" in seen.text]) == 1
    assert anna.looks("arrived", bot=house.shop) is None  # it surely did not arrive before: there is no doubt


@pytest.mark.fault("F33")
async def test_flood_wait_of_get_updates_is_honoured(house: House) -> None:
    anna, ivan = await house.operator("Anna"), house.client()
    house.sandbox.fail(kind="flood", retry_after=1, method="getUpdates")
    await ivan.says("a question", to=house.shop)
    await ivan.says("and another")
    await anna.sees("and another", bot=house.shop)
    await house.settled()
    assert [refusal.method for refusal in house.sandbox.refusals] == ["getUpdates"]
