"""getUpdates: long polls, conflicts, offsets.

Rules: https://core.telegram.org/bots/api#getupdates and Client.cpp, process_get_updates_query.
"""

import asyncio
from collections.abc import Callable

from bot.sandbox.errors import ApiError
from bot.sandbox.methods.call import Call
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.updates import MAX_BATCH, Queued

MAX_TIMEOUT = 50  # seconds; LONG_POLL_MAX_TIMEOUT

Deliver = Callable[[bytes], None]
Refuse = Callable[[ApiError], None]

OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class LongPoll:
    """A getUpdates call that waits for something to happen."""

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
        # One turn of the loop later, so that what is pushed together is delivered together.
        if self._wake is None:
            self._wake = self._loop.call_soon(self.finish)

    def finish(self) -> None:
        """Answer with what there is."""
        self.leave()
        self._deliver(batch(self._bot, self._limit))

    def terminate(self, error: ApiError) -> None:
        """Answer with an error: another poller came, or the token was revoked."""
        self.leave()
        self._refuse(error)

    def leave(self) -> None:
        """Stop waiting, without an answer: the client has gone."""
        self._timer.cancel()
        if self._wake is not None:
            self._wake.cancel()
        if self._bot.poll is self:
            self._bot.poll = None
            self._bot.queue.on_push = lambda update: None


def get_updates(call: Call, deliver: Deliver, refuse: Refuse) -> LongPoll | None:
    """Answer at once through `deliver`, or park and return the long poll.

    :raises ApiError: 409 while a webhook is set
    """
    bot = call.bot
    if bot.webhook is not None:
        raise ApiError(409, WEBHOOK_ACTIVE)
    if bot.poll is not None:
        bot.poll.terminate(ApiError(409, OTHER_POLLER))
    offset = call.integer("offset") or 0
    limit = call.integer("limit") or MAX_BATCH
    limit = limit if 1 <= limit <= MAX_BATCH else MAX_BATCH
    timeout = min(max(call.integer("timeout") or 0, 0), MAX_TIMEOUT)
    allowed = call.json("allowed_updates")
    if isinstance(allowed, list):
        bot.queue.allow([str(kind) for kind in allowed])
    if call.world.paced:
        limit, timeout = _pace(call, offset, limit, timeout)
    bot.queue.confirm(offset)
    bot.queue.drop_dead()
    if bot.queue.items or not timeout:
        deliver(batch(bot, limit))
        return None
    poll = LongPoll(bot, limit, timeout, deliver, refuse)
    call.world.polled(bot)
    return poll


def _pace(call: Call, offset: int, limit: int, timeout: int) -> tuple[int, int]:
    """The same offset within 0.5 s gives a single update; within 3 s a short poll becomes a poll of 3 s."""
    now, bot = call.world.now(), call.bot
    if offset == bot.last_offset:
        if now - bot.last_poll < 0.5:
            limit = 1
        if now - bot.last_poll < 3:
            timeout = max(timeout, 3)
    bot.last_offset, bot.last_poll = offset, now
    return limit, timeout


def batch(bot: BotAccount, limit: int) -> bytes:
    """The JSON list of the oldest updates."""
    return b"[" + b",".join(update.body for update in bot.queue.batch(limit)) + b"]"
