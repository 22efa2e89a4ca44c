"""The changes of several updates in one transaction: the parts of an album are stored together, and sent at once.

Each update is handled as if it had come alone. Only its change waits for those of the others; then all are made, in the
order of the updates. If one cannot be made, or an update makes none, everything is undone, and each update is handled
by itself from the beginning.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

Body = Callable[[Session], Any]
Write = Callable[[Body], Awaitable[Any]]
"""Runs a body in a transaction and returns what it returned (`bot.delivery.claim_on_commit.write_and_send`)."""


class NotTogether(Exception):
    """Nothing was changed: the updates have to be handled one after the other."""


class JointWrite:
    """Collects the change of each update, and makes all of them once the last one is known."""

    def __init__(self, write: Write, count: int) -> None:
        """
        Args:
            write: runs the one transaction.
            count: of the updates.
        """
        self._write = write
        self._bodies: list[Body | None] = [None] * count
        self._results: asyncio.Future[Sequence[Any]] = asyncio.get_running_loop().create_future()

    def of(self, place: int) -> Write:
        """What the update at a place, from 0 on, writes with: once. Raises NotTogether when it is used."""

        async def write(body: Body) -> Any:
            if self._results.done():
                raise NotTogether()
            self._bodies[place] = body
            bodies = [one for one in self._bodies if one is not None]
            if len(bodies) == len(self._bodies):
                await self._run(bodies)
            return (await self._results)[place]

        return write

    async def _run(self, bodies: Sequence[Body]) -> None:
        try:
            results = await self._write(lambda s: [body(s) for body in bodies])
        except Exception as error:
            self.give_up()
            raise NotTogether() from error
        self._results.set_result(results)

    def give_up(self) -> None:
        """An update makes no change, or the changes failed: the others must not wait for it."""
        if not self._results.done():
            self._results.set_exception(NotTogether())
            self._results.exception()  # whether or not anybody waits for it
