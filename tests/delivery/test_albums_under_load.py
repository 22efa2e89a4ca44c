"""Albums and Telegram's limits, in real time."""

import asyncio

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content
from tests.support.people import RunningApp

CLIENTS, OPERATORS = 8, 8
FOUR = content.album(*(content.photo(caption=str(number)) for number in range(4)))


@pytest.mark.sqlite_is_enough  # what it is about is kept in memory
@pytest.mark.slow
async def test_albums_among_messages_cause_no_flood_wait(sandbox: Sandbox, database_url: str) -> None:
    sandbox.limit()
    async with await RunningApp.open(sandbox, database_url, limited=True) as crm:
        operators = [await crm.operator(f"Operator {number}", limit=CLIENTS) for number in range(OPERATORS)]
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        await asyncio.gather(*(client.says("I have pictures", to=crm.shop) for client in clients))
        await asyncio.gather(*(client.sends_all(FOUR, to=crm.shop) for client in clients))
        await sandbox.settles(timeout=90)  # chance may give one operator most of them

        seen = [one for operator in operators for one in operator.chat(crm.shop) if one.copied_from]
        assert len(seen) == 4 * CLIENTS
        assert len({one.raw["media_group_id"] for one in seen}) == CLIENTS
        assert sandbox.refusals == []
