"""A team's forum, and a process that is killed around the requests that bring it up to date."""

import pytest

from bot.sandbox import Sandbox
from tests.processes.installation import Installation
from tests.processes.test_albums_across_kills import NOTHING_WAITS
from tests.processes.test_crash_points import ask, until
from tests.support.people import TOKEN, RunningApp


@pytest.mark.fault("F236")
async def test_process_killed_around_a_step_of_a_forum_loses_none(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan, shop, olga = await crm.operator("Anna"), crm.client("Ivan"), crm.shop, crm.olga
        group = sandbox.group("Team", [olga, anna, shop], forum=True, supergroup=True)
        await olga.says("/forum shop_bot", to=group)
        await olga.sees("have a topic each here", bot=group)
        await ivan.says("Hello", to=shop)
        await crm.settled()
    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for point in ("forum:claimed", "forum:sent"):
            await ivan.says(f"Before {point}", to=shop)
            await installation.start(until=point)
            assert await installation.died() == -9
            await ivan.says(f"After {point}", to=shop)
            await installation.start()
            await anna.sees(f"After {point}", bot=shop)
            await until(database_url, NOTHING_WAITS, 0)
            assert await installation.stop() == 0
            text = "\n".join(one.text for one in olga.chat(group) if one.thread)
            assert 1 <= text.count(f"Before {point}") <= 1 + (point == "forum:sent"), point
            assert text.count(f"After {point}") == 1, point
    assert len(olga.topics(group)) == 1
    assert ask(database_url, "SELECT count(*) FROM forum_topics") == 1
