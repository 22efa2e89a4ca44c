"""A way to a server that can go dead: connections stay open, and nothing passes any more, in either direction."""

import asyncio
from contextlib import suppress
from typing import Self


class TcpRelay:
    """Passes bytes on, until it is stalled."""

    def __init__(self, host: str, port: int | None, *, socket: str | None = None) -> None:
        """
        Args:
            socket: a Unix socket to pass on to, instead of host and port.
        """
        self._target, self._socket = (host, port), socket
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stalled = False
        self._stalls = 0
        self._is_back = asyncio.Event()
        self._is_back.set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._is_back.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self) -> None:
        """From now on everything is lost, also that an end has closed a connection, and nobody is told."""
        self._is_stalled = True
        self._is_back.clear()
        self._stalls += 1

    def resume(self) -> None:
        """New connections work; those from before stay dead, which the server learns now."""
        self._is_stalled = False
        self._is_back.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._socket is not None:
            there, onward = await asyncio.open_unix_connection(self._socket)
        else:
            there, onward = await asyncio.open_connection(*self._target)
        born = self._stalls - 1 if self._is_stalled else self._stalls
        ways = [asyncio.ensure_future(self._pass(*one, born)) for one in ((reader, onward), (there, writer))]
        self._tasks.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ways:
                one.cancel()
            writer.transport.abort()
            if born != self._stalls:
                await self._is_back.wait()
            onward.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, born: int) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if born == self._stalls:
                    target.write(data)
                    await target.drain()
