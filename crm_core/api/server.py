"""The HTTP server: uvicorn in the event loop of its caller, which also stops it."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from crm_core.api.bounded_protocol import bounded
from crm_core.api.descriptors import connections_most

STOP_SECONDS = 2  # for requests in progress at shutdown
BACKLOG = 512  # connections that the system keeps for us; all of them may be accepted at a time


class PortTaken(Exception):
    """The address cannot be listened on. `why` is the error message of the operating system."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(why)
        self.host, self.port, self.why = host, port, why


class _Uvicorn(uvicorn.Server):
    """Without signal handlers of its own, and with an event that is set once it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up, self.is_stopping = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        """Renews the date header once a second until it is stopped; uvicorn's own loop looks ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.is_stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops at once if no request is under way; uvicorn's own would pause for 100 ms first."""
        if self.server_state.connections or self.server_state.tasks:  # a caller may have left before the answer
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for server in self.servers:
            await server.wait_closed()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves one application at one address."""

    def __init__(self, app: ASGIApp, *, host: str, port: int, connections: int | None = None) -> None:
        """
        Args:
            port: 0 for any free port.
            connections: how many there may be at once; by default as many as leave descriptors for the database.
        """
        self.host, self.port = host, port
        self._connections = connections or connections_most()
        config = uvicorn.Config(
            app,
            http=bounded(self._connections),
            backlog=BACKLOG,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            # Headers must not change the client address: it decides whether a call is local.
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> asyncio.Task[None]:
        """Starts to listen. Returns the task that serves, which lasts until `stop`. Raises PortTaken."""
        try:
            listening = _listening(self.host, self.port)
        except OSError as error:
            raise PortTaken(self.host, self.port, error.strerror or str(error)) from error
        self.port = int(listening.getsockname()[1])  # the actual one if any free port was requested
        self._task = asyncio.create_task(self._server.serve([listening]), name="http")
        up = asyncio.create_task(self._server.is_up.wait())
        await asyncio.wait({self._task, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            await self._task  # raises the reason
        return self._task

    @property
    def address(self) -> str:
        """The URL for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not listened on
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    async def stop(self) -> None:
        """Stops after the requests in progress, at most two seconds later."""
        self._server.should_exit = True
        self._server.is_stopping.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)  # what ended it early was reported then


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket. Made here because uvicorn exits the process if it cannot listen."""
    ((family, kind, protocol, _, address), *_others) = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
