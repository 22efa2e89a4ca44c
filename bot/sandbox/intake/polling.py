"""Long polling: a getUpdates call that waits for updates."""

import asyncio
from collections.abc import Callable

from bot.sandbox.errors import ApiError
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.updates import Queued

Deliver = Callable[[bytes], None]
Refuse = Callable[[ApiError], None]


class LongPoll:
    """A getUpdates call that waits for an update."""

    def __init__(self, bot: BotAccount, limit: int, timeout: float, deliver: Deliver, refuse: Refuse) -> None:
        self._bot = bot
        self._limit = limit
        self._deliver = deliver
        self._refuse = refuse
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout, self.finish)
        self._wake: asyncio.Handle | None = None
        self._loop = loop
        bot.poll = self
        bot.queue.on_push = self._on_push

    def _on_push(self, _update: Queued) -> None:
        # In the next turn of the event loop, so that updates pushed together are delivered together.
        if self._wake is None:
            self._wake = self._loop.call_soon(self.finish)

    def finish(self) -> None:
        """Answer with the queued updates."""
        self.stop()
        self._deliver(batch(self._bot, self._limit))

    def stop(self, error: ApiError | None = None) -> None:
        """Stop waiting.

        Args:
            error: the answer, where another poller came or the token was revoked; None if the client has disconnected.
        """
        self._timer.cancel()
        if self._wake is not None:
            self._wake.cancel()
        if self._bot.poll is self:
            self._bot.poll = None
            self._bot.queue.on_push = lambda update: None
        if error is not None:
            self._refuse(error)


def batch(bot: BotAccount, limit: int) -> bytes:
    """The JSON list of the oldest updates."""
    return b"[" + b",".join(update.body for update in bot.queue.batch(limit)) + b"]"
