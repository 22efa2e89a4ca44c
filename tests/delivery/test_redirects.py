"""A Bot API server, or something in front of it, that answers with a redirect: the token goes nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Sandbox
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.waiting import until_polled

HASTY = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05, connect=0.05)


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that must not be called: its address, and what it was sent."""
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/taken", got


@pytest.mark.fault("F85")
async def test_redirect_is_not_followed_and_the_message_is_sent_once_it_is_over(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with (
        elsewhere() as (address, got),
        await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=HASTY) as crm,
    ):
        anna = await crm.operator("Anna")
        ivan = crm.client("Ivan")
        fault = sandbox.fail(kind="redirect", text=address, times=1000)
        await ivan.says("Do you have lamps?", to=crm.shop)

        async def is_tried() -> bool:
            return bool(sandbox.stats()["faults"].get("redirect", 0) >= 5)

        await until_polled(is_tried)
        sandbox.clear_fault(fault)
        await anna.sees("Do you have lamps?")
        await crm.settled()
        assert sum("Do you have lamps?" in seen.text for seen in anna.chat(crm.shop)) == 1
        assert got == []
