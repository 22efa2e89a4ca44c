"""Work in a process of its own: messages must not wait for what holds the interpreter, or the disk, for long."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

_ROOT = Path(__file__).parents[1]  # where `crm_core` is found, wherever the program was started


class NoResult(Exception):
    """The process could not be started, or ended without a result; the text says how, for the log."""


@contextlib.asynccontextmanager
async def run_package(package: str) -> AsyncIterator[Process]:
    """Starts a package of ours (`python -m`) with pipes to talk through; however this is left, the process has ended.

    Raises NoResult if it cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", package, cwd=_ROOT, start_new_session=True, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        raise NoResult(f"no process: {error}") from error
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def no_result(process: Process, complaint: bytes) -> NoResult:
    """What to raise for a process that ended without one: with the last line that it wrote to its standard error."""
    said = complaint.decode(errors="replace").strip().splitlines()
    return NoResult(said[-1] if said else f"status {process.returncode}")


def lower_priority(steps: int) -> None:
    """Called by such a process: whatever people wait for comes before it.

    Args:
        steps: of niceness, up to 19.
    """
    with contextlib.suppress(OSError, AttributeError):  # not on Windows
        os.nice(steps)
