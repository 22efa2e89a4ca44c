"""How the clients of people reach the state: by a call in this process, or by HTTP into another one."""

# ruff: noqa: ASYNC109 - a timeout is part of the question here, it ends with a readable failure

from typing import Any, Protocol

from bot.sandbox.server.control import ACTIONS, WAITS
from bot.sandbox.world.state import World


class ControlClient(Protocol):
    """Actions by name; see `control.ACTIONS` and `control.WAITS` for names and arguments."""

    def ask(self, action: str, /, **arguments: Any) -> Any:
        """Run an action now; over HTTP this blocks the event loop for the millisecond that it takes."""

    async def act(self, action: str, /, **arguments: Any) -> Any:
        """Run an action without blocking the event loop."""

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        """Run an action that waits for something to happen, at most `timeout` seconds."""


class InProcessControlClient:
    """Straight into the state."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ask(self, action: str, /, **arguments: Any) -> Any:
        return ACTIONS[action](self._world, **arguments)

    async def act(self, action: str, /, **arguments: Any) -> Any:
        return ACTIONS[action](self._world, **arguments)

    async def wait(self, action: str, /, *, timeout: float, **arguments: Any) -> Any:
        return await WAITS[action](self._world, timeout=timeout, **arguments)
