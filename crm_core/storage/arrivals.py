"""Waiting for a server's answers on a socket that stays registered with the event loop.

The driver registers a connection's socket before each wait and takes it out after it, with a timer for each: 14 µs,
where this takes 5; and a registration waits two or three times (docs/performance.md).
"""

import asyncio
import os
import socket


class Arrivals:
    """What arrives on the socket of one connection.

    The loop watches a number of our own for that socket. The driver may close its number at any moment, and the system
    gives it to the next connection: the loop would take that one for watched, and never report anything.
    """

    def __init__(self, number: int) -> None:
        """
        Args:
            number: the driver's, for the socket.
        """
        self._socket = socket.socket(fileno=os.dup(number))
        self._loop = asyncio.get_running_loop()
        self._is_watched = False
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Waits until something has arrived, the end of the connection included; only one may wait at a time."""
        if not self._is_watched:
            self._loop.add_reader(self._socket, self._report)
            self._is_watched = True
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _report(self) -> None:
        if self._waiting is None:  # nobody will read it now, so the loop would report it again and again
            self._unwatch()
        elif not self._waiting.done():
            self._waiting.set_result(None)

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._socket)

    def close(self) -> None:
        """Ends the watch. Whoever waits is woken, to find that the connection is closed."""
        if not self._loop.is_closed():
            self._unwatch()
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(None)
        self._socket.close()
