"""Deadlines on connections, kept on our side: a host that vanished answers nothing, and no error comes from it.

Each statement, commit and rollback starts the deadline anew, and the result of a statement ends it: a connection that
is asked nothing owes no answer. When it passes, the connection is cut off from its other end, so that whatever waits
for it fails as if the server had closed it. Cancelling instead would wait for the server.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

DEADLINE, USED = "deadline", "used at"  # keys of a connection's `info`
AGAIN = 0.05  # seconds between attempts to interrupt what a thread may not have begun yet
IDLE = 1.0  # seconds without use, after which a connection may have been lost unnoticed


class _Deadline:
    """The deadline of one connection, while it has one and between.

    Each transaction starts and ends it several times, and moving a timer takes as long as binding a statement. So the
    timer stays where it is: when it fires, it looks at what has become of the deadline, and waits for the rest.
    """

    def __init__(self, cut: Callable[[], bool], silence: float) -> None:
        self._cut, self._silence = cut, silence
        self._timer: asyncio.TimerHandle | None = None
        self._half = 0.0  # seconds
        self._half_at: float | None = None  # when half of it will be over, by the loop's clock; None if it has ended

    def start(self, seconds: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._half = (self._silence if seconds is None else seconds) / 2
        self._half_at = loop.time() + self._half
        if self._timer is None or self._timer.when() > self._half_at:
            self.stop_timer()
            self._timer = loop.call_at(self._half_at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._half_at is None:
            return
        loop = asyncio.get_running_loop()
        if self._half_at > loop.time():  # it was started anew
            self._timer = loop.call_at(self._half_at, self._look)
        else:
            # In two halves: after the process itself has stood still, an answer that has arrived is read in between.
            self._timer = loop.call_later(self._half, self._pass, self._half_at)

    def _pass(self, half_at: float) -> None:
        if self._half_at == half_at:
            self._timer = None
            self._cut()
        else:
            self._look()

    def end(self) -> None:
        self._half_at = None

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def give_up(self) -> None:
        """Cuts off what is still owed to a caller that was cancelled: closing would wait for it, however long."""
        if self._half_at is not None:
            self.end()
            self._cut_again()

    def _cut_again(self) -> None:
        if self._cut():
            asyncio.get_running_loop().call_later(AGAIN, self._cut_again)


def watch(engine: Engine, *, silence: float, cut: Callable[[Any], bool], ping: float | None = None) -> None:
    """Gives connections that an engine lends a deadline, until they are returned.

    Args:
        engine: the synchronous part of an asynchronous engine.
        silence: seconds without an answer after which a connection is cut.
        cut: makes whatever waits on the driver's connection fail. Returns whether something could begin even now.
        ping: seconds within which a connection that was idle must show that it works before it is lent: a round trip,
            so it is not asked of one that has just been used. None to lend it unasked.
    """

    lost_at = 0.0  # when a connection was last found to be lost: the others of that moment may be, too

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: Any, _: Any) -> None:
        nonlocal lost_at
        deadline = record.info.get(DEADLINE)
        if deadline is None:
            deadline = record.info[DEADLINE] = _Deadline(lambda: cut(connection.driver_connection), silence)
        used_at = record.info.get(USED)
        was_idle = used_at is not None and (used_at <= lost_at or time.monotonic() - used_at >= IDLE)
        if ping is not None and was_idle:
            deadline.start(ping)
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                deadline.end()
                lost_at = time.monotonic()
                failure = DisconnectionError("the connection is lost")
                failure.invalidate_pool = True  # the others went the same way
                raise failure from error
        deadline.start()

    def on_return(_: Any, record: Any, *__: Any) -> None:
        record.info[USED] = time.monotonic()
        if (deadline := record.info.get(DEADLINE)) is not None:
            deadline.end()

    def on_end(_: Any, record: Any, *__: Any) -> None:
        record.info[USED] = time.monotonic()
        if (deadline := record.info.pop(DEADLINE, None)) is not None:
            deadline.end()
            deadline.stop_timer()

    def on_loss(_: Any, record: Any, *__: Any) -> None:
        nonlocal lost_at
        lost_at = time.monotonic()
        deadline = record.info.get(DEADLINE)
        if deadline is not None:
            deadline.give_up()

    event.listen(engine, "invalidate", on_loss)
    event.listen(engine, "checkin", on_return)
    for name in ("invalidate", "soft_invalidate"):
        event.listen(engine, name, on_end)
    for name in ("before_cursor_execute", "commit", "rollback"):
        event.listen(engine, name, restart)
    event.listen(engine, "after_cursor_execute", answered)


def restart(connection: Connection, *_: Any) -> None:
    """Gives a connection its whole deadline again: something is about to be sent."""
    deadline = None if connection.invalidated else connection.info.get(DEADLINE)
    if deadline is not None:
        deadline.start()


def answered(connection: Connection, *_: Any) -> None:
    """Ends a connection's deadline until something is sent again."""
    deadline = connection.info.get(DEADLINE)
    if deadline is not None:
        deadline.end()


def cut_postgres(connection: Any) -> bool:
    """Shuts the socket of a psycopg connection."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.pgconn.socket)) as way:
        way.shutdown(socket.SHUT_RDWR)
    return False


def cut_sqlite(connection: Any) -> bool:
    """Interrupts what an aiosqlite connection executes; what its thread has not begun yet would escape."""
    try:
        connection._conn.interrupt()
    except Exception:  # it is closed
        return False
    return True
