"""Starting, watching and ending the programs that are compared."""

import asyncio
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from tests.benchmarks.percentiles import median
from tests.support.forks import Forked, fork

_STDERR_BYTES = 4_000  # of the end of a program's stderr that are shown when a measurement fails


Process = asyncio.subprocess.Process | Forked


@asynccontextmanager
async def running(
    *arguments: str, environment: Mapping[str, str] | None = None, is_forked: bool = False
) -> AsyncIterator[Process]:
    """Runs `python` with these arguments, and terminates it in the end.

    An exception that ends the measurement gets a note with the end of what the program wrote to stderr.

    Args:
        environment: added to the environment of this process.
        is_forked: whether to fork a process that has imported everything (`fork_module`).
    """
    complete = {**os.environ, **(environment or {})}
    with tempfile.NamedTemporaryFile() as stderr:
        process: Process
        if is_forked:
            process = await fork_module(*arguments, environment=complete, stderr=Path(stderr.name))
        else:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=complete, stdout=asyncio.subprocess.DEVNULL, stderr=stderr
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


async def fork_module(*arguments: str, environment: Mapping[str, str], stderr: Path | None = None) -> Forked:
    """Runs `python -m` in a forked process: this saves the seconds that imports take, but memory is not comparable.

    Args:
        arguments: "-m", the name of the module, and its arguments.
        stderr: a file that gets what is written to stderr.
    """
    return await fork(_run_module, arguments[1:], environment=environment, log=stderr)


def _run_module(arguments: Sequence[str]) -> None:
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__")


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
