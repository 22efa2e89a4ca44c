"""What is done about topics keeps to the limits of their chats."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiogram.methods import CreateForumTopic

from bot.delivery.rate_limit import GROUP, PRIVATE, RateLimiter
from bot.delivery.topics import Topics
from tests.support.telegram_kit import FrozenClock


@pytest.mark.fault("F237")
async def test_topic_that_is_slow_to_be_made_delays_what_follows_it() -> None:
    clock = FrozenClock()
    limiter = RateLimiter(clock=clock)

    async def slow_bot(*_: Any, **__: Any) -> None:
        clock.forward(0.5)

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
