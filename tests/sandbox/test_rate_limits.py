"""Telegram's rates, with the clock in hand."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramRetryAfter

from bot.sandbox import BotHandle, Person, Sandbox
from tests.support.telegram_kit import FrozenClock


@pytest.fixture(autouse=True)
def limited(sandbox: Sandbox) -> None:
    sandbox.limit()


async def refused(bot: Bot, chat_id: int, text: str = "x") -> int:
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(chat_id, text)
    return caught.value.retry_after


async def test_private_chat_allows_three_messages_then_one_per_second(
    bot: Bot, ivan: Person, clock: FrozenClock
) -> None:
    for _ in range(3):
        await bot.send_message(ivan.id, "x")
    assert await refused(bot, ivan.id) == 1
    clock.forward(1)
    await bot.send_message(ivan.id, "x")
    clock.forward(0.91)  # the slack
    await bot.send_message(ivan.id, "x")


async def test_call_during_flood_wait_renews_it(bot: Bot, ivan: Person, clock: FrozenClock, sandbox: Sandbox) -> None:
    for _ in range(3):
        await bot.send_message(ivan.id, "x")
    await refused(bot, ivan.id, "first")
    clock.forward(0.5)
    assert await refused(bot, ivan.id, "impatient") == 1
    clock.forward(0.6)
    assert await refused(bot, ivan.id) == 1
    clock.forward(1)
    await bot.send_message(ivan.id, "patient")
    log = [(refusal.text, refusal.during_wait) for refusal in sandbox.refusals]
    assert log == [("first", False), ("impatient", True), ("x", True)]
    assert sandbox.stats()["refusals"] == 3


async def test_group_allows_twenty_calls_per_minute(
    bot: Bot, shop: BotHandle, sandbox: Sandbox, clock: FrozenClock
) -> None:
    anna = sandbox.person("Anna")
    desk = sandbox.group("Desk", [anna, shop], forum=True)
    topic = await bot.create_forum_topic(desk.id, "Ivan")
    sent = await bot.send_message(desk.id, "card", message_thread_id=topic.message_thread_id)
    for number in range(18):
        await bot.edit_message_text(f"card {number}", chat_id=desk.id, message_id=sent.message_id)
        clock.forward(1)
    assert await refused(bot, desk.id) == 42
    assert await bot.send_chat_action(desk.id, "typing")
    clock.forward(42)
    await bot.send_message(desk.id, "x")


async def test_bot_sends_at_most_thirty_messages_per_second(
    bot: Bot, sandbox: Sandbox, shop: BotHandle, clock: FrozenClock
) -> None:
    ids = sandbox.preload(shop, people=31)
    for chat_id in ids[:30]:
        await bot.send_message(chat_id, "x")
    assert await refused(bot, ids[30]) == 1
    assert sandbox.refusals[0].chat_id is None
    clock.forward(1)
    await bot.send_message(ids[30], "x")


async def test_injected_flood_wait_behaves_like_a_real_one(
    bot: Bot, ivan: Person, clock: FrozenClock, sandbox: Sandbox
) -> None:
    sandbox.fail(kind="flood", method="sendMessage", retry_after=4)
    assert await refused(bot, ivan.id, "first") == 4
    assert await refused(bot, ivan.id, "impatient") == 4
    clock.forward(4)
    await bot.send_message(ivan.id, "patient")
    assert [(refusal.ordered, refusal.during_wait) for refusal in sandbox.refusals] == [(True, False), (False, True)]


async def test_refusal_after_sandbox_stall_is_not_marked_as_provoked(
    bot: Bot, ivan: Person, clock: FrozenClock, sandbox: Sandbox
) -> None:
    for _ in range(3):
        await bot.send_message(ivan.id, "x")
    clock.forward(0.2)
    await refused(bot, ivan.id, "in the moment that is noticed after it")
    now = clock.now.timestamp()
    sandbox.world.limits.note_stall(now - 0.15, now)
    clock.forward(2)
    for _ in range(2):
        await bot.send_message(ivan.id, "x")
    await refused(bot, ivan.id, "while it is still felt")
    clock.forward(5)
    for _ in range(3):
        await bot.send_message(ivan.id, "x")
    await refused(bot, ivan.id, "long after it")
    assert [refusal.is_provoked for refusal in sandbox.refusals] == [False, False, True]
