"""Deadlines on connections, kept on our side: a host that vanished answers nothing, and no error comes from it.

Each statement, commit and rollback starts the deadline anew. When it passes, the connection is cut off from its other
end, so that whatever waits for it fails as if the server had closed it. Cancelling instead would wait for the server.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

DEADLINE = "deadline"  # the key of a connection's `info`


class _Deadline:
    def __init__(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        self.cancel()
        # In two halves: after the process itself has stood still, an answer that is there already is read in between.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds / 2, self._half, loop, seconds / 2)

    def _half(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._timer = loop.call_later(seconds, self._cut)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def watch(engine: Engine, *, silence: float, cut: Callable[[Any], None], ping: float | None = None) -> None:
    """Gives connections that an engine lends a deadline, until they are returned.

    Args:
        engine: the synchronous part of an asynchronous engine.
        silence: seconds without an answer after which a connection is cut.
        cut: makes whatever waits on the driver's connection fail.
        ping: seconds within which a connection must show that it works before it is lent; None to lend it unasked.
    """

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: Any, _: Any) -> None:
        deadline = record.info[DEADLINE] = _Deadline(lambda: cut(connection.driver_connection))
        if ping is not None:
            deadline.start(ping)
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                deadline.cancel()
                failure = DisconnectionError("the connection is lost")
                failure.invalidate_pool = True  # the others went the same way
                raise failure from error
        deadline.start(silence)

    def on_end(_: Any, record: Any, *__: Any) -> None:
        deadline = record.info.pop(DEADLINE, None)
        if deadline is not None:
            deadline.cancel()

    for name in ("checkin", "invalidate", "soft_invalidate"):
        event.listen(engine, name, on_end)

    def restart(connection: Connection, *_: Any) -> None:
        deadline = None if connection.invalidated else connection.info.get(DEADLINE)
        if deadline is not None:
            deadline.start(silence)

    for name in ("before_cursor_execute", "commit", "rollback"):
        event.listen(engine, name, restart)


def cut_postgres(connection: Any) -> None:
    """Shuts the socket of a psycopg connection."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.pgconn.socket)) as way:
        way.shutdown(socket.SHUT_RDWR)


def cut_sqlite(connection: Any) -> None:
    """Interrupts what an aiosqlite connection executes."""
    with contextlib.suppress(Exception):
        connection._conn.interrupt()
