"""Webhooks: what is not ours is refused, what is ours is stored before it is confirmed, and has one effect."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select
from yarl import URL

from bot.receiving import webhook
from bot.receiving.updates import to_update
from bot.sandbox import Sandbox
from crm_core.messaging import inbox
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.storage.tables import Contact, InboxRow
from tests.receiving.outage import outage, until_away
from tests.stories.arranging import until
from tests.support.people import RunningApp

SECRET = "a-secret-of-the-webhook"  # noqa: S105 - of a sandbox
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture
async def hooked(sandbox: Sandbox, database_url: str, unused_tcp_port: int) -> AsyncIterator[RunningApp]:
    """A crm that Telegram delivers to."""
    sandbox.configure(webhook_second=0.02)
    settings = {
        "webhook_url": f"http://127.0.0.1:{unused_tcp_port}",
        "webhook_secret": SECRET,
        "http_port": unused_tcp_port,
    }
    async with await RunningApp.open(sandbox, database_url, settings=settings) as crm:
        yield crm


def message(number: int, text: str, person: int = 7_100_000_001) -> dict[str, Any]:
    user = {"id": person, "is_bot": False, "first_name": "Ivan"}
    chat = {"id": person, "type": "private", "first_name": "Ivan"}
    return {"update_id": number, "message": {"message_id": number, "date": 1, "from": user, "chat": chat, "text": text}}


async def post(crm: RunningApp, body: Any, *, headers: dict[str, str] | None = None, bot_id: int | None = None) -> int:
    """Posts to the webhook as Telegram would; returns the status."""
    url = f"http://127.0.0.1:{crm.app.http.port}/telegram/{crm.shop.id if bot_id is None else bot_id}"
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    given = {HEADER: SECRET} if headers is None else headers
    async with aiohttp.ClientSession() as client, client.post(url, data=data, headers=given) as answer:
        return answer.status


async def count(crm: RunningApp, table: Any) -> int:
    return await crm.db.read(lambda s: int(s.execute(select(func.count()).select_from(table)).scalar_one()))


async def test_client_request_and_take_work_through_webhook(hooked: RunningApp) -> None:
    anna, ivan = await hooked.operator("Anna"), hooked.client()
    await ivan.says("Do you have bicycles?", to=hooked.shop)
    card = await anna.sees("Do you have bicycles?", bot=hooked.shop)
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")


@pytest.mark.fault("F21")
@pytest.mark.parametrize(
    "headers",
    [{}, {HEADER: ""}, {HEADER: "wrong"}, {HEADER: SECRET + "x"}, {HEADER: "s\u00e9cret"}, {HEADER: "\u00ff" * 300}],
    ids=["missing", "empty", "wrong", "longer", "not ASCII", "long and not ASCII"],
)
async def test_webhook_with_wrong_secret_is_refused_and_stores_nothing(
    hooked: RunningApp, headers: dict[str, str]
) -> None:
    before = await count(hooked, InboxRow)
    assert await post(hooked, message(1, "Hello"), headers=headers) == 401
    assert await count(hooked, InboxRow) == before


@pytest.mark.fault("F22")
async def test_oversized_or_invalid_webhook_request_is_not_stored(
    hooked: RunningApp, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await count(hooked, InboxRow)
    assert await post(hooked, b"x" * (1024 * 1024 + 1)) == 413
    assert await post(hooked, b"{not json") == 200
    assert await post(hooked, b"[" * 100_000) == 200
    assert await post(hooked, [1, 2]) == 200
    assert await post(hooked, message(1, "Hello"), bot_id=4242) == 404
    assert await post(hooked, message(1, "Hello"), bot_id=10**30) == 404
    assert await count(hooked, InboxRow) == before
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.fault("F19")
async def test_repeated_webhook_update_is_applied_once(hooked: RunningApp) -> None:
    for _ in range(3):
        assert await post(hooked, message(7, "Hello")) == 200
    await hooked.app.supervisor.idle()
    assert await post(hooked, message(7, "Hello")) == 200
    await hooked.app.supervisor.idle()
    assert await count(hooked, Contact) == 1


@pytest.mark.fault("F19")
async def test_webhook_update_redelivered_during_processing_is_applied_once(hooked: RunningApp) -> None:
    handle, begun, go_on = hooked.app.worker.handle, asyncio.Event(), asyncio.Event()
    calls = 0

    async def hesitates(row: IncomingUpdate) -> None:
        nonlocal calls
        calls += 1
        begun.set()
        await go_on.wait()
        await handle(row)

    hooked.app.worker.handle = hesitates
    assert await post(hooked, message(7, "Hello")) == 200
    await begun.wait()
    assert [await post(hooked, message(7, "Hello")) for _ in range(3)] == [200] * 3
    go_on.set()
    await hooked.app.supervisor.idle()
    assert calls == 1
    assert await count(hooked, Contact) == 1


@pytest.mark.fault("F22")
async def test_slow_or_endless_webhook_body_is_rejected(hooked: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SLOWEST_BODY", 0.1)
    before = await count(hooked, InboxRow)
    head = f"POST /telegram/{hooked.shop.id} HTTP/1.1\r\nHost: x\r\n{HEADER}: {SECRET}\r\n"
    assert await talk(hooked, f"{head}Content-Length: 1000\r\n\r\n{{") == 408
    chunk = "10000\r\n" + "x" * 65536 + "\r\n"
    assert await talk(hooked, f"{head}Transfer-Encoding: chunked\r\n\r\n{chunk * 17}") == 413
    assert await post(hooked, message(1, "Hello")) == 200
    assert await count(hooked, InboxRow) == before + 1


async def talk(crm: RunningApp, words: str) -> int:
    """Says something to the HTTP server and leaves the connection open; the status that it answers with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", crm.app.http.port)
    writer.write(words.encode())
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return int(line.split()[1])


