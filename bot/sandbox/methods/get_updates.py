"""getUpdates: offsets, conflicts and long polls. It may answer later, unlike the methods of the register.

Rules: https://core.telegram.org/bots/api#getupdates and Client.cpp, process_get_updates_query.
"""

from bot.sandbox.errors import ApiError
from bot.sandbox.intake.polling import Deliver, LongPoll, Refuse, batch
from bot.sandbox.methods.call import Call
from bot.sandbox.world.updates import MAX_BATCH

MAX_TIMEOUT = 50  # seconds; LONG_POLL_MAX_TIMEOUT

OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


def get_updates(call: Call, deliver: Deliver, refuse: Refuse) -> LongPoll | None:
    """Answer immediately through `deliver`, or return a long poll that will answer later.

    Raises ApiError: 409 while a webhook is set.
    """
    bot = call.bot
    if bot.webhook is not None:
        raise ApiError(409, WEBHOOK_ACTIVE)
    if bot.poll is not None:
        bot.poll.stop(ApiError(409, OTHER_POLLER))
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
    bot.queue.drop_expired()
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
