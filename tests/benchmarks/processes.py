"""Starting, watching and ending the programs that are compared."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from tests.benchmarks.percentiles import median

_STDERR_BYTES = 4_000  # of the end of a program's stderr that are shown when a measurement fails


@asynccontextmanager
async def running(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs `python` with these arguments, and terminates it in the end.

    An exception that ends the measurement gets a note with the end of what the program wrote to stderr.
    """
    with tempfile.TemporaryFile() as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**os.environ, **(environment or {})},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            yield process
        except BaseException as error:
            error.add_note(f"python {' '.join(arguments)}: status {process.returncode}; stderr: {_end_of(stderr)}")
            raise
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


def _end_of(stderr: IO[bytes]) -> str:
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _STDERR_BYTES))
    return stderr.read().decode(errors="replace").strip() or "empty"


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def seconds_of(*arguments: str, environment: Mapping[str, str] | None = None, times: int) -> float:
    """The median of how many seconds `python` takes with these arguments. Raises RuntimeError if it fails."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        async with running(*arguments, environment=environment) as process:
            if await process.wait():
                raise RuntimeError("the command failed")
        taken.append(time.perf_counter() - begun)
    return median(taken)
