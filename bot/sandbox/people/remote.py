"""The API for a sandbox in another process, over its control routes."""

import asyncio
import sys
from typing import Self

from bot.sandbox.errors import SandboxError
from bot.sandbox.people.control_client import HttpControlClient
from bot.sandbox.people.sandbox import SandboxApi


class RemoteSandbox(SandboxApi):
    """A sandbox in another process. Calls that are not awaited block the event loop for about a millisecond."""

    def __init__(self, url: str, process: asyncio.subprocess.Process | None = None) -> None:
        self._remote = HttpControlClient(url)
        super().__init__(self._remote, url)
        self._process = process

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect to the sandbox at `url`, such as "http://127.0.0.1:8081"."""
        return cls(url.rstrip("/"))

    @classmethod
    async def launch(cls, *arguments: str) -> Self:
        """Start `python -m bot.sandbox` with these arguments on a free port and wait until it is ready.

        Raises SandboxError if it does not start.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.sandbox", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode().strip()
        if not line.startswith("sandbox ready "):
            await process.wait()
            raise SandboxError(f"the sandbox did not start: {line!r}")
        return cls(line.removeprefix("sandbox ready "), process)

    async def stop(self) -> None:
        """Close the connections, and end the process if `launch` started it."""
        await self._remote.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
