"""The pinned overview, and a process that is killed between any two steps of /my."""

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from tests.processes.installation import Installation
from tests.processes.test_albums_across_kills import NOTHING_WAITS
from tests.processes.test_crash_points import arrange, ask, until
from tests.support.people import TOKEN

# Steps of /my, and how many messages may be left that were sent twice since the answer was lost with the process.
POINTS = {
    "applied": 0,
    "my:claimed": 0,
    "my:sent": 1,
    "delete:claimed": 0,
    "delete:sent": 0,
    "pin:claimed": 0,
    "pin:sent": 0,
}


def lists(anna: Person) -> list[SeenMessage]:
    """What lists requests in Anna's chat, oldest first."""
    return [one for one in anna.chat() if one.text.startswith("🔴 2 waiting")]


@pytest.mark.fault("F209")
async def test_my_command_killed_at_any_step_leaves_one_pinned_overview(sandbox: Sandbox, database_url: str) -> None:
    anna, *_ = await arrange(sandbox, database_url)
    shop, left = sandbox.bots()[0], 0
    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for point, doubled in POINTS.items():
            said = await anna.says("/my", to=shop)
            await installation.start(until=point)
            assert await installation.died() == -9
            await installation.start()
            await until(database_url, "SELECT count(*) FROM inbox WHERE state <> 'done'", 0)
            await until(database_url, NOTHING_WAITS, 0)
            assert await installation.stop() == 0
            left += doubled
            assert [one.id for one in anna.pinned(shop)] == [lists(anna)[-1].id], point
            assert lists(anna)[-1].id > said.id, point
            assert len(lists(anna)) <= 1 + left, point
    assert ask(database_url, "SELECT count(*) FROM overviews") == 1
