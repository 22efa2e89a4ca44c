"""What is done about topics keeps to the limits of their chats."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiogram import Bot
from aiogram.methods import CreateForumTopic, TelegramMethod

from bot.delivery.rate_limit import GROUP, PRIVATE, RateLimiter
from bot.delivery.rate_limit_middleware import RateLimitMiddleware
from bot.delivery.topics import Topics
from crm_core.monitoring.process_counters import ProcessCounters
from tests.support.telegram_kit import FrozenClock


@pytest.mark.fault("F237")
async def test_topic_that_is_slow_to_be_made_delays_what_follows_it() -> None:
    clock = FrozenClock()
    middleware = RateLimitMiddleware(lambda *flood: None, ProcessCounters())
    limiter = middleware.rate_limiters[1] = RateLimiter(clock=clock)

    async def travel(bot: Bot, method: TelegramMethod[Any]) -> Any:
        clock.forward(0.5)

    async def slow_bot(method: TelegramMethod[Any], **_: Any) -> None:
        await middleware(travel, cast(Any, SimpleNamespace(id=1)), method)

    topics = Topics(bot=cast(Any, slow_bot), rate_limiter=limiter, clock=clock)
    limiter.book(5)
    row = SimpleNamespace(id=1, bot_id=1, chat_id=5)
    await topics._request(cast(Any, row), CreateForumTopic(chat_id=5, name="x"))
    for _ in range(PRIVATE.burst - 1):  # the card, and what comes with it
        limiter.book(5)
    assert limiter.wait_chat(5) == pytest.approx(PRIVATE.interval)


@pytest.mark.fault("F232")
def test_group_takes_an_album_at_once_only_after_a_rest() -> None:
    clock = FrozenClock()
    limiter = RateLimiter(clock=clock)
    assert limiter.wait_chat(-5, 4) == 0
    limiter.book(-5)
    assert limiter.wait_chat(-5, 4) == pytest.approx(4 * GROUP.interval)
    clock.forward(4 * GROUP.interval)
    assert limiter.wait_chat(-5, 4) == 0
