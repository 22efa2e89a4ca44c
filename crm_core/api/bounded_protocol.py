"""uvicorn's HTTP protocol with limits on what a stranger can make it hold: connections, heads, requests, and time.

uvicorn's own keeps every header it is sent, also those after the body (trailers) and after the answer, and every
request that is sent before the one before it is answered; and it waits for a head without end. All of this happens
before any key is looked at, and what one connection holds is missing elsewhere: without a free descriptor the database
cannot be flushed.
"""

import asyncio
from collections.abc import Sized
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LARGEST = 64 * 1024  # bytes of a request's line and headers; also of what follows without being content
HEADERS_MOST = 100  # with trailers
PIPELINED_MOST = 100  # requests of a connection that wait for the answer to the one before
HEAD_SECONDS = 10.0  # for the whole head of a request, from its first byte or from the connection
UNREAD_SECONDS = 30.0  # for which a caller may leave a response unread

BUSY = (503, b"Service Unavailable", b"retry-after: 1\r\n")
TOO_LARGE = (431, b"Request Header Fields Too Large", b"")
TOO_SLOW = (408, b"Request Timeout", b"")


class HeadTooLarge(Exception):
    """A request's head has too many bytes or headers; the parser reports it as a request that it cannot read."""


class TooManyWait(Exception):
    """Too many requests of a connection wait for an answer; the parser reports it like HeadTooLarge."""


class _ReadingInTurn(FlowControl):
    """Reads nothing while requests wait: each answer would let in a read's worth of further ones."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `connections_most` is set by a subclass, see `bounded`."""

    connections_most = 1000

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Whatever is found out about the other end, for all requests of the connection: `scope["state"]`.
        self.app_state = {**self.app_state, "connection": {}}
        self._is_in_head = self._is_in_body = False
        self._size = 0  # bytes that were received since the head began or, after it, since the last content
        self._header_count = 0  # of the request, with trailers
        self._is_too_large = False
        self._is_ending = False  # nothing is read any more, and the connection ends after the answers under way
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuses a connection beyond the most there may be."""
        super().connection_made(transport)
        self.flow = _ReadingInTurn(transport, self.pipeline)
        if len(self.connections) > self.connections_most:
            self._refuse(BUSY)
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the timers."""
        super().connection_lost(exc)
        self._stop_timer()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Counts what is received and is no content, and times it unless a request is under way."""
        if self.transport.is_closing() or self._is_ending:
            return
        self._size += len(data)
        super().data_received(data)
        if self._size > HEAD_LARGEST and (self._is_in_head or self._is_in_body):
            self._refuse(TOO_LARGE)
        if not self._is_in_head and self._is_answering:
            return  # a request is under way, and its route limits its body
        # Even bytes that begin no request: they have ended the keep-alive timer.
        self._start_timer()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head, self._header_count = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keeps a header. Trailers are only counted: what looks at headers has done so already. Raises HeadTooLarge."""
        self._header_count += 1
        if self._header_count > HEADERS_MOST:
            self._is_too_large = True
            raise HeadTooLarge
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is complete. Raises HeadTooLarge, TooManyWait."""
        if (
            self._size > HEAD_LARGEST
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_LARGEST
        ):
            self._is_too_large = True
            raise HeadTooLarge
        if len(self.pipeline) >= PIPELINED_MOST:
            raise TooManyWait
        super().on_headers_complete()
        self._is_in_head, self._is_in_body, self._size = False, True, 0
        self._stop_timer()

    def on_body(self, body: bytes) -> None:
        """Content, which the route limits."""
        self._size = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What follows belongs to the next head."""
        self._is_in_body, self._size = False, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses a request that the parser cannot read."""
        if self._is_too_large:
            self._refuse(TOO_LARGE)
        elif not self._ends_without_answer():
            super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Logs nothing: a stranger could fill the log with it. The request is answered as any other."""

    def pause_writing(self) -> None:
        """The caller does not read: gives them some time."""
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads on."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _start_timer(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(HEAD_SECONDS, self._on_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_late(self) -> None:
        self._timer = None
        if self._is_answering:
            self._start_timer()  # the response to the request before is still being made
        elif self._is_in_head:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        """Whether the last request whose head is complete is under way, or waits for the one before."""
        return self.cycle is not None and not self.cycle.response_complete

    def _ends_without_answer(self) -> bool:
        """Whether a refusal would be taken for the answer to another request. Then the connection ends without one."""
        if self._is_in_body:
            if not self.cycle.response_started and not self.pipeline:
                return False  # it is the answer to the request whose body this is
            self.transport.close()
        elif self._is_answering:
            self._is_ending, self.cycle.keep_alive = True, False
        else:
            return False
        return True

    def _refuse(self, answer: tuple[int, bytes, bytes]) -> None:
        status, text, header = answer
        if not self.transport.is_closing() and not self._ends_without_answer():
            head = b"HTTP/1.1 %d %s\r\nconnection: close\r\n%scontent-length: 0\r\n\r\n" % (status, text, header)
            self.transport.write(head)
            self.transport.close()
        self._stop_timer()


def bounded(connections_most: int) -> type[BoundedProtocol]:
    """The protocol with so many connections at most."""
    return type("BoundedProtocol", (BoundedProtocol,), {"connections_most": connections_most})
