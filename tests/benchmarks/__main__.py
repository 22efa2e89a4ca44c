"""`make bench`: prints one table of ratios, all measured in this run.

`python -m tests.benchmarks conversations limits` measures only some of it: see `PARTS`.
"""

import asyncio
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from tests.benchmarks import conversations, growth, http_api, killed, limits, registering, statistics
from tests.benchmarks.prepared import prepare
from tests.benchmarks.processes import seconds_of
from tests.benchmarks.table import Line, show

OPERATORS, CROWD = 10, 30
PARTS = ("registering", "conversations", "killed", "limits", "statistics", "http", "growth", "start")


async def main(wanted: Collection[str]) -> None:
    """Prepares a database, measures, prints."""
    with tempfile.TemporaryDirectory() as name:
        print(show(await _measure(Path(name), wanted or PARTS)))


async def _measure(folder: Path, wanted: Collection[str]) -> list[Line]:
    prepared, million = folder / "prepared.db", folder / "million.db"
    source_id, operator_ids = await prepare(prepared, operator_count=OPERATORS)
    lines: list[Line] = []
    if "registering" in wanted:
        lines += await registering.compare(prepared, folder, source_id)
    if "conversations" in wanted:
        lines += await conversations.compare(prepared, folder, operator_ids)
    if "killed" in wanted:
        lines += await killed.compare(prepared, folder, operator_ids)
    if "limits" in wanted:
        crowded = folder / "crowded.db"
        _, crowd = await prepare(crowded, operator_count=CROWD)
        lines += await limits.compare(crowded, folder, crowd)
    if not {"statistics", "http", "growth"}.isdisjoint(wanted):
        lines += await statistics.compare(prepared, million)
    if "http" in wanted:
        lines += await http_api.compare(folder, million)
    if "growth" in wanted:
        lines += await growth.compare(prepared, million, folder, source_id)
    if "start" in wanted:
        lines += await _start_up(folder)
    return lines


async def _start_up(folder: Path) -> list[Line]:
    database = {"DATABASE_URL": f"sqlite:///{folder / 'start.db'}"}
    lines = []
    for what, arguments in (("--help", ["--help"]), ("migrate", ["migrate"])):
        taken = await seconds_of("-m", "bot", *arguments, environment=database)
        lines.append(Line(f"python -m bot {what}", f"{taken:.2f} s", "", "", "< 0.7 s", taken < 0.7))
    return lines


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
