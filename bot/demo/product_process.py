"""Starting, killing and moving the clock of the product in its process (`bot.demo.product`)."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

STARTED_WITHIN = 60.0  # seconds
STOPPED_WITHIN = 10.0  # seconds


class NotStarted(Exception):
    """The product ended instead of working; the text is the end of what it logged."""


class Input(Protocol):
    """The standard input of a process."""

    def write(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...


class Spawned(Protocol):
    """What is needed of `asyncio.subprocess.Process`."""

    @property
    def stdin(self) -> Input | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    @property
    def returncode(self) -> int | None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class ProductProcess:
    """The process in which the product runs.

    Attributes:
        log: the file that it writes its log to.
        address: of its API, while it runs.
        link: the first admin's, if there was no admin when it started.
        starts: how often it was started.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: Spawned | None = None
        self.address: str | None = None
        self.link: str | None = None
        self.starts = 0

    @property
    def is_up(self) -> bool:
        """Whether it works."""
        return self.address is not None

    async def start(self, order: Callable[[], bytes]) -> None:
        """Starts it and waits until it works. Raises NotStarted.

        Args:
            order: gives the first line of its input once there is a process, since time may pass before.
        """
        self._process = process = await self._spawn()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order())
        line = await asyncio.wait_for(process.stdout.readline(), STARTED_WITHIN)
        if not line:
            await process.wait()
            raise NotStarted(self.log.read_text(errors="replace")[-2000:])
        ready: dict[str, Any] = json.loads(line)
        self.address, self.link = ready["address"], ready["link"]
        self.starts += 1

    async def _spawn(self) -> Spawned:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot.demo.product",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    def set_ahead(self, seconds: float) -> None:
        """Moves its clock, from the moment that it has its order: so many seconds ahead of the machine's."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{seconds}\n".encode())

    async def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        self.address = None
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self) -> None:
        """Lets it finish, or kills it when that takes too long."""
        self.address = None
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOPPED_WITHIN)
        except TimeoutError:
            await self.kill()
