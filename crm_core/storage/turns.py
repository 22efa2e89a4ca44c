"""Whose turn it is where connections are few: callers get one in the order in which they came.

SQLAlchemy's asynchronous pool gives a connection that is returned to whoever asks next. A caller who returns one and
at once asks for another is faster than those who wait, who could wait until they give up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import TimeoutError as NoFreeConnection

from crm_core.storage.config import POOLS, Pool, PoolConfig, current_pool


class Turns:
    """For the pools of one database."""

    def __init__(self, places: Callable[[PoolConfig], int]) -> None:
        """
        Args:
            places: how many may use a pool at a time: its number of connections.
        """
        self._free = {pool: asyncio.Semaphore(places(POOLS[pool])) for pool in Pool}
        self._seconds = {pool: POOLS[pool].wait for pool in Pool}

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Waits for a place in the pool of the present context, and keeps it until the block ends.

        Raises SQLAlchemy's TimeoutError, as the pool itself does, if there is none for as long as the pool lets wait.
        """
        pool = current_pool()
        free = self._free[pool]
        if not free.locked():  # nobody waits either
            await free.acquire()
        else:
            try:
                async with asyncio.timeout(self._seconds[pool]):
                    await free.acquire()
            except TimeoutError:
                raise NoFreeConnection(f"no connection was free for {self._seconds[pool]} s") from None
        try:
            yield
        finally:
            free.release()
