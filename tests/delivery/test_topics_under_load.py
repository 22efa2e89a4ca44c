"""Topics and Telegram's limits, in real time: making and renaming them counts like messages."""

import asyncio

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content
from tests.support.people import RunningApp

CLIENTS, OPERATORS = 12, 3
TWO = content.album(*(content.photo(caption=str(number)) for number in range(2)))


@pytest.mark.slow
@pytest.mark.fault("F223")
async def test_topics_of_many_requests_at_once_cause_no_flood_wait(sandbox: Sandbox, database_url: str) -> None:
    sandbox.limit()
    async with await RunningApp.open(sandbox, database_url, limited=True) as crm:
        sandbox.set_topics(crm.shop)
        operators = [await crm.operator(f"Operator {number}", limit=CLIENTS) for number in range(OPERATORS)]
        for operator in operators:
            await operator.says("/topics", to=crm.shop)
        await sandbox.settles()
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        await asyncio.gather(*(client.says("I have pictures", to=crm.shop) for client in clients))
        await asyncio.gather(*(client.sends_all(TWO, to=crm.shop) for client in clients))
        await sandbox.settles(timeout=90)  # chance may give one operator most of them

        topics = [topic for operator in operators for topic in operator.topics(crm.shop)]
        copies = [one for operator in operators for one in operator.chat(crm.shop) if one.copied_from]
        assert len(topics) == CLIENTS
        assert len(copies) == 2 * CLIENTS
        assert None not in {one.thread for one in copies}
        for operator in operators:
            for number in range(1, CLIENTS + 1):
                await operator.says(f"/close #{number}")
        await sandbox.settles(timeout=90)
        assert sandbox.refusals == []
