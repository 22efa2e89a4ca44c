"""Telegram's limits as arithmetic, on a frozen clock."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import CreateForumTopic, TelegramMethod

from bot.delivery import rate_limit_middleware
from bot.delivery.rate_limit import BOT, GROUP, PRIVATE, Limit, RateLimiter
from bot.delivery.rate_limit_middleware import RateLimitMiddleware, already_paced
from bot.telegram.methods import CopyAlbum, CopyContent, SendAlbum, SendText
from crm_core.monitoring.process_counters import ProcessCounters
from tests.support.telegram_kit import FrozenClock


@pytest.fixture
def still() -> FrozenClock:
    return FrozenClock()


def moments(limiter: RateLimiter, clock: FrozenClock, chat_ids: list[int | None]) -> list[float]:
    """When each of these requests may be made, in seconds from now, if each is made as soon as it may."""
    begin, made = clock.now, []
    for chat_id in chat_ids:
        clock.forward(limiter.book(chat_id))
        made.append((clock.now - begin).total_seconds())
    return made


def most_within(made: list[float], seconds: float) -> int:
    return max(sum(1 for other in made if at <= other < at + seconds) for at in made)


@pytest.mark.parametrize(
    ("chat_ids", "limit", "seconds", "telegram_allows"),
    [
        ([5] * 40, PRIVATE, 10.0, 13),
        ([-5] * 60, GROUP, 60.0, 20),
        (list(range(1, 301)), BOT, 1.0, 30),
        ([None] * 300, BOT, 1.0, 30),
    ],
    ids=["private chat", "group", "many chats", "no chat"],
)
def test_requests_never_exceed_telegram_limits_and_waste_no_time(
    still: FrozenClock, chat_ids: list[int | None], limit: Limit, seconds: float, telegram_allows: int
) -> None:
    made = moments(RateLimiter(still), still, chat_ids)
    assert most_within(made, seconds) <= telegram_allows
    assert made[-1] == pytest.approx(limit.interval * (len(chat_ids) - limit.burst), rel=0.02)  # and no time is wasted


def test_burst_after_a_pause_is_sent_at_once(still: FrozenClock) -> None:
    assert moments(RateLimiter(still), still, [5, 5, 5]) == [0.0, pytest.approx(0.0), pytest.approx(0.036, abs=0.001)]


def test_album_counts_as_many_messages_as_it_has(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    assert (limiter.wait_chat(5, 10), limiter.book(5, 10), limiter.try_send(10)) == (0, 0, 0)
    assert limiter.wait_chat(5) == pytest.approx(PRIVATE.interval * (10 - PRIVATE.burst + 1))
    assert limiter.try_send() == pytest.approx(BOT.interval * (10 - BOT.burst + 1))
    limiter.book(6)
    assert limiter.wait_chat(6, 10) == pytest.approx(PRIVATE.interval)  # the chat must have rested


def test_albums_and_messages_together_stay_below_the_limit_of_a_bot(still: FrozenClock) -> None:
    limiter, begin, made = RateLimiter(still), still.now, list[float]()
    for number in range(120):
        messages = 10 if number % 7 == 3 else 1
        still.forward(limiter.book(100 + number, messages))
        made += [(still.now - begin).total_seconds()] * messages
    assert most_within(made, 1.0) <= 30


def test_chats_do_not_wait_for_each_other(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    for _ in range(6):
        limiter.book(5)
    still.forward(1)
    assert limiter.wait_chat(5) > 2
    assert limiter.wait_chat(6) == 0
    assert limiter.room() > 0


def test_flood_wait_pauses_its_chat_and_a_third_one_the_whole_bot(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    assert limiter.flood(5, 17) == [(5, still.now + timedelta(seconds=17))]
    assert (limiter.wait_chat(5), limiter.wait_chat(6), limiter.wait_bot()) == (17, 0, 0)
    limiter.flood(6, 3)
    gates = limiter.flood(7, 9)
    assert gates == [(7, still.now + timedelta(seconds=9)), (None, still.now + timedelta(seconds=3))]
    assert limiter.room() == 0
    assert limiter.gate(99) == 3
    still.forward(3)
    assert (limiter.room() > 0, limiter.wait_chat(5), limiter.wait_chat(7)) == (True, 14, 6)


@pytest.mark.fault("F279")
def test_long_flood_wait_of_one_chat_of_three_does_not_stop_the_bot_as_long(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    for chat_id, seconds in ((11, 3600), (12, 2), (13, 3600)):
        limiter.flood(chat_id, seconds)
    assert (limiter.wait_bot(), limiter.gate(11), limiter.gate(12)) == (2, 3600, 2)
    still.forward(2)
    assert (limiter.gate(99), limiter.gate(13)) == (0, 3598)


@pytest.mark.fault("F279")
def test_flood_wait_that_is_over_counts_among_three_and_shortens_none(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    limiter.flood(11, 2)
    still.forward(3)
    limiter.chats_shut = {}  # a new session reads those that are still shut
    limiter.flood(12, 9)
    assert limiter.flood(13, 7)[1:] == [(None, still.now + timedelta(seconds=7))]
    assert limiter.wait_bot() == 7


@pytest.mark.fault("F281")
def test_flood_wait_of_a_clock_that_was_ahead_is_over_when_it_is_right(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    still.forward(30 * 86_400)
    for chat_id in (5, 6, 7):
        limiter.flood(chat_id, 5)
    limiter.flood_method("setMyCommands", 5)
    still.forward(-30 * 86_400)
    assert limiter.shut_gates() == {"bot": [], "chat": [], "method": []}
    assert (limiter.gate(5), limiter.wait_bot(), limiter.method_gate("setMyCommands")) == (0, 0, 0)
    assert limiter.room() > 0


def test_flood_waits_spread_over_time_do_not_pause_the_bot(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    for chat_id in (5, 6, 7, 8):
        limiter.flood(chat_id, 1)
        still.forward(40)
    assert limiter.wait_bot() == 0


def test_later_flood_wait_never_shortens_an_earlier_one(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    limiter.flood(5, 100)
    assert limiter.flood(5, 2) == [(5, still.now + timedelta(seconds=100))]


@pytest.mark.fault("F69")
def test_clock_set_back_does_not_block_sending(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    for _ in range(10):
        limiter.book(5)
    still.forward(-3600)
    assert limiter.wait_bot() < 5
    assert limiter.wait_chat(5) < 90
    still.forward(90)
    assert (limiter.wait_bot(), limiter.wait_chat(5)) == (0, 0)


@pytest.mark.fault("F69")
def test_clock_set_back_does_not_delay_requests_about_to_leave(still: FrozenClock) -> None:
    """It would be sent seconds after its data was read, perhaps to an operator who no longer holds the contact."""
    limiter = RateLimiter(still)
    assert limiter.try_send() == 0
    still.forward(-3600)
    assert limiter.try_send() < 0.1


def test_without_rate_limits_only_flood_waits_delay_requests(still: FrozenClock) -> None:
    limiter = RateLimiter(still, limited=False)
    assert [limiter.book(5) for _ in range(50)] == [0.0] * 50
    limiter.flood(5, 4)
    assert limiter.book(5) == 4


def test_slow_request_counts_from_its_arrival(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    for travels in (0.8, 0.0, 0.0):  # seconds
        assert limiter.wait_chat(5) == 0
        limiter.book(5)
        still.forward(travels)
        limiter.note_response(5)
    assert limiter.wait_chat(5) == pytest.approx(PRIVATE.interval)


@pytest.mark.fault("F266")
@pytest.mark.parametrize(
    ("first", "messages"),
    [
        (CopyContent(chat_id=5, from_chat_id=6, message_id=7), 1),
        (CopyAlbum(chat_id=5, from_chat_id=6, message_ids=[7, 8]), 2),
        (SendAlbum(chat_id=5, media=["one", "other"]), 2),
        (CreateForumTopic(chat_id=5, name="#1"), 1),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
async def test_each_request_of_an_attempt_counts_from_its_arrival(
    still: FrozenClock, first: TelegramMethod[Any], messages: int, fails: bool
) -> None:
    """The first is slow on its way; what follows it in the same attempt must not find room that there is not."""
    middleware = RateLimitMiddleware(lambda *flood: None, ProcessCounters())
    limiter = middleware.rate_limiters[42] = RateLimiter(still)

    async def travel(bot: Bot, method: TelegramMethod[Any]) -> Any:
        if method is first:
            still.forward(5.0)
        if fails:
            raise TelegramNetworkError(method, "no answer")

    bot = Bot("42:token")
    for method in (first, SendText(chat_id=5, text="a note")):
        limiter.book(5, messages if method is first else 1)  # as a sender does
        already_paced.set(True)
        with contextlib.suppress(TelegramNetworkError):
            await middleware(travel, bot, method)
    assert limiter.wait_chat(5, PRIVATE.burst) == pytest.approx(PRIVATE.interval * (messages + 1))


@pytest.mark.fault("F269")
async def test_album_sent_again_at_once_waits_as_long_as_all_its_parts(
    still: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pass_by(seconds: float) -> None:
        still.forward(seconds)

    async def arrive(bot: Bot, method: TelegramMethod[Any]) -> Any:
        made.append((still.now - begin).total_seconds())

    monkeypatch.setattr(rate_limit_middleware, "asyncio", SimpleNamespace(sleep=pass_by))
    middleware, made, begin = RateLimitMiddleware(lambda *flood: None, ProcessCounters()), list[float](), still.now
    limiter = middleware.rate_limiters[42] = RateLimiter(still)
    limiter.book(5, 4)  # as a sender does
    for is_paced in (True, False):  # refused, and then sent without the topic that was the reason
        already_paced.set(is_paced)
        await middleware(arrive, Bot("42:token"), CopyAlbum(chat_id=5, from_chat_id=6, message_ids=[1, 2, 3, 4]))
    assert made == [0, pytest.approx(4 * PRIVATE.interval)]


def test_requests_of_an_earlier_process_count_towards_limits(still: FrozenClock) -> None:
    limiter = RateLimiter(still)
    limiter.replay_recent([(5, still.now - timedelta(seconds=1)), (5, still.now), (5, still.now), (-6, still.now)])
    assert limiter.wait_chat(5) > 0
    assert limiter.wait_chat(-6) > 0
    assert limiter.wait_chat(7) == 0


def test_requests_overdue_on_a_busy_machine_are_spread_out(still: FrozenClock) -> None:
    limiter, made = RateLimiter(still), list[float]()
    begin = still.now
    due = sorted(limiter.book(chat_id) for chat_id in range(1, 9))  # as many as are booked ahead
    still.forward(1)  # the event loop stalls, and all of them are overdue
    for number in range(60):
        if number >= len(due):
            still.forward(limiter.book(100 + number))
        while (held := limiter.try_send()) > 0:
            still.forward(held)
        made.append((still.now - begin).total_seconds())
    assert most_within(made, 1.0) <= 30
    assert made[-1] - made[0] == pytest.approx(BOT.interval * (len(made) - BOT.burst), rel=0.02)


async def test_delayed_requests_leave_in_arrival_order() -> None:
    limiter, gone = RateLimiter(lambda: datetime.now(UTC)), list[int]()

    async def go(number: int) -> None:
        await limiter.wait_turn()
        gone.append(number)

    async def come(number: int) -> None:
        await asyncio.sleep(number * BOT.interval / 3)  # three times as many as may go
        await go(number)

    await asyncio.gather(*(come(number) for number in range(24)))
    assert gone == sorted(gone)
