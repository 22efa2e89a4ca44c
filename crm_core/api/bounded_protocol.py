"""uvicorn's HTTP protocol with limits on what a stranger can make it hold: connections, heads, and time.

uvicorn's own keeps every header it is sent, and waits for a head without end. All of this happens before any key is
looked at, and what one connection holds is missing elsewhere: without a free descriptor the database cannot be flushed.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LARGEST = 64 * 1024  # bytes of a request's line and headers
HEADERS_MOST = 100
HEAD_SECONDS = 10.0  # for the whole head of a request, from its first byte or from the connection
UNREAD_SECONDS = 30.0  # for which a caller may leave a response unread

BUSY = (503, b"Service Unavailable", b"retry-after: 1\r\n")
TOO_LARGE = (431, b"Request Header Fields Too Large", b"")
TOO_SLOW = (408, b"Request Timeout", b"")


class HeadTooLarge(Exception):
    """A request's head has too many bytes or headers; the parser reports it as a request that it cannot read."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `connections_most` is set by a subclass, see `bounded`."""

    connections_most = 1000

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Whatever is found out about the other end, for all requests of the connection: `scope["state"]`.
        self.app_state = {**self.app_state, "connection": {}}
        self._is_in_head = False
        self._head_size = 0  # bytes that were received since the head began, and before it ended
        self._is_too_large = False
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuses a connection beyond the most there may be."""
        super().connection_made(transport)
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
        """Counts and times what is received before a head is complete."""
        if self.transport.is_closing():
            return
        self._head_size += len(data)
        super().data_received(data)
        if self._is_in_head:
            if self._head_size > HEAD_LARGEST:
                self._refuse(TOO_LARGE)
        elif self.cycle is not None and not self.cycle.response_complete:
            return  # a request is under way, and its route limits its body
        # Even bytes that begin no request: they have ended the keep-alive timer.
        self._start_timer()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """A head is complete. Raises HeadTooLarge."""
        if len(self.headers) > HEADERS_MOST or (
            self._head_size > HEAD_LARGEST
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_LARGEST
        ):
            self._is_too_large = True
            raise HeadTooLarge
        self._is_in_head, self._head_size = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What follows belongs to the next head."""
        self._head_size = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses a request that the parser cannot read."""
        if self._is_too_large:
            self._refuse(TOO_LARGE)
        else:
            super().send_400_response(msg)

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
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_timer()  # the response to the request before is still being made
        elif self._is_in_head:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, answer: tuple[int, bytes, bytes]) -> None:
        status, text, header = answer
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %d %s\r\nconnection: close\r\n%scontent-length: 0\r\n\r\n" % (status, text, header)
            self.transport.write(head)
            self.transport.close()
        self._stop_timer()


def bounded(connections_most: int) -> type[BoundedProtocol]:
    """The protocol with so many connections at most."""
    return type("BoundedProtocol", (BoundedProtocol,), {"connections_most": connections_most})
