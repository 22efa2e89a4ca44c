"""One request of the start fails by itself, while Telegram works otherwise: the bot receives and sends all the same."""

import asyncio
from typing import Any

import pytest
from aiogram.methods import GetMe
from aiogram.types import BotCommand

from bot.delivery import menus, rendering
from bot.sandbox import Person, Sandbox
from bot.telegram import pauses
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.waiting import until_polled

POLLING, WEBHOOK = "polling", "webhook"
ASKED = [
    (POLLING, "getMe"),
    (WEBHOOK, "setWebhook"),
    pytest.param(POLLING, "getWebhookInfo", marks=pytest.mark.slow),
    pytest.param(WEBHOOK, "getWebhookInfo", marks=pytest.mark.slow),
]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST", 0.05)
    monkeypatch.setattr(pauses, "LAST", 0.1)


@pytest.fixture
def settings(sandbox: Sandbox, unused_tcp_port: int, by: str) -> dict[str, Any]:
    """The settings of an installation that receives in the way of the story's parameter `by`."""
    if by == POLLING:
        return {}
    sandbox.configure(webhook_second=0.02)
    secret = "a-secret-of-the-webhook"  # noqa: S105 - of a sandbox
    return {
        "webhook_url": f"http://127.0.0.1:{unused_tcp_port}",
        "webhook_secret": secret,
        "http_port": unused_tcp_port,
    }


async def earlier_run(
    sandbox: Sandbox, database_url: str, clock: MovableClock, settings: dict[str, Any]
) -> tuple[Person, Person, Person]:
    """A process that has served Olga, an admin, Anna, an operator, and Ivan, a client, and has ended."""
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)
        await crm.settled()
        return crm.olga, anna, ivan


def calls(crm: RunningApp, method: str) -> int:
    counted: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return counted.get(method, 0)


async def until_called(crm: RunningApp, method: str, times: int) -> None:
    """Waits until Telegram was asked something so often from now on."""
    before = calls(crm, method)

    async def is_called() -> bool:
        return calls(crm, method) >= before + times

    await until_polled(is_called)


async def until_state(crm: RunningApp, state: str) -> None:
    (session,) = crm.app.supervisor.sessions
    async with asyncio.timeout(10):
        while session.state != state:
            session.settled.clear()
            await session.settled.wait()


@pytest.mark.fault("F175")
@pytest.mark.parametrize("code", [401, 404])
@pytest.mark.parametrize(("by", "method"), ASKED)
async def test_single_refusal_of_the_token_costs_seconds(
    sandbox: Sandbox, database_url: str, clock: MovableClock, settings: dict[str, Any], method: str, code: int
) -> None:
    olga, anna, ivan = await earlier_run(sandbox, database_url, clock, settings)
    sandbox.fail(kind="error", code=code, text="Unauthorized", method=method)
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as crm:
        await ivan.says("Are you there?", to=crm.shop)
        await anna.sees("Are you there?", bot=crm.shop)
        await until_state(crm, "running")
        if method == "getMe":
            await olga.sees("Telegram rejects the token of @shop_bot", bot=crm.shop)
            await olga.sees("Telegram accepts the token of @shop_bot again", bot=crm.shop)


@pytest.mark.fault("F176")
@pytest.mark.parametrize(("by", "method"), ASKED)
async def test_long_flood_wait_of_a_request_of_the_start_delays_no_message(
    sandbox: Sandbox, database_url: str, clock: MovableClock, settings: dict[str, Any], method: str
) -> None:
    _, anna, ivan = await earlier_run(sandbox, database_url, clock, settings)
    sandbox.fail(kind="flood", retry_after=490, method=method)
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as crm:
        await ivan.says("Are you there?", to=crm.shop)
        await anna.sees("Are you there?", bot=crm.shop)
        assert crm.app.supervisor.sessions[0].state == "running"
        await crm.settled()
        assert len(sandbox.refusals) == 1  # it was not asked again


@pytest.mark.fault("F177")
@pytest.mark.parametrize("by", [POLLING])
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("slow", "getWebhookInfo"),
        ("slow", "setMyCommands"),
        pytest.param("http_500", "getWebhookInfo", marks=pytest.mark.slow),
        pytest.param("garbage", "getWebhookInfo", marks=pytest.mark.slow),
    ],
)
async def test_what_is_asked_beside_the_work_holds_up_nothing(
    sandbox: Sandbox,
    database_url: str,
    clock: MovableClock,
    settings: dict[str, Any],
    kind: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hanging request, or one that always fails, is tried again beside the work for as long as it takes."""
    _, anna, ivan = await earlier_run(sandbox, database_url, clock, settings)
    for module in (menus, rendering):  # so that there is a menu to set
        monkeypatch.setattr(module, "commands_for", lambda roles, _: [BotCommand(command="new", description="New")])
    sandbox.fail(kind=kind, delay=60, method=method, probability=1.0)
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as crm:
        await ivan.says("Are you there?", to=crm.shop)
        await anna.sees("Are you there?", bot=crm.shop)
        assert crm.app.supervisor.sessions[0].state == "running"
        assert calls(crm, method) > 0


@pytest.mark.fault("F178")
@pytest.mark.parametrize("by", [WEBHOOK])
async def test_refused_webhook_stops_nothing_else_and_is_told_once(
    sandbox: Sandbox, database_url: str, clock: MovableClock, settings: dict[str, Any]
) -> None:
    olga, anna, ivan = await earlier_run(sandbox, database_url, clock, settings)
    refusal = sandbox.fail(
        kind="error", text="Bad Request: bad webhook: failed to resolve host", method="setWebhook", probability=1.0
    )
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as crm:
        await until_state(crm, "no_webhook")
        # What Telegram still delivers by the webhook of before is handled, and what follows from it is sent.
        await ivan.says("Are you there?", to=crm.shop)
        await anna.sees("Are you there?", bot=crm.shop)
        await olga.sees("Telegram refuses the webhook of @shop_bot", bot=crm.shop)
        await until_called(crm, "setWebhook", 3)
        await crm.settled()
        assert sum("refuses the webhook" in seen.text for seen in olga.chat(crm.shop)) == 1
        assert crm.app.supervisor.sessions[0].state == "no_webhook"
        sandbox.clear_fault(refusal)
        await olga.sees("Telegram accepts the webhook of @shop_bot again", bot=crm.shop)
        await until_state(crm, "running")


TOKENS = {f"70010{number}:" + "five" * 9: f"bot_{number}_bot" for number in range(5)}
HANGING = 120  # requests; aiohttp opens 100 connections at most unless told otherwise


@pytest.mark.fault("F179")
async def test_many_hanging_requests_of_five_bots_starve_none_of_them(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=TOKENS, admin=False) as crm:
        bots = [session.bot for session in crm.app.supervisor.sessions]
        sandbox.fail(kind="slow", delay=60, method="getMe", probability=1.0)
        hanging = [asyncio.create_task(bots[number % 5](GetMe())) for number in range(HANGING)]

        async def all_hang() -> bool:
            asked = sum(one["calls"]["getMe"] for one in sandbox.stats()["bots"].values())
            return bool(asked == HANGING + len(bots))  # each was asked once at its start

        try:
            await until_polled(all_hang)
            ivan = crm.client()
            for bot in crm.bots:
                await ivan.says("Hello", to=bot)
                await ivan.sees("#", bot=bot)
        finally:
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
