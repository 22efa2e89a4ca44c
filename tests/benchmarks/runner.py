"""Runs parts of the benchmark: prints rows as they are measured, and goes on with the next part when one fails."""

import asyncio
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.databases import Databases
from tests.benchmarks.part import Context, Part
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, format_row, header

PART_TIMEOUT = 1800.0  # seconds; the longest part takes a few minutes


@dataclass
class Result:
    """How a run ended.

    Attributes:
        missed: what was measured in each row whose target was missed; always empty if targets were not checked.
        failed: names of the parts that ended with an exception.
    """

    missed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if no part failed and no target was missed, else 1."""
        return int(bool(self.missed or self.failed))


async def run(parts: Mapping[str, Part], sizes: Sizes, *, are_targets_checked: bool) -> Result:
    """Runs parts one after another and prints one table. A traceback goes to stderr.

    Args:
        parts: by name, in the order in which they run.
        are_targets_checked: False if the sizes are too small for the figures to mean anything.
    """
    result = Result()
    _print(header())
    with tempfile.TemporaryDirectory(prefix="mini-crm-bench-") as name:
        folder = Path(name)
        databases = Databases(folder, sizes)
        for part_name, part in parts.items():
            with tempfile.TemporaryDirectory(dir=folder) as part_folder:
                context = Context(Path(part_folder), databases, sizes)
                try:
                    await _run_part(part, context, result, are_targets_checked=are_targets_checked)
                except Exception as error:
                    traceback.print_exception(error)
                    _print(f"{part_name}: failed with {type(error).__name__}, see the traceback on stderr")
                    result.failed.append(part_name)
    _print_summary(result, are_targets_checked=are_targets_checked)
    return result


async def _run_part(part: Part, context: Context, result: Result, *, are_targets_checked: bool) -> None:
    async with asyncio.timeout(PART_TIMEOUT), aclosing(part(context)) as rows:
        async for row in rows:
            _print(format_row(row, are_targets_checked=are_targets_checked))
            if are_targets_checked and row.is_met is False:
                result.missed.append(_describe(row))


def _describe(row: Row) -> str:
    return f"{row.what.strip()}: {row.ratio or row.ours}, target {row.target}"


def _print_summary(result: Result, *, are_targets_checked: bool) -> None:
    for missed in result.missed:
        _print(f"Target missed: {missed}")
    if result.failed:
        _print(f"Parts that failed: {', '.join(result.failed)}")
    if not are_targets_checked:
        _print("Targets were not checked: this run is too small for its figures to mean anything.")


def _print(line: str) -> None:
    sys.stderr.flush()  # in a log that has both streams, a traceback stands where its part failed
    print(line, flush=True)
