"""A way to the sandbox that can be cut: a port that passes everything on, Bot API server or proxy."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Listens on a port of its own. While it is down, connections are refused, and those that were open are cut.

    Attributes:
        accepted: how many connections came about.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        self._is_stalled = False

    @property
    def url(self) -> str:
        """As the address of the Bot API, or as that of an HTTP proxy."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Passes on, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Like a route that is gone: what is sent gets lost, and nobody is told. New connections come about in vain."""
        self._is_stalled = True

    def resume(self) -> None:
        """New connections work again; what was sent over the old ones stays lost."""
        self._is_stalled = False

    async def down(self) -> None:
        """Nobody listens any more."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        there, onward = await asyncio.open_connection(*self._target)
        self._open |= {writer, onward}
        if self._server is None or not self._server.is_serving():  # it went down while this one was being passed on
            writer.transport.abort()
            onward.transport.abort()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"CONNECT "):
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            elif not self._is_stalled:
                onward.write(head)
            await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))
        self._open -= {writer, onward}

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        is_lost = False
        with suppress(ConnectionError):
            while data := await source.read(65536):
                is_lost = is_lost or self._is_stalled
                if not is_lost:
                    target.write(data)
                    await target.drain()
        target.close()
