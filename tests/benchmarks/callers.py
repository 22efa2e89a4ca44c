"""Callers of an HTTP API: so many at once, each on a connection that stays open.

They have to cost a fraction of what the quickest of the servers costs: requests are written as bytes, answers are
parsed by httptools, the loop is uvloop's, in a thread of its own.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar, cast

import httptools
import uvloop

from tests.benchmarks.table import percentile

T = TypeVar("T")

PATIENCE = 1.0  # seconds that answers are waited for once nobody asks any more
CUT = 0  # status where the connection ended instead of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got, and how many seconds it took."""

    status: int
    body: bytes
    taken: float

    def read(self) -> Any:
        """The JSON in it."""
        return json.loads(self.body)


@dataclass(slots=True)
class Calls:
    """How calls went. `asked` counts requests, those too that nothing came back for; `seconds` is the whole time."""

    asked: int = 0
    seconds: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def good(self) -> list[Answer]:
        """Answers that are no refusal and no failure."""
        return [one for one in self.answers if 200 <= one.status < 300]

    @property
    def failed(self) -> int:
        """How many got a 5xx, or no answer."""
        return self.asked - sum(200 <= one.status < 500 for one in self.answers)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.seconds

    def within(self, share: int) -> float:
        """Seconds in which that many percent were answered well."""
        return percentile([one.taken for one in self.good], share)


def get(path: str) -> bytes:
    """A request that shows something."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def send(method: str, path: str, **values: Any) -> bytes:
    """A request with JSON."""
    body = json.dumps(values).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def aside(work: Coroutine[Any, Any, T]) -> T:
    """Does callers' work in a quick loop of its own."""
    return await asyncio.to_thread(uvloop.run, work)


async def call(port: int, requests: Iterable[bytes], *, at_once: int = 1, seconds: float = 60.0) -> Calls:
    """Sends requests until they or the seconds are used up, then waits a moment for what is still to come."""
    calls, left, began = Calls(), iter(requests), perf_counter()
    callers = [asyncio.create_task(_go_on(port, left, calls, until=began + seconds)) for _ in range(at_once)]
    done, late = await asyncio.wait(callers, timeout=seconds + PATIENCE)
    calls.seconds = perf_counter() - began
    for one in late:
        one.cancel()
    await asyncio.wait(callers)
    for one in done:
        one.result()  # raises what went wrong with a caller himself
    return calls


async def _go_on(port: int, left: Iterator[bytes], calls: Calls, *, until: float) -> None:
    loop, connection = asyncio.get_running_loop(), None
    try:
        while (began := perf_counter()) < until and (request := next(left, None)) is not None:
            if connection is None or connection.is_over:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
            calls.asked += 1
            status, body = await connection.ask(request)
            calls.answers.append(Answer(status, body, perf_counter() - began))
    finally:
        if connection is not None:
            connection.end()


class _Connection(asyncio.Protocol):
    """One request after another, each when the one before is answered."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_over = False

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Sends a request; its answer's status and body are to come."""
        self._parts.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def end(self) -> None:
        """Closes it."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no children of asyncio's

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self.is_over = status >= 500 or not self._parser.should_keep_alive()  # uvicorn hangs up where a route raised
        self._settle(status)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_over = True
        self._settle(CUT)

    def _settle(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, b"".join(self._parts)))
