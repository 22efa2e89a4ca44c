"""A team's forum and Telegram's limits, in real time: it keeps to those of groups, and nobody else waits for it."""

import asyncio

import pytest

from bot.sandbox import Sandbox
from tests.support.people import RunningApp

CLIENTS = 4


@pytest.mark.slow
@pytest.mark.fault("F225")
async def test_forum_stays_within_the_limit_of_groups_and_delays_nobody(sandbox: Sandbox, database_url: str) -> None:
    sandbox.limit()
    async with await RunningApp.open(sandbox, database_url, limited=True) as crm:
        anna = await crm.operator("Anna", limit=CLIENTS)
        group = sandbox.group("Team", [crm.olga, anna, crm.shop], forum=True, supergroup=True)
        await crm.olga.says("/forum shop_bot", to=group)
        await crm.olga.sees("have a topic each here", bot=group)
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        await asyncio.gather(*(client.says("Hello", to=crm.shop) for client in clients))
        for number in range(3):
            await asyncio.gather(*(client.says(f"Line {number}") for client in clients))
        await anna.sees(lambda one: "Line 2" in one.text, bot=crm.shop, timeout=30)
        copies = [one for one in anna.chat(crm.shop) if "Line" in one.text]
        in_group = [one for one in crm.olga.chat(group) if one.sender == crm.shop.id and one.thread]
        assert len(copies) > len(in_group)  # the group is still behind
        await sandbox.settles(timeout=120)
        said = [one.text for one in crm.olga.chat(group) if one.sender == crm.shop.id and one.kind == "text"]
        assert sum(text.count("Line") for text in said) == 3 * CLIENTS
        assert len(crm.olga.topics(group)) == CLIENTS
        assert sandbox.refusals == []
