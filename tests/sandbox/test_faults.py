"""Every fault, as the aiogram exception that it becomes (research notes, table 2.1)."""

import asyncio

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import InputMediaPhoto

from bot.sandbox import BotHandle, Person, Sandbox, SandboxError
from bot.sandbox.world import content


@pytest.mark.parametrize(
    ("order", "error", "applied"),
    [
        ({"kind": "silent"}, TelegramNetworkError, True),
        ({"kind": "cut"}, TelegramNetworkError, False),
        ({"kind": "http_500"}, TelegramServerError, False),
        ({"kind": "http_500", "applied": True}, TelegramServerError, True),
        ({"kind": "html_502"}, ClientDecodeError, False),
        ({"kind": "html_502", "applied": True}, ClientDecodeError, True),
        ({"kind": "garbage"}, ClientDecodeError, True),
        ({"kind": "reply", "code": 418, "text": '{"ok": false}'}, TelegramAPIError, False),
        ({"kind": "reply", "code": 200, "text": "no JSON", "applied": True}, ClientDecodeError, True),
        ({"kind": "flood", "retry_after": 3}, TelegramRetryAfter, False),
        ({"kind": "flood", "retry_after": 1.5}, ClientDecodeError, False),
        ({"kind": "flood", "retry_after": None}, TelegramAPIError, False),
        ({"kind": "error", "code": 400, "text": "Bad Request: no"}, TelegramBadRequest, False),
        ({"kind": "error", "code": 403, "text": "Forbidden: no"}, TelegramForbiddenError, False),
        ({"kind": "error", "code": 409, "text": "Conflict: no"}, TelegramConflictError, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_fault_raises_its_aiogram_exception(
    bot: Bot, sandbox: Sandbox, ivan: Person, order: dict[str, object], error: type[Exception], applied: bool
) -> None:
    sandbox.fail(method="sendMessage", times=1, **order)  # type: ignore[arg-type]
    with pytest.raises(error):
        await bot.send_message(ivan.id, "first")
    assert (ivan.looks("first") is not None) == applied
    await bot.send_message(ivan.id, "second")
    await ivan.sees("second")


async def test_slow_call_is_applied_before_or_after_delay_or_times_out(
    bot: Bot, sandbox: Sandbox, ivan: Person
) -> None:
    sandbox.fail(method="sendMessage", kind="slow", delay=0.01, times=1)
    await bot.send_message(ivan.id, "applied, then slow")
    sandbox.fail(method="sendMessage", kind="slow", delay=0.01, applied=False, times=1)
    await bot.send_message(ivan.id, "slow, then applied")
    sandbox.fail(method="sendMessage", kind="slow", delay=60, times=1)
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.send_message(ivan.id, "lost", request_timeout=1)
    assert ivan.looks("lost") is not None


async def test_fault_applies_only_to_matching_calls(bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person) -> None:
    anna = sandbox.person("Anna")
    await anna.starts(shop)
    fault = sandbox.fail(kind="http_500", every=2, chat=anna)
    await bot.send_message(ivan.id, "1")
    await bot.send_message(anna.id, "1")
    with pytest.raises(TelegramServerError):
        await bot.send_message(anna.id, "2")
    sandbox.clear_fault(fault)
    await bot.send_message(anna.id, "3")
    sandbox.fail(kind="http_500", probability=0.5)
    outcomes = [await ivan_gets(bot, ivan) for _ in range(40)]
    assert 5 < sum(outcomes) < 35
    with pytest.raises(SandboxError, match="unknown kind of fault"):
        sandbox.fail(kind="meteor")


async def ivan_gets(bot: Bot, ivan: Person) -> bool:
    try:
        await bot.send_message(ivan.id, "x")
    except TelegramServerError:
        return False
    return True


async def test_injected_flood_wait_is_recorded_as_refusal(bot: Bot, sandbox: Sandbox, ivan: Person) -> None:
    sandbox.fail(kind="flood", retry_after=7, times=1)
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(ivan.id, "x")
    assert caught.value.retry_after == 7
    assert [refusal.retry_after for refusal in sandbox.refusals] == [7]


async def test_id_zero_fault_returns_message_id_zero(bot: Bot, sandbox: Sandbox, ivan: Person) -> None:
    sandbox.fail(kind="id_zero", times=1)
    assert (await bot.send_message(ivan.id, "x")).message_id == 0


async def test_partial_fault_delivers_part_of_an_album(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle
) -> None:
    picture = await ivan.sends(content.photo())
    media = [InputMediaPhoto(media=picture.raw["photo"][0]["file_id"]) for _ in range(3)]
    sandbox.fail(kind="partial", method="sendMediaGroup")
    with pytest.raises(TelegramBadRequest, match="failed to send message #3"):
        await bot.send_media_group(ivan.id, list(media))
    assert len(ivan.chat(shop)) == 2 + 2


async def test_skip_fault_leaves_out_a_copy_without_a_word(bot: Bot, sandbox: Sandbox, ivan: Person) -> None:
    album = await ivan.sends_all(content.album(content.photo(), content.photo(), content.photo()))
    sandbox.fail(kind="skip", method="copyMessages")
    assert len(await bot.copy_messages(ivan.id, ivan.id, [part.id for part in album])) == 2


async def test_cut_all_drops_open_connections(bot: Bot, sandbox: Sandbox, shop: BotHandle) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await sandbox.online(shop)
    sandbox.cut_all()
    with pytest.raises(TelegramNetworkError):
        await poll
    assert sandbox.world.bot(shop.id).poll is None
    await bot.get_me()
