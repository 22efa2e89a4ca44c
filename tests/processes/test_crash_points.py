"""A process that dies at the very worst moment, each in turn; and one that is restarted while it has to wait."""

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from bot.sandbox import Person, Sandbox
from tests.processes.installation import Eyes, Installation, words_of
from tests.support.people import TOKEN, RunningApp
from tests.support.waiting import until_polled

# What may be seen of the two messages: how often each of them, and how often both together.
POINTS = {"fetched": (1, 2), "stored": (1, 2), "handling": (1, 2), "applied": (2, 4), "claimed": (1, 2), "sent": (2, 4)}


def rows(database_url: str, query: str) -> list[Any]:
    """What a query finds, from outside of whatever process works on the database."""
    url = make_url(database_url)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    engine = create_engine(url.set(drivername=driver), poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(query))
        found = list(result) if result.returns_rows else []
    engine.dispose()
    return found


def ask(database_url: str, query: str) -> Any:
    """The single value that a query finds."""
    found = rows(database_url, query)
    return found[0][0] if found else None


async def until(database_url: str, query: str, value: Any) -> None:
    """Waits until a query finds a value."""

    async def is_found() -> bool:
        return bool(await asyncio.to_thread(ask, database_url, query) == value)

    await until_polled(is_found)


async def arrange(sandbox: Sandbox, database_url: str) -> tuple[Person, Person, Person]:
    """Anna talks with Ivan and with Petra; then nobody works for the bot any more."""
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
        for client in (ivan, petra):
            await client.says(f"{client.first_name} asks", to=crm.shop)
            await anna.sees(f"{client.first_name} asks", bot=crm.shop)
        await crm.settled()
    return anna, ivan, petra


@pytest.mark.fault("F1", "F2", "F3", "F4", "F5", "F6")
async def test_process_killed_at_any_point_applies_each_message_once(sandbox: Sandbox, database_url: str) -> None:
    anna, ivan, petra = await arrange(sandbox, database_url)
    eyes = Eyes(sandbox, [anna.id])
    shop = sandbox.bots()[0]

    def seen(words: str) -> list[str]:
        return [words_of(entry) for entry in eyes.seen if words in words_of(entry)]

    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for point, (each, both) in POINTS.items():
            for client in (ivan, petra):
                await client.says(f"{point}, {client.first_name}", to=shop)
            await installation.start(until=point)
            assert await installation.died() == -9
            died_with = len(seen(f"{point}, "))
            await installation.start()
            await eyes.until(lambda point=point: len(set(seen(f"{point}, "))) == 2, within=20)  # type: ignore[misc]
            await until(database_url, "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')", 0)
            assert await installation.stop() == 0
            assert max(seen(f"{point}, ").count(words) for words in seen(f"{point}, ")) <= each, point
            assert len(seen(f"{point}, ")) <= both, point
            if point in ("fetched", "stored", "handling", "claimed"):
                assert died_with == 0, point
            stored = ask(database_url, f"SELECT count(*) FROM messages WHERE text LIKE '{point}, %'")  # noqa: S608
            assert stored == 2, point
        doubled = [words for words in {*seen(", ")} if seen(", ").count(words) > 1]
        assert any(words.startswith("sent, ") for words in doubled)
        # Whoever got something twice, or may have, was told so at that message.
        told = [entry for entry in eyes.seen if "may have arrived twice" in entry.message.get("text", "")]
        assert len(told) >= len(doubled)
    assert ask(database_url, "SELECT count(*) FROM inbox WHERE state <> 'done'") == 0
    assert ask(database_url, "SELECT count(*) FROM contacts") == 2
    assert ask(database_url, "SELECT sum(current_leads) FROM operators") == 2


@pytest.mark.fault("F31")
async def test_flood_wait_is_respected_across_kills_and_restarts(sandbox: Sandbox, database_url: str) -> None:
    anna, ivan, petra = await arrange(sandbox, database_url)
    eyes = Eyes(sandbox, [anna.id])
    shop = sandbox.bots()[0]
    handled = "SELECT count(*) FROM inbox WHERE raw LIKE '%{}%' AND state = 'done'"

    def calls() -> int:
        counted: dict[str, int] = sandbox.stats()["bots"][str(shop.id)]["calls"]
        return sum(number for method, number in counted.items() if re.match("send|copy|edit", method))

    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        await installation.start()
        sandbox.fail(kind="flood", retry_after=3600, method="copyMessage", chat=anna)
        await ivan.says("first word", to=shop)
        await until(database_url, "SELECT count(*) FROM gates", 1)
        before = calls()
        for number in range(2):
            await installation.kill()
            await installation.start()
            await petra.says(f"message of process {number}", to=shop)
            await until(database_url, handled.format(f"message of process {number}"), 1)
        await installation.stop()
        assert calls() == before
        assert eyes.seen == []
        # The hour has passed.
        for table in ("gates", "outbox"):
            ask(database_url, f"UPDATE {table} SET not_before = 0 WHERE not_before IS NOT NULL")  # noqa: S608
        await installation.start()
        await eyes.more(3)
        await installation.stop()
    words = [entry.message["text"] for entry in eyes.seen]
    assert words == ["first word", "message of process 0", "message of process 1"]
    assert len(sandbox.refusals) == 1
