"""How clients of the sandbox run its actions: by a call in this process, or over HTTP in another one."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

from http.client import HTTPConnection
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from pydantic_core import from_json, to_json

from bot.sandbox.errors import SandboxError
from bot.sandbox.server.control import ACTIONS, WAITS
from bot.sandbox.world.state import World

TOLERANCE = 10.0  # seconds beyond the timeout of an action, after which the other process counts as dead


class ControlClient(Protocol):
    """Actions by name; see `control.ACTIONS` and `control.WAITS` for names and arguments."""

    def ask(self, action: str, /, **arguments: Any) -> Any:
        """Run an action now; over HTTP this blocks the event loop for the millisecond that it takes."""

    async def act(self, action: str, /, **arguments: Any) -> Any:
        """Run an action without blocking the event loop."""

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        """Run an action that waits for something to happen, at most `timeout` seconds."""


class InProcessControlClient:
    """Runs actions in this process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ask(self, action: str, /, **arguments: Any) -> Any:
        return ACTIONS[action](self._world, **arguments)

    async def act(self, action: str, /, **arguments: Any) -> Any:
        return ACTIONS[action](self._world, **arguments)

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        return await WAITS[action](self._world, timeout=timeout, **arguments)


class HttpControlClient:
    """Runs actions in another process, over HTTP."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._blocking = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TOLERANCE)
        self._client = aiohttp.ClientSession()

    def ask(self, action: str, /, **arguments: Any) -> Any:
        self._blocking.request("POST", f"/sandbox/{action}", to_json(arguments), {"Content-Type": "application/json"})
        return _result(self._blocking.getresponse().read())

    async def act(self, action: str, /, **arguments: Any) -> Any:
        return await self._post(action, arguments, TOLERANCE)

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        return await self._post(action, {**arguments, "timeout": timeout}, timeout + TOLERANCE)

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
