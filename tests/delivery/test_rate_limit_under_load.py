"""Telegram's limits, in real time: every client's message arrives, and no limit is exceeded."""

import asyncio
import re

import pytest

from bot.sandbox import Sandbox
from tests.support.people import RunningApp

CLIENTS, OPERATORS = 60, 10


@pytest.mark.sqlite_is_enough  # what it is about is kept in memory
@pytest.mark.slow
async def test_sixty_concurrent_clients_cause_no_flood_wait(sandbox: Sandbox, database_url: str) -> None:
    sandbox.limit()
    async with await RunningApp.open(sandbox, database_url, limited=True) as crm:
        operators = [await crm.operator(f"Operator {number}", limit=CLIENTS) for number in range(OPERATORS)]
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        await asyncio.gather(*(client.says(f"I am {client.id}", to=crm.shop) for client in clients))
        await crm.settled()

        cards = [seen.text for operator in operators for seen in operator.chat(crm.shop)]
        reached = {int(found[1]) for text in cards if (found := re.search(r"I am (\d+)", text))}
        assert reached == {client.id for client in clients}
        for client in clients:
            assert len([seen for seen in client.chat(crm.shop) if seen.sender != client.id]) == 1
        assert sandbox.refusals == []
