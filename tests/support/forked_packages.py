"""Subprocesses of the product that are forked instead of started: an interpreter of its own takes a second to import.

The real ones are tested where they are the subject: `tests/domain/exports`, `tests/domain/pictures`.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from tests.support.forks import Forked, fork


class _Input:
    """What stories need of `asyncio.StreamWriter`, for orders that a pipe holds at once."""

    def __init__(self, process: Forked) -> None:
        assert process.stdin is not None
        self._pipe = process.stdin

    def write(self, data: bytes) -> None:
        self._pipe.write(data)

    async def drain(self) -> None:
        """Nothing is left to be written."""

    def close(self) -> None:
        self._pipe.close()


class _Package:
    """What stories need of `asyncio.subprocess.Process`."""

    def __init__(self, process: Forked) -> None:
        self.stdin, self.stdout, self.stderr = _Input(process), process.stdout, process.stderr
        self.wait = process.wait
        self._process = process

    @property
    def returncode(self) -> int | None:
        return self._process.returncode


@contextlib.asynccontextmanager
async def run_forked(package: str) -> AsyncIterator[Any]:
    """In the place of `crm_core.subprocesses.run_package`."""
    process = await fork(_run, package, environment=os.environ, tell=True)
    try:
        yield _Package(process)
    finally:
        process.kill()
        await process.wait()


def _run(package: str) -> None:
    import_module(f"{package}.__main__").main()
