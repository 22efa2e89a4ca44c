"""The same API for a sandbox in another process, over its control routes."""

# ruff: noqa: ASYNC109 - a timeout is part of the question here, it ends with a readable failure

import asyncio
import sys
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic_core import from_json, to_json

from bot.sandbox.errors import SandboxError
from bot.sandbox.people.sandbox import SandboxApi

GRACE = 10.0  # seconds on top of what a question may take, before the other process counts as gone


class RemoteDoor:
    """Into another process, by HTTP."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._blocking = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=GRACE)
        self._client = aiohttp.ClientSession()

    def ask(self, action: str, /, **arguments: Any) -> Any:
        self._blocking.request("POST", f"/sandbox/{action}", to_json(arguments), {"Content-Type": "application/json"})
        return _result(self._blocking.getresponse().read())

    async def act(self, action: str, /, **arguments: Any) -> Any:
        return await self._post(action, arguments, GRACE)

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        return await self._post(action, {**arguments, "timeout": timeout}, timeout + GRACE)

    async def _post(self, action: str, arguments: dict[str, Any], timeout: float) -> Any:
        limit = aiohttp.ClientTimeout(timeout)
        async with self._client.post(f"{self._url}/sandbox/{action}", data=to_json(arguments), timeout=limit) as answer:
            return _result(await answer.read())

    async def close(self) -> None:
        self._blocking.close()
        await self._client.close()


def _result(body: bytes) -> Any:
    answer = from_json(body)
    if "error" in answer:
        raise SandboxError(answer["error"])
    return answer["result"]


class RemoteSandbox(SandboxApi):
    """A sandbox in another process. Questions that are not awaited block the loop for about a millisecond."""

    def __init__(self, url: str, process: asyncio.subprocess.Process | None = None) -> None:
        self._remote = RemoteDoor(url)
        super().__init__(self._remote, url)
        self._process = process

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Talk to the sandbox at `url`, such as "http://127.0.0.1:8081"."""
        return cls(url.rstrip("/"))

    @classmethod
    async def launch(cls, *arguments: str) -> Self:
        """Start `python -m bot.sandbox` with these arguments on a free port and wait until it is ready.

        :raises SandboxError: when it does not start
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
        """Close the connections, and end the process if it was launched from here."""
        await self._remote.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
