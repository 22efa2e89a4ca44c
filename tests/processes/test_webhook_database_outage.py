"""Webhooks of a real process whose database is away: Telegram is told to come again, and does."""

from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from tests.processes.installation import Installation
from tests.receiving.outage import outage
from tests.support.people import TOKEN, RunningApp
from tests.support.waiting import until_polled

SECRET = "a-secret-of-the-webhook"  # noqa: S105 - of a sandbox
NOTHING: dict[str, Any] = {"update_id": 4_242, "a_thing_of_tomorrow": {}}


async def answers(port: int, bot_id: int, status: int) -> None:
    """Posts an update of no effect until it is answered with a status."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    url = f"http://127.0.0.1:{port}/telegram/{bot_id}"
    async with aiohttp.ClientSession() as client:

        async def is_answered() -> bool:
            try:
                async with client.post(url, json=NOTHING, headers=headers) as answer:
                    return answer.status == status
            except aiohttp.ClientConnectionError:  # it does not listen yet
                return False

        await until_polled(is_answered, within=30)


@pytest.mark.fault("F20")
async def test_webhook_process_returns_503_without_database_and_loses_nothing(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    sandbox.configure(webhook_second=0.02)
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
    address = f"http://127.0.0.1:{unused_tcp_port}"
    async with Installation(
        token=TOKEN,
        database_url=database_url,
        telegram_api_url=sandbox.url,
        HTTP_PORT=str(unused_tcp_port),
        WEBHOOK_URL=address,
        WEBHOOK_SECRET=SECRET,
    ) as installation:
        await installation.start()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop, timeout=20)
        async with outage(database_url, monkeypatch):
            await ivan.says("Are you there?")
            await answers(unused_tcp_port, crm.shop.id, 503)
            assert anna.looks("Are you there?") is None
        await anna.sees("Are you there?", timeout=30)
        await ivan.says("Good")
        await anna.sees("Good", timeout=20)
        copies = [seen.text for seen in anna.chat() if seen.copied_from]
        assert copies == ["Are you there?", "Good"]
