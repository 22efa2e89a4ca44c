"""Work in a subprocess: messages must not wait for what occupies the interpreter or the disk for long."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

_ROOT = Path(__file__).parents[1]  # the folder of `crm_core`, wherever the program was started


class NoResult(Exception):
    """The subprocess could not be started, or ended without a result; the text says why, for the log."""


@contextlib.asynccontextmanager
async def run_package(package: str) -> AsyncIterator[Process]:
    """Runs one of our packages (`python -m`) in a subprocess with pipes, which has ended when the block is left.

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


def no_result(process: Process, errors: bytes) -> NoResult:
    """The error for a subprocess that ended without a result: the last line that it wrote to standard error."""
    lines = errors.decode(errors="replace").strip().splitlines()
    return NoResult(lines[-1] if lines else f"status {process.returncode}")


def lower_priority(steps: int) -> None:
    """Lowers the priority of the calling subprocess, so that what people wait for comes first.

    Args:
        steps: of niceness, up to 19.
    """
    with contextlib.suppress(OSError, AttributeError):  # refused, or a platform without it
        os.nice(steps)
