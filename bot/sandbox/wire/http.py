"""HTTP/1.1 on loopback: the minimum for the Bot API, with control over answers and connections.

httptools parses; answers are written straight to the socket. There is no framework in between, because faults need the
bare connection (no answer at all, half an answer), a waiting long poll must learn immediately that its client has
disconnected, and the sandbox must use far less CPU time than the bot that is measured with it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import httptools

REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """One HTTP request, to be answered once with `respond` or `cut`."""

    __slots__ = ("_answered", "_connection", "body", "content_type", "method", "on_disconnect", "path", "query")

    def __init__(
        self, connection: "Connection", method: str, path: str, query: bytes, content_type: bytes, body: bytes
    ):
        self._connection = connection
        self._answered = False
        self.method = method
        self.path = path
        self.query = query
        self.content_type = content_type
        self.body = body
        self.on_disconnect: Callable[[], object] | None = None

    def respond(
        self, status: int, body: bytes, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        """Answer and continue with the next request. Does nothing if already answered or disconnected."""
        if self._answered:
            return
        self._answered = True
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n"
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
        )
        self._connection.write(self, head.encode("latin-1") + body)

    def cut(self) -> None:
        """Close the connection without an answer."""
        self._answered = True
        self._connection.abort()


Handler = Callable[[Request], None]


class Connection(asyncio.Protocol):
    """One client connection: keep-alive, requests one after another."""

    def __init__(self, handler: Handler, open_connections: "set[Connection]") -> None:
        self._handler = handler
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._url = b""
        self._content_type = b""
        self._body: list[bytes] = []
        self.last_path = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open.discard(self)
        self._waiting.clear()
        if self._current is not None and self._current.on_disconnect is not None:
            self._current.on_disconnect()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        self._url = self._content_type = b""
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value
        elif name.lower() == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.partition(b"?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("ascii")
        self.last_path = path.decode("latin-1")
        request = Request(self, method, self.last_path, query, self._content_type, body)
        if self._current is None:
            self._current = request
            self._handler(request)
        else:
            self._waiting.append(request)

    def write(self, request: Request, answer: bytes) -> None:
        """Send the answer of the request that is being served, then serve the next one that was sent ahead."""
        if self._transport is None or request is not self._current:
            return
        self._transport.write(answer)
        self._current = self._waiting.popleft() if self._waiting else None
        if self._current is not None:
            self._handler(self._current)

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()


class HttpServer:
    """A listening socket on 127.0.0.1."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen on `port`, 0 for any free one, and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._handler, self._open), "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._open):
            connection.abort()
        await self._server.wait_closed()
        self._server = None

    def cut_all(self, spared: str) -> None:
        """Drop every connection, as when the network goes away, but those that last asked for `spared…`."""
        for connection in list(self._open):
            if not connection.last_path.startswith(spared):
                connection.abort()