@pytest.mark.fault("F20")
async def test_webhook_returns_503_during_database_outage_and_telegram_retries(
    hooked: RunningApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ivan = await hooked.operator("Anna"), hooked.client()
    async with outage(database_url, monkeypatch):
        await until_away(hooked.db)
        assert await post(hooked, message(9, "Hello")) == 503
        await ivan.says("Are you there?", to=hooked.shop)
    await anna.sees("Are you there?", bot=hooked.shop, timeout=15)


@pytest.mark.fault("F26")
async def test_token_refused_while_receiving_by_webhook_is_detected(hooked: RunningApp) -> None:
    anna, ivan = await hooked.operator("Anna"), hooked.client()
    await ivan.says("Hello", to=hooked.shop)
    await anna.sees("Hello", bot=hooked.shop)
    session = hooked.app.supervisor.sessions[0]
    session.settled.clear()
    hooked.sandbox.revoke(hooked.shop)
    await post(hooked, message(11, "Anybody there?", person=ivan.id))  # what follows from it is refused
    await session.settled.wait()
    assert session.state == "refused"


@pytest.mark.fault("F109")
async def test_flood_delays_no_update_that_reached_another_process(
    sandbox: Sandbox, database_url: str, unused_tcp_port: int
) -> None:
    if database_url.startswith("sqlite"):  # one process alone
        return
    settings = {"webhook_url": f"http://127.0.0.1:{unused_tcp_port}", "webhook_secret": SECRET}
    async with await RunningApp.open(sandbox, database_url, settings={**settings, "http_port": unused_tcp_port}) as crm:
        other = await RunningApp.open(sandbox, database_url, settings=settings, admin=False)
        async with other.app:
            await other.app.supervisor.settled()
            assert other.app.supervisor.sessions[0].state == "standby"
            other.bots = crm.bots
            flood = [message(number, f"word {number}", 7_300_000_001) for number in range(1, 900)]
            updates = [to_update(crm.shop.id, raw) for raw in flood]
            await other.db.write(inbox.store, bot_id=crm.shop.id, updates=updates, now=crm.clock())
            await until(crm, "SELECT count(*) FROM messages WHERE text = 'word 30'", 1)  # from here on it is slowed
            maria = crm.client("Maria")
            assert await post(other, message(5_001, "A quiet question", maria.id)) == 200
            await until(crm, "SELECT count(*) FROM messages WHERE text = 'A quiet question'", 1)


@pytest.mark.fault("F112")
@pytest.mark.parametrize("named", ["9" * 5000, "-1", "%00", "1e3", "%D9%A7", "0700001"], ids=lambda one: one[:8])
async def test_webhook_of_an_unreadable_bot_id_is_not_found(hooked: RunningApp, named: str) -> None:
    url = f"http://127.0.0.1:{hooked.app.http.port}/telegram/{named}"
    async with aiohttp.ClientSession() as client, client.post(URL(url, encoded=True), headers={HEADER: SECRET}) as got:
        assert got.status == 404
