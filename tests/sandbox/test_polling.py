"""getUpdates: order, offsets, ages, conflicts, filters (research notes R1-R8)."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError, TelegramNetworkError, TelegramUnauthorizedError

from bot.sandbox import BotHandle, Person, Sandbox
from tests.support.telegram_kit import FrozenClock

Connect = Callable[[BotHandle], Bot]


async def test_update_ids_grow_by_one_from_a_random_start(bot: Bot, ivan: Person, sandbox: Sandbox) -> None:
    for number in range(3):
        await ivan.says(f"message {number}")
    updates = await bot.get_updates()
    first = updates[0].update_id
    assert first > 1000
    assert [update.update_id for update in updates] == [first, first + 1, first + 2, first + 3]
    other = sandbox.add_bot("43:other", username="desk_bot")
    assert sandbox.world.bot(other.id).queue.next_id != first


async def test_updates_are_not_confirmed_without_an_offset(
    bot: Bot, ivan: Person, shop: BotHandle, sandbox: Sandbox
) -> None:
    first = (await bot.get_updates())[0].update_id
    assert (await bot.get_updates())[0].update_id == first
    assert await bot.get_updates(offset=first + 1) == []
    assert sandbox.confirmed_ids(shop) == [first]


async def test_out_of_range_and_negative_offsets_are_handled_like_telegram(bot: Bot, ivan: Person) -> None:
    for number in range(4):
        await ivan.says(f"message {number}")
    every = [update.update_id for update in await bot.get_updates()]
    assert [update.update_id for update in await bot.get_updates(offset=every[-1] + 20)] == every  # too far ahead
    assert [update.update_id for update in await bot.get_updates(offset=5)] == every
    assert [update.update_id for update in await bot.get_updates(offset=-2)] == every[-2:]
    assert [update.update_id for update in await bot.get_updates()] == every[-2:]


async def test_batch_contains_at_most_100_updates(bot: Bot, sandbox: Sandbox, shop: BotHandle) -> None:
    sandbox.preload(shop, people=15, each=10)
    assert len(await bot.get_updates()) == 100
    assert len(await bot.get_updates(limit=7)) == 7
    assert len(await bot.get_updates(limit=1000)) == 100


async def test_long_poll_returns_as_soon_as_an_update_arrives(
    bot: Bot, ivan: Person, sandbox: Sandbox, shop: BotHandle
) -> None:
    seen = (await bot.get_updates())[0].update_id
    poll = asyncio.create_task(bot.get_updates(offset=seen + 1, timeout=30))
    await sandbox.online(shop)
    await ivan.says("now")
    updates = await asyncio.wait_for(poll, 2)
    assert updates[0].message is not None
    assert updates[0].message.text == "now"


async def test_second_poller_terminates_the_first_with_conflict(
    bot: Bot, connect: Connect, shop: BotHandle, sandbox: Sandbox, ivan: Person
) -> None:
    offset = (await bot.get_updates())[0].update_id + 1
    first = asyncio.create_task(bot.get_updates(offset=offset, timeout=30))
    await sandbox.online(shop)
    second = asyncio.create_task(connect(shop).get_updates(offset=offset, timeout=30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request; make sure that only one"):
        await first
    await ivan.says("to the second")
    assert len(await second) == 1


async def test_disconnected_poller_is_removed(bot: Bot, connect: Connect, shop: BotHandle, sandbox: Sandbox) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await sandbox.online(shop)
    poll = sandbox.world.bot(shop.id).poll
    assert poll is not None
    left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for connection in list(sandbox._http._open):
        request = connection._current
        assert request is not None
        request.on_disconnect = lambda: (poll.stop(), left.set_result(None))  # type: ignore[func-returns-value]
    await bot.session.close()
    await left
    assert sandbox.world.bot(shop.id).poll is None
    with pytest.raises((TelegramNetworkError, aiohttp.ClientError)):
        await first
    assert await connect(shop).get_updates() == []


async def test_active_webhook_refuses_polling(bot: Bot, shop: BotHandle, sandbox: Sandbox) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await sandbox.online(shop)
    await bot.set_webhook("http://127.0.0.1:9/")
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
        await poll
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active; use deleteW"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_revoked_token_ends_the_poll(bot: Bot, shop: BotHandle, sandbox: Sandbox) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await sandbox.online(shop)
    sandbox.revoke(shop)
    with pytest.raises(TelegramUnauthorizedError):
        await poll
    with pytest.raises(TelegramUnauthorizedError):
        await bot.get_me()


async def test_pending_callbacks_and_messages_expire(bot: Bot, ivan: Person, clock: FrozenClock) -> None:
    await bot.get_updates()
    card = await bot.send_message(ivan.id, "x")
    await ivan._press(42, "data", card.message_id)
    assert [update.event_type for update in await bot.get_updates()] == ["message", "callback_query"]
    clock.forward(151)
    assert [update.event_type for update in await bot.get_updates()] == ["message"]
    clock.forward(24 * 3600)
    assert await bot.get_updates() == []


async def test_allowed_updates_are_remembered_and_do_not_filter_the_queue(bot: Bot, ivan: Person) -> None:
    assert len(await bot.get_updates(allowed_updates=["callback_query"])) == 1
    await ivan.says("unwanted")
    updates = await bot.get_updates()
    assert [update.event_type for update in updates] == ["message"]
    assert await bot.get_updates(offset=updates[-1].update_id + 1, allowed_updates=[]) == []
    said = await ivan.says("wanted")
    await ivan.reacts(said, "👍")
    assert [update.event_type for update in await bot.get_updates()] == ["message"]
    await bot.get_updates(allowed_updates=["message_reaction"])
    await ivan.reacts(said, None)
    assert (await bot.get_updates())[-1].event_type == "message_reaction"


async def test_update_ids_may_jump_down(bot: Bot, ivan: Person, sandbox: Sandbox, shop: BotHandle) -> None:
    last = (await bot.get_updates())[-1].update_id
    await bot.get_updates(offset=last + 1)
    sandbox.jump(shop, to=5000)
    await ivan.says("after a week")
    assert [update.update_id for update in await bot.get_updates(offset=last + 1)] == [5000]


async def test_bots_own_messages_are_not_returned_as_updates(bot: Bot, ivan: Person) -> None:
    last = (await bot.get_updates())[-1].update_id
    await bot.send_message(ivan.id, "mine")
    assert await bot.get_updates(offset=last + 1) == []


async def test_edits_and_blocks_are_delivered_as_updates(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    said = await ivan.says("one")
    await ivan.edits(said, "two")
    await ivan.blocks(shop)
    await ivan.says("back again")
    kinds = [update.event_type for update in await bot.get_updates()]
    assert kinds == ["message", "message", "edited_message", "my_chat_member", "my_chat_member", "message"]


async def test_injected_raw_update_is_delivered_unchanged(
    bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person
) -> None:
    update_id = sandbox.inject_raw(shop, {"message": {"message_id": "broken"}})
    async with aiohttp.ClientSession() as client, client.get(f"{sandbox.url}/bot{shop.token}/getUpdates") as answer:
        updates = (await answer.json())["result"]
    assert updates[1] == {"update_id": update_id, "message": {"message_id": "broken"}}


async def test_repeated_poll_returns_fewer_updates_when_paced(
    bot: Bot, ivan: Person, sandbox: Sandbox, clock: FrozenClock
) -> None:
    sandbox.configure(paced=True)
    await ivan.says("two")
    assert len(await bot.get_updates(offset=0)) == 2
    assert len(await bot.get_updates(offset=0)) == 1
    clock.forward(1)
    assert len(await bot.get_updates(offset=0)) == 2
