"""Webhooks: the secret, order per chat, repetition until a 2xx (research notes W2-W5)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiohttp import web

from bot.sandbox import BotHandle, Person, Sandbox
from tests.support.telegram_kit import FrozenClock


class Receiver:
    """A web server that answers as told and can be waited for."""

    def __init__(self) -> None:
        self.url = ""
        self.updates: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.statuses: Callable[[dict[str, Any]], int] = lambda update: 200
        self._came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        update = await request.json()
        async with self._came:
            self.updates.append(update)
            self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
            self._came.notify_all()
        return web.Response(status=self.statuses(update))

    async def gets(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5), self._came:
            await self._came.wait_for(lambda: len(self.updates) >= count)
        return self.updates

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates if "message" in update]


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncIterator[Receiver]:
    sandbox.configure(webhook_second=0.001)
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_webhook_updates_carry_the_secret_token(
    bot: Bot, ivan: Person, receiver: Receiver, sandbox: Sandbox, shop: BotHandle
) -> None:
    await bot.set_webhook(receiver.url, secret_token="s3cret_-")  # noqa: S106
    await ivan.says("hello")
    await receiver.gets(2)
    assert receiver.texts() == ["/start", "hello"]
    assert receiver.secrets == ["s3cret_-"] * 2
    await sandbox.settles()
    assert len(sandbox.confirmed_ids(shop)) == 2


async def test_failed_webhook_delivery_delays_only_its_chat(
    bot: Bot, ivan: Person, receiver: Receiver, sandbox: Sandbox
) -> None:
    failures = 3

    def fail_ivan(update: dict[str, Any]) -> int:
        nonlocal failures
        if update["message"]["text"] == "first":
            failures -= 1
            return 500 if failures > 0 else 204
        return 200

    receiver.statuses = fail_ivan
    await bot.set_webhook(receiver.url, drop_pending_updates=True)
    anna = sandbox.person("Anna")
    await ivan.says("first")
    await ivan.says("second")
    await anna.says("from Anna", to=sandbox.bots()[0])
    await sandbox.settles()
    assert receiver.texts().count("first") == 3
    assert [text for text in receiver.texts() if text != "from Anna"] == ["first", "first", "first", "second"]
    info = await bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
    assert info.pending_update_count == 0


async def test_expired_webhook_updates_are_dropped(
    bot: Bot, ivan: Person, receiver: Receiver, clock: FrozenClock, sandbox: Sandbox
) -> None:
    receiver.statuses = lambda update: 500
    await bot.set_webhook(receiver.url, drop_pending_updates=True)
    await ivan.says("never taken")
    await receiver.gets(2)
    clock.forward(24 * 3600)
    await sandbox.settles()
    assert (await bot.get_webhook_info()).pending_update_count == 0


async def test_webhook_that_answers_410_for_a_day_is_removed(
    bot: Bot, ivan: Person, receiver: Receiver, clock: FrozenClock
) -> None:
    receiver.statuses = lambda update: 410
    await bot.set_webhook(receiver.url)
    await receiver.gets(2)
    clock.forward(23 * 3600 + 1)
    while (await bot.get_webhook_info()).url:
        await receiver.gets(len(receiver.updates) + 1)
    assert len(await bot.get_updates()) == 1


async def test_unreachable_webhook_reports_connection_refused(
    bot: Bot, ivan: Person, sandbox: Sandbox, receiver: Receiver
) -> None:
    await bot.set_webhook("http://127.0.0.1:9/hook")
    while (await bot.get_webhook_info()).last_error_message is None:
        pass
    assert (await bot.get_webhook_info()).last_error_message == "Connection refused"


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("https://example.org/", None, "bad webhook: the sandbox reaches addresses of this machine only"),
        ("ftp://127.0.0.1/", None, "bad webhook: HTTPS URL must be provided for webhook"),
        ("http://127.0.0.1/", "с секретом", "secret token contains unallowed characters"),
        ("http://127.0.0.1/", "x" * 257, "secret token is too long"),
    ],
)
async def test_invalid_webhook_settings_are_refused(bot: Bot, url: str, secret: str | None, words: str) -> None:
    with pytest.raises(TelegramBadRequest, match=words):
        await bot.set_webhook(url, secret_token=secret)
