"""Giving out a long queue: after the first slice, each further one in a transaction of its own, until it is done."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from bot.logs import describe_error
from crm_core.routing import giving_out
from crm_core.routing.giving_out import MoreToAssign
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database

log = structlog.get_logger("app")


class QueueSlices:
    """Goes on where a transaction left waiting contacts to be assigned. What it does not get to, the sweep finds.

    Attributes:
        idle: set while no queue is being given out.
    """

    def __init__(self, db: Database, *, clock: Callable[[], datetime], rng: Callable[[], float]) -> None:
        """
        Args:
            clock, rng: the present moment and rolls in [0, 1).
        """
        self._db, self._clock, self._rng = db, clock, rng
        self._source_ids: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self.idle = asyncio.Event()
        self.idle.set()
        db.listeners.append(self._on_commit)

    async def stop(self) -> None:
        """Ends it; what is left stays in the queue for the sweep of the next process."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _on_commit(self, announcements: list[Any]) -> None:
        for one in announcements:
            if isinstance(one, MoreToAssign):
                self._source_ids |= one.source_ids
        if self._source_ids and self._task is None and not self._is_stopped:
            self.idle.clear()
            self._task = asyncio.create_task(self._run(), name="queue-slices")

    async def _run(self) -> None:
        try:
            with through(Pool.BACKGROUND):
                while self._source_ids and not self._is_stopped:
                    source_ids, self._source_ids = self._source_ids, set()
                    await self._assign_more(source_ids)
        finally:
            self._task = None
            self.idle.set()

    async def _assign_more(self, source_ids: set[int]) -> None:
        try:
            # Others get their turn meanwhile: on SQLite those who have asked for the writer are before us.
            await self._db.write(giving_out.assign_more, source_ids=source_ids, now=self._clock(), rng=self._rng)
        except Exception as error:
            log.error("queue_slice_failed", error=describe_error(error))
