"""A backlog with Telegram's limits on: how near it comes to the time that the limits themselves need.

What they need, for requests that have to be made anyway (docs/performance.md has the arithmetic with figures):

* the bot may make 28 a second: (requests - 2) / 28 seconds, two of them being its burst;
* a private chat takes one a second after a burst of three: (requests to the busiest chat - 3) seconds.

Neither can be undercut, and the longer one counts. Who gets which client is drawn as ever, so the busiest operator's
chat has more than its share.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

from bot.delivery.chat_queues import REQUESTS_AT_ONCE
from tests.benchmarks.conversations import CLIENTS, EACH
from tests.benchmarks.programs import Arrival, meeting, ours
from tests.benchmarks.table import Line, percentile

TOTAL = CLIENTS * EACH
PER_SECOND, BOT_BURST = 28, 2
CHAT_BURST = 3
LONGER = 1.15  # at most so many times what the limits need
GIVE_UP = 400.0  # seconds
# Seconds from one message of a chat to the next one that nothing keeps back, and how late that may be: it is counted
# from Telegram's answer.
CHAT_INTERVAL, TOLERANCE = 1.05, 0.5


async def compare(prepared: Path, folder: Path, operator_ids: Sequence[int]) -> list[Line]:
    """Sends a backlog through Mini-CRM, which keeps to the limits, to a sandbox that insists on them.

    Args:
        prepared: a database in which these accounts are operators of the bot with places enough.
    """
    async with meeting(operator_ids, with_limits=True) as met:
        met.sandbox.preload(met.bot, CLIENTS, each=EACH, text="message {number} of {person}")
        begun = met.sandbox.transcript()[-1]["seq"]
        async with ours(prepared, folder, limited=True)(met):
            await met.until(TOTAL, within=GIVE_UP)
        said = [entry for entry in met.sandbox.transcript(since=begun) if entry["request_id"] is not None]
        refusals = sum(one.is_provoked for one in met.sandbox.refusals)
    ended = met.arrived[-1].time
    sent = [entry for entry in said if entry["event"] in ("new", "edited") and entry["time"] <= ended]
    taken = ended - sent[0]["time"]
    needed = _needed(Counter(entry["chat"] for entry in sent))
    passed = _passed_over(met.arrived, [(entry["time"], entry["chat"]) for entry in sent])
    waits = [one.time - sent[0]["time"] for one in met.arrived]
    what = f"backlog of {TOTAL} to {len(operator_ids)}, limits on"
    return [
        Line(
            what,
            f"{taken:.0f} s",
            f"the limits need {needed:.0f} s",
            f"{taken / needed:.2f}",
            f"≤ {LONGER}",
            taken <= LONGER * needed,
        ),
        Line("  429s provoked", str(refusals), "", "", "= 0", refusals == 0),
        Line("  older ones passed over", str(passed), "", "", "= 0", passed == 0),
        Line("  waits: median, p99", f"{percentile(waits, 50):.0f} s, {percentile(waits, 99):.0f} s"),
    ]


def _needed(by_chat: Counter[int]) -> float:
    """Seconds that the limits need for so many requests to each chat."""
    for_bot = (by_chat.total() - BOT_BURST) / PER_SECOND
    return max(for_bot, max(by_chat.values()) - CHAT_BURST)


def _passed_over(arrived: Sequence[Arrival], sent: Sequence[tuple[float, int]]) -> int:
    """How many messages came while a clearly older one waited whose own chat had been free for a while.

    Requests that are under way at once overtake each other by some places, which is not counted. Clients wrote their
    first messages one after the other, then their second ones, and so on.

    Args:
        sent: every request, words or not, in the order of time: its moment and its chat.
    """
    places = {age: place for place, age in enumerate(sorted({_age(one) for one in arrived}))}
    waiting: defaultdict[int, deque[int]] = defaultdict(deque)
    for one in sorted(arrived, key=_age):
        waiting[one.chat].append(places[_age(one)])
    begun = sent[0][0]
    free = dict.fromkeys(waiting, begun + 2 * CHAT_INTERVAL)  # an answer to Start and a menu come before
    earlier = deque(sent)
    count = 0
    for one in arrived:
        while earlier and earlier[0][0] < one.time:
            moment, chat = earlier.popleft()
            free[chat] = moment + CHAT_INTERVAL
        older, since = places[_age(one)] - REQUESTS_AT_ONCE, one.time - TOLERANCE
        count += any(lane and lane[0] < older and free[chat] < since for chat, lane in waiting.items())
        waiting[one.chat].remove(places[_age(one)])
    return count


def _age(one: Arrival) -> tuple[int, int]:
    return one.number, one.client
