"""A backlog with Telegram's rate limits on, compared with the time that the limits themselves require.

For the requests that have to be made anyway, the limits require the longer of two times (docs/performance.md has the
arithmetic with figures):

* the bot may make 28 requests a second after a burst of two: (requests - 2) / 28 seconds;
* a private chat takes one message a second after a burst of three: (requests to the busiest chat - 3) seconds.

Contacts are drawn at random as usual, so the busiest operator's chat gets more than the mean.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from typing import Any

from bot.delivery.chat_queues import REQUESTS_AT_ONCE
from tests.benchmarks.bot_programs import MESSAGE_TEXT, Delivery, SandboxSetup, mini_crm, sandbox_setup
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import percentile
from tests.benchmarks.table import Row

BOT_RATE, BOT_BURST = 28, 2  # requests a second
CHAT_RATE, CHAT_BURST = 1, 3  # messages a second
MAX_RATIO = 1.15
TIMEOUT = 400.0  # seconds
# Seconds from one message to a chat until the next one may leave, and how much later it may leave without being
# counted as passed over: Mini-CRM counts from Telegram's response.
CHAT_INTERVAL, TOLERANCE = 1.05, 0.5


async def measure(context: Context) -> Rows:
    """Sends a backlog through Mini-CRM, which keeps to the limits, to a sandbox that enforces them."""
    sizes = context.sizes
    template = await context.databases.with_operators(sizes.limited_operators)
    program = mini_crm(template.copy_into(context.folder), with_limits=True)
    async with sandbox_setup(template.accounts, sizes, with_limits=True) as setup:
        setup.sandbox.preload(setup.bot, sizes.backlog_clients, each=sizes.backlog_each, text=MESSAGE_TEXT)
        begun = setup.sandbox.transcript()[-1]["seq"]
        async with program(setup):
            await setup.wait_delivered(sizes.backlog, timeout=TIMEOUT)
        sent = _sent(setup, since=begun)
        refusals = sum(one.is_provoked for one in setup.sandbox.refusals)
    started = sent[0]["time"]
    taken = setup.deliveries[-1].time - started
    required = required_seconds(Counter(entry["chat"] for entry in sent))
    yield Row(
        f"backlog of {sizes.backlog} to {len(template.accounts)}, limits on",
        f"{taken:.0f} s",
        f"the limits require {required:.0f} s",
        f"{taken / required:.2f}",
        f"≤ {MAX_RATIO}",
        taken <= MAX_RATIO * required,
    )
    yield Row("  429s provoked", str(refusals), target="= 0", is_met=refusals == 0)
    passed_over = _count_passed_over(setup.deliveries, [(entry["time"], entry["chat"]) for entry in sent])
    yield Row("  older messages passed over", str(passed_over), target="= 0", is_met=passed_over == 0)
    delays = [one.time - started for one in setup.deliveries]
    yield Row("  delays: median, p99", f"{percentile(delays, 50):.0f} s, {percentile(delays, 99):.0f} s")


def _sent(setup: SandboxSetup, *, since: int) -> list[dict[str, Any]]:
    """What the bot sent or edited until the last delivery."""
    ended = setup.deliveries[-1].time
    return [
        entry
        for entry in setup.sandbox.transcript(since=since)
        if entry["request_id"] is not None and entry["event"] in ("new", "edited") and entry["time"] <= ended
    ]


def required_seconds(requests_by_chat: Counter[int]) -> float:
    """The least time that the limits allow for so many requests to each chat."""
    for_bot = (requests_by_chat.total() - BOT_BURST) / BOT_RATE
    return max(for_bot, (max(requests_by_chat.values()) - CHAT_BURST) / CHAT_RATE)


def _count_passed_over(deliveries: Sequence[Delivery], sent: Sequence[tuple[float, int]]) -> int:
    """How many messages were delivered while a clearly older one waited whose own chat had been free for a while.

    Concurrent requests overtake each other by some places, which is not counted. Clients wrote their first messages one
    after the other, then their second ones, and so on.

    Args:
        sent: time and chat of every request, of whatever kind, in the order of time.
    """
    places = {age: place for place, age in enumerate(sorted({_age(one) for one in deliveries}))}
    waiting: defaultdict[int, deque[int]] = defaultdict(deque)
    for one in sorted(deliveries, key=_age):
        waiting[one.chat].append(places[_age(one)])
    begun = sent[0][0]
    # Before the first message each chat gets the response to /start and a menu.
    free_from = dict.fromkeys(waiting, begun + 2 * CHAT_INTERVAL)
    earlier = deque(sent)
    count = 0
    for one in deliveries:
        while earlier and earlier[0][0] < one.time:
            moment, chat = earlier.popleft()
            free_from[chat] = moment + CHAT_INTERVAL
        older, since = places[_age(one)] - REQUESTS_AT_ONCE, one.time - TOLERANCE
        count += any(queue and queue[0] < older and free_from[chat] < since for chat, queue in waiting.items())
        waiting[one.chat].remove(places[_age(one)])
    return count


def _age(one: Delivery) -> tuple[int, int]:
    return one.number, one.client
