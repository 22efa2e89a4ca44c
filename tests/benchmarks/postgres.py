"""`POST /leads/register_contact/` on PostgreSQL beside SQLite, and with two processes beside one."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlalchemy import make_url

from crm_core.storage.migrate import migrate
from tests.benchmarks.http_client import Calls, call, in_own_loop
from tests.benchmarks.http_servers import UNLIMITED, Server, add_source, mini_crm, register, registrations, serving
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.table import Row
from tests.support.databases import execute, postgres_server

CALLERS = 16
TURNS = 3  # of each round: the machine's speed changes within seconds, so what is compared is measured close together
MIN_OF_SQLITE, MIN_OF_ONE_PROCESS = 0.6, 1.0


async def measure(context: Context) -> Rows:
    """Registers contacts by 16 callers: in turns on SQLite, on PostgreSQL, and through two processes on the latter.

    The ratios are the medians of those of each turn.
    """
    sqlite: list[float] = []
    one: list[float] = []
    two: list[float] = []
    async with mini_crm(context.folder / "sqlite.db") as file, _on_postgresql(context.folder) as (first, second):
        in_file, on_server = await add_source(file), await add_source(first)
        for server, source_id in ((file, in_file), (first, on_server), (second, on_server)):  # what happens once
            await register(server, source_id, at_once=CALLERS, seconds=0.5)
        seconds = context.sizes.http_seconds / TURNS
        measured = [(sqlite, (file,), in_file), (one, (first,), on_server), (two, (first, second), on_server)]
        for number in range(context.sizes.rounds * TURNS):
            for rates, servers, source_id in measured[:: 1 if number % 2 else -1]:  # what changes with time hits all
                rates.append(await _rate(servers, source_id, seconds))
    of_sqlite = median([postgres / file for postgres, file in zip(one, sqlite, strict=True)])
    of_one = median([both / alone for both, alone in zip(two, one, strict=True)])
    yield Row(
        f"POST register_contact on PostgreSQL, {CALLERS} at once",
        f"{median(one):,.0f}/s",
        f"SQLite {median(sqlite):,.0f}/s",
        f"{of_sqlite:.2f}",
        f"≥ {MIN_OF_SQLITE}",
        of_sqlite >= MIN_OF_SQLITE,
    )
    yield Row(
        "  through two processes",
        f"{median(two):,.0f}/s",
        f"one {median(one):,.0f}/s",
        f"{of_one:.2f}",
        f"≥ {MIN_OF_ONE_PROCESS}",
        of_one >= MIN_OF_ONE_PROCESS,
    )


async def _rate(servers: Sequence[Server], source_id: int, seconds: float) -> float:
    """Registrations a second, with the callers spread over the servers; all callers share one loop, as with one."""
    at_once = CALLERS // len(servers)

    async def call_all() -> list[Calls]:
        calls = (call(one.port, registrations(source_id), at_once=at_once, seconds=seconds) for one in servers)
        return await asyncio.gather(*calls)

    return sum(one.rate for one in await in_own_loop(call_all()))


@contextlib.asynccontextmanager
async def _on_postgresql(folder: Path) -> AsyncIterator[tuple[Server, Server]]:
    """Two processes over one database, whose operators have no limit; the server flushes as it does by default."""
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="mini-crm-bench-"))
        address = await asyncio.to_thread(stack.enter_context, postgres_server(Path(runtime), flushes=True))
        await asyncio.to_thread(execute, address, "CREATE DATABASE bench")
        url = make_url(address).set(database="bench").render_as_string(hide_password=False)
        await asyncio.to_thread(migrate, url)
        for name in ("first", "second"):
            (folder / name).mkdir()
        async with (
            serving(url, folder / "first", lift=lambda: execute(url, UNLIMITED)) as first,
            serving(url, folder / "second") as second,
        ):
            yield first, second
