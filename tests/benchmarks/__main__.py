"""`make bench`: prints one table of ratios, all measured in this run."""

import asyncio
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from crm_core import bots, operators, sources, staff
from crm_core.access import SYSTEM
from crm_core.storage.database import open_database
from crm_core.storage.migrate import migrate
from tests.benchmarks import conversations, http_api, registering, statistics
from tests.benchmarks.conversations import TOKEN
from tests.benchmarks.processes import seconds_of
from tests.benchmarks.table import Line, show

OPERATORS = 10


async def main() -> None:
    """Prepares a database, measures, prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = folder / "prepared.db"
        source_id, operator_ids = await _prepare(prepared)
        lines = await registering.compare(prepared, folder, source_id)
        lines += await conversations.compare(prepared, folder, operator_ids)
        million = folder / "million.db"
        lines += await statistics.compare(prepared, million)
        lines += await http_api.compare(folder, million)
        lines += await _start_up(folder)
    print(show(lines))


async def _prepare(path: Path) -> tuple[int, list[int]]:
    """A database with one bot and ten operators of equal weight who can be reached and have places enough."""
    url = f"sqlite:///{path}"
    migrate(url)
    db = open_database(url)
    now, bot_id = datetime.now(UTC), int(TOKEN.split(":")[0])
    await db.write(bots.start, bot_id=bot_id, username="bench_bot", name="Bench", position=0, now=now)
    source_id = (await db.read(sources.listing))[0].id
    accounts = []
    for number in range(1, OPERATORS + 1):
        name, telegram_id = f"Operator {number}", 9_000_000 + number
        operator_id = await db.write(operators.add, name=name, max_leads=1000, actor=SYSTEM, now=now)
        await db.write(staff.invite, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
        account = staff.Account(telegram_id, name, None, "en")
        await db.write(staff.join, code=name, account=account, bot_id=bot_id, now=now, chance=random.random)
        await db.write(
            sources.set_weight,
            source_id=source_id,
            operator_id=operator_id,
            weight=10,
            actor=SYSTEM,
            now=now,
            chance=random.random,
        )
        accounts.append(telegram_id)
    await db.close()
    return source_id, accounts


async def _start_up(folder: Path) -> list[Line]:
    database = {"DATABASE_URL": f"sqlite:///{folder / 'start.db'}"}
    lines = []
    for what, arguments in (("--help", ["--help"]), ("migrate", ["migrate"])):
        taken = await seconds_of("-m", "bot", *arguments, environment=database)
        lines.append(Line(f"python -m bot {what}", f"{taken:.2f} s", "", "", "< 0.7 s", taken < 0.7))
    return lines


if __name__ == "__main__":
    asyncio.run(main())
