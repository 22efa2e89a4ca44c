"""A `kill -9` in the middle of a backlog, and a new start: what has not arrived in the end is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.conversations import CLIENTS, EACH
from tests.benchmarks.programs import GIVE_UP, Program, bare, meeting, ours
from tests.benchmarks.table import Line

TOTAL = CLIENTS * EACH
KILLED_AT = TOTAL // 3  # messages that have arrived
QUIET = 4.0  # seconds without anything new, after which nothing more will come; twice what we wait to repeat a request


async def compare(prepared: Path, folder: Path, operator_ids: Sequence[int]) -> list[Line]:
    """Kills both programs in the same way.

    Args:
        prepared: a database in which these accounts are operators of the bot with places enough.
    """
    lost = await _lost(ours(prepared, folder), operator_ids)
    beside = await _lost(bare, operator_ids)
    return [Line(f"kill -9 in a backlog of {TOTAL}: lost", str(lost), f"bare {beside}", "", "= 0", lost == 0)]


async def _lost(program: Program, operator_ids: Sequence[int]) -> int:
    async with meeting(operator_ids) as met:
        met.sandbox.preload(met.bot, CLIENTS, each=EACH, text="message {number} of {person}")
        async with program(met) as process:
            await met.until(KILLED_AT)
            process.kill()
            await process.wait()
        async with program(met):
            await met.sandbox.online(met.bot, timeout=GIVE_UP)  # it has fetched all that waited for it
            before = -1
            while before < met.look() < TOTAL:
                before = met.different
                await asyncio.sleep(QUIET)
        return TOTAL - met.look()
