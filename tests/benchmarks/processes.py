"""Starting, watching and ending the programs that are compared."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.table import median


@asynccontextmanager
async def running(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program of ours, terminated in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **(environment or {})},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


def resident_megabytes(pid: int) -> float:
    """Memory of a process that is really in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def seconds_of(*arguments: str, environment: Mapping[str, str] | None = None, times: int = 5) -> float:
    """The median of how long a command takes from start to end."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        async with running(*arguments, environment=environment) as process:
            await process.wait()
        taken.append(time.perf_counter() - begun)
    return median(taken)
