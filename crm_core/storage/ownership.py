"""One process at a time serves a bot, decided by a lock that the operating system or the database frees.

SQLite allows one process for the whole file (an advisory lock on a file beside it). On PostgreSQL there is a session
lock for each bot, so that several processes share many bots and take over from one that dies.
"""

import asyncio
import contextlib
import fcntl
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from crm_core.storage.config import POOLS, Pool, connect_args
from crm_core.storage.deadlines import cut_postgres, watch
from crm_core.storage.installed_mark import lock_path
from crm_core.storage.private_files import private_folder

BOT_LOCKS = 7_202  # our own number space among advisory locks
ANSWER_WITHIN = 5.0  # seconds; a connection that does not answer within that time counts as lost


class AlreadyRunning(Exception):
    """Another process uses this SQLite file."""


class Ownership(Protocol):
    """Which bots this process may serve."""

    async def claim(self, bot_id: int) -> bool:
        """Returns whether this process serves the bot from now on."""

    async def is_held(self) -> bool:
        """Whether what was claimed is still ours. False once after the database connection was lost.

        Nothing can be claimed between the loss and that answer: the caller stops all work first, then claims again.
        """

    async def release(self) -> None:
        """Releases every claim."""


class FileOwnership:
    """SQLite: the file has one owner. Raises AlreadyRunning if another process is."""

    def __init__(self, url: URL) -> None:
        path = lock_path(Path(url.database or ""))
        private_folder(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise AlreadyRunning(str(path)) from None

    async def claim(self, bot_id: int) -> bool:
        return True

    async def is_held(self) -> bool:
        return True

    async def release(self) -> None:
        os.close(self._file)


class SessionOwnership:
    """PostgreSQL: session locks on a connection of their own, released by the server when the process ends."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=connect_args(POOLS[Pool.BOT]),
        )
        # A question to a server that is gone fails by itself: waiting for it would keep the turn from everybody else.
        watch(self._engine.sync_engine, silence=ANSWER_WITHIN, cut=cut_postgres)
        self._connection: AsyncConnection | None = None
        self._has_claimed = False
        self._turn = asyncio.Lock()  # the bots of a process ask concurrently, on one connection

    async def claim(self, bot_id: int) -> bool:
        async with self._turn:
            if self._connection is None:
                if self._has_claimed:  # earlier claims must be given up first: see `is_held`
                    return False
                self._connection = await self._engine.connect()
            query = text("SELECT pg_try_advisory_lock(:space, hashint8(:bot))")
            try:
                got = await self._connection.execute(query, {"space": BOT_LOCKS, "bot": bot_id})
            except DBAPIError:
                await self._drop()
                raise
            is_ours = bool(got.scalar_one())
            self._has_claimed = self._has_claimed or is_ours
            return is_ours

    async def is_held(self) -> bool:
        async with self._turn:
            if self._connection is not None:
                try:
                    await self._connection.execute(text("SELECT 1"))
                except DBAPIError:
                    await self._drop()
            is_held = self._connection is not None or not self._has_claimed
            if not is_held:
                self._has_claimed = False  # the caller now gives everything up and claims again
            return is_held

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.invalidate()
            with contextlib.suppress(Exception):
                await connection.close()

    async def release(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):  # it may have been lost already
                await self._connection.close()
        await self._engine.dispose()


def ownership(url: URL) -> Ownership:
    """The ownership that fits a database. Raises AlreadyRunning."""
    return FileOwnership(url) if url.get_backend_name() == "sqlite" else SessionOwnership(url)
