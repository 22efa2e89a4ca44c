"""A hundred thousand updates wait at Telegram: what a process holds is bounded, and words keep their order."""

import asyncio
import re
from collections import defaultdict
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from tests.processes.installation import Installation
from tests.processes.test_crash_points import ask, rows
from tests.support.people import TOKEN
from tests.support.waiting import until_polled

PEOPLE, EACH = 1_000, 100
FIRST, LAST = 600, 2_600  # updates that were worked on, at the first and the second look
HELD = 2_000 + 100  # what `bot.receiving.worker` holds for all bots together, and a batch that was under way
GROWTH = 48  # MiB; a hundred thousand updates in memory would be several hundred


def resident(process_id: int) -> float:
    """How much memory a process occupies, in MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.fault("F16")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is held is the same with the other one
async def test_100000_pending_updates_keep_memory_bounded_and_messages_in_order(
    sandbox: Sandbox, database_url: str
) -> None:
    shop = sandbox.add_bot(TOKEN, "shop_bot")
    sandbox.preload(shop, PEOPLE, EACH, text="{number} of {person}")
    done = "SELECT count(*) FROM inbox WHERE state = 'done'"
    sizes = []
    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        process_id = await installation.start()
        for wanted in (FIRST, LAST):

            async def are_done(wanted: int = wanted) -> bool:
                return bool(await asyncio.to_thread(ask, database_url, done) >= wanted)

            await until_polled(are_done, within=60)
            fetched = await asyncio.to_thread(ask, database_url, "SELECT count(*) FROM inbox")
            finished = await asyncio.to_thread(ask, database_url, done)
            assert fetched - finished <= HELD
            sizes.append(resident(process_id))
        await installation.kill()
    assert sizes[1] - sizes[0] < GROWTH
    said = defaultdict(list)
    for contact_id, words in rows(database_url, "SELECT contact_id, text FROM messages ORDER BY id"):
        said[contact_id].append(int(words.split(" of ")[0]))
    assert sum(map(len, said.values())) >= LAST
    for numbers in said.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
