"""A load generator: concurrent callers of an HTTP API, each on a keep-alive connection.

It has to cost a fraction of what the fastest server costs: requests are written as bytes, responses are parsed by
httptools, and it runs on uvloop in a thread of its own.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar, cast

import httptools
import uvloop

from tests.benchmarks.percentiles import percentile

T = TypeVar("T")

GRACE_SECONDS = 1.0  # for responses once no more requests are sent
CONNECTION_LOST = 0  # status where the connection ended instead of a response


@dataclass(frozen=True, slots=True)
class Response:
    """What a caller got, and how many seconds it took."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Calls:
    """The results of calls.

    Attributes:
        sent: requests, including those without a response.
        seconds: from the first request to the end.
    """

    sent: int = 0
    seconds: float = 0.0
    responses: list[Response] = field(default_factory=list)

    @property
    def successful(self) -> list[Response]:
        """Responses with a status of 2xx."""
        return [one for one in self.responses if 200 <= one.status < 300]

    @property
    def failed(self) -> int:
        """How many requests got a 5xx, or no response."""
        return self.sent - sum(200 <= one.status < 500 for one in self.responses)

    @property
    def rate(self) -> float:
        """Successful calls a second."""
        return len(self.successful) / self.seconds

    def latency(self, share: int) -> float:
        """The percentile of the seconds that successful calls took."""
        return percentile([one.seconds for one in self.successful], share)


HOST = b"Host: localhost\r\n"
"""The header to which a caller adds its port: without it, Mini-CRM takes a call for one that came through a proxy."""


def get(path: str) -> bytes:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\n{HOST.decode()}\r\n".encode()


def post(path: str, **values: Any) -> bytes:
    """A POST request with these values as JSON."""
    body = json.dumps(values).encode()
    head = f"POST {path} HTTP/1.1\r\n{HOST.decode()}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on uvloop in a thread of its own."""
    return await asyncio.to_thread(uvloop.run, work)


async def call(port: int, requests: Iterable[bytes], *, at_once: int = 1, seconds: float = 60.0) -> Calls:
    """Sends requests until they or the seconds are used up, then waits for the responses, `GRACE_SECONDS` at most.

    Args:
        at_once: how many callers send them, each the next one when the one before is answered.
    """
    calls, left, began = Calls(), iter(requests), perf_counter()
    callers = [asyncio.create_task(_send_all(port, left, calls, until=began + seconds)) for _ in range(at_once)]
    done, late = await asyncio.wait(callers, timeout=seconds + GRACE_SECONDS)
    calls.seconds = perf_counter() - began
    for one in late:
        one.cancel()
    await asyncio.wait(callers)
    for one in done:
        one.result()  # raises if a caller failed
    return calls


async def _send_all(port: int, left: Iterator[bytes], calls: Calls, *, until: float) -> None:
    loop, connection = asyncio.get_running_loop(), None
    host = f"Host: localhost:{port}\r\n".encode()
    try:
        while (began := perf_counter()) < until and (request := next(left, None)) is not None:
            if connection is None or connection.is_closed:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
            calls.sent += 1
            status, body = await connection.send(request.replace(HOST, host, 1))
            calls.responses.append(Response(status, body, perf_counter() - began))
    finally:
        if connection is not None:
            connection.close()


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._response: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_closed = False

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Sends a request; returns a future of the status and the body of its response."""
        self._parts.clear()
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._response

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self.is_closed = status >= 500 or not self._parser.should_keep_alive()  # uvicorn closes it if a route raised
        self._resolve(status)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_closed = True
        self._resolve(CONNECTION_LOST)

    def _resolve(self, status: int) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_result((status, b"".join(self._parts)))
