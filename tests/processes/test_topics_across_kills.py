"""Topics, and a process that is killed around the requests that make them."""

import pytest

from bot.sandbox import Sandbox
from tests.processes.installation import Installation
from tests.processes.test_albums_across_kills import NOTHING_WAITS
from tests.processes.test_crash_points import ask, until
from tests.support.people import TOKEN, RunningApp

# Steps of the card that makes a topic: how many topics there may be that nobody knows.
POINTS = {"card:claimed": 0, "topic:made": 1, "card:sent": 1}


@pytest.mark.fault("F223")
async def test_process_killed_around_a_topic_makes_one_more_at_most(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        anna, shop = await crm.operator("Anna"), crm.shop
        sandbox.set_topics(shop)
        await anna.says("/topics", to=shop)
        await anna.sees("Topics are on")
        await crm.settled()
    made = 0
    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for number, (point, more) in enumerate(POINTS.items(), start=1):
            client = sandbox.person(f"Client {number}")
            await client.says(f"Question {number}", to=shop)
            await installation.start(until=point)
            assert await installation.died() == -9
            await installation.start()
            await until(database_url, f"SELECT count(*) FROM topics WHERE contact_id = {number}", 1)  # noqa: S608
            await until(database_url, NOTHING_WAITS, 0)
            assert await installation.stop() == 0
            made += 1 + more
            topic = ask(database_url, f"SELECT topic_id FROM topics WHERE contact_id = {number}")  # noqa: S608
            card = await anna.sees(f"Question {number}", bot=shop)
            assert card.thread == topic, point
            assert len(anna.topics(shop)) == made, point
