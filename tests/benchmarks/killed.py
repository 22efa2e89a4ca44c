"""`kill -9` in the middle of a backlog, then a restart: messages that are not delivered in the end are lost."""

import asyncio
from collections.abc import Sequence

from tests.benchmarks.bot_programs import MESSAGE_TEXT, TIMEOUT, Program, bare_bot, mini_crm, sandbox_setup
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row


async def measure(context: Context) -> Rows:
    """Kills Mini-CRM and the bare bot in the same way, both at the same time: nothing is timed."""
    template = await context.databases.with_operators()
    program = mini_crm(template.copy_into(context.folder))
    lost, lost_by_bare_bot = await asyncio.gather(
        *(_count_lost(one, template.accounts, context.sizes) for one in (program, bare_bot))
    )
    yield Row(
        f"kill -9 in a backlog of {context.sizes.backlog}: lost",
        str(lost),
        f"bare {lost_by_bare_bot}",
        target="= 0",
        is_met=lost == 0,
    )


async def _count_lost(program: Program, accounts: Sequence[int], sizes: Sizes) -> int:
    async with sandbox_setup(accounts, sizes) as setup:
        setup.sandbox.preload(setup.bot, sizes.backlog_clients, each=sizes.backlog_each, text=MESSAGE_TEXT)
        async with program(setup) as process:
            await setup.wait_delivered(sizes.backlog // 3)
            process.kill()
            await process.wait()
        async with program(setup):
            await setup.sandbox.online(setup.bot, timeout=TIMEOUT)  # it has fetched every update that waited for it
            before = -1
            while before < setup.read_deliveries() < sizes.backlog:
                before = setup.delivered
                await asyncio.sleep(sizes.quiet_seconds)
        return sizes.backlog - setup.read_deliveries()
