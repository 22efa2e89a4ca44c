"""Client to operator through real processes and real HTTP, beside a bare aiogram bot: latency and a backlog.

A machine is never equally quick for long, so nothing is measured first here and then there: latency with both bots
alive, each message to the other one; backlogs in turn, and the median of the ratios of each turn counts.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import resident_megabytes
from tests.benchmarks.programs import GIVE_UP, Meeting, Program, bare, meeting, ours
from tests.benchmarks.table import Line, median, percentile

CLIENTS, EACH = 500, 4
SINGLE, WARMING_UP = 600, 20
ROUNDS = 3
SLOWER = 1.5  # at most so many times as slow as the bare bot, one message at a time
PART = 0.7  # at least this part of its rate, for a backlog


@dataclass(frozen=True)
class Backlog:
    """How a backlog went. `misplaced` counts words that came after later ones of the same client."""

    rate: float
    arrived: int
    misplaced: int
    memory: float


async def compare(prepared: Path, folder: Path, operator_ids: Sequence[int]) -> list[Line]:
    """Measures both programs side by side.

    Args:
        prepared: a database in which these accounts are operators of the bot with places enough.
    """
    return [
        *await _compare_latency(ours(prepared, folder), operator_ids),
        *await _compare_backlogs(prepared, folder, operator_ids),
    ]


# --- one message at a time -------------------------------------------------------------------------------------------


async def _compare_latency(program: Program, operator_ids: Sequence[int]) -> list[Line]:
    taken: list[tuple[float, float]] = []
    async with AsyncExitStack() as stack:
        met = [await stack.enter_async_context(meeting(operator_ids)) for _ in range(2)]
        for one, of_it in zip(met, (program, bare), strict=True):
            await stack.enter_async_context(of_it(one))
            await one.sandbox.online(one.bot, timeout=20)
        for number in range(SINGLE + WARMING_UP):
            pair = [await once(one, number) for one in (met if number % 2 else reversed(met))]
            taken.append((pair[0], pair[1]) if number % 2 else (pair[1], pair[0]))
    our_times, bare_times = zip(*taken[WARMING_UP:], strict=True)
    return [
        _latency("median", median(our_times), median(bare_times)),
        _latency("p99", percentile(our_times, 99), percentile(bare_times, 99)),
    ]


def _latency(what: str, our_time: float, bare_time: float) -> Line:
    ratio = our_time / bare_time
    return Line(
        f"client → operator, {what} of {SINGLE}",
        _ms(our_time),
        f"bare {_ms(bare_time)}",
        f"{ratio:.2f}",
        f"≤ {SLOWER}",
        ratio <= SLOWER,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


async def once(met: Meeting, number: int, *, client_id: int | None = None) -> float:
    """Seconds from a new client's message to what his operator sees."""
    client = met.sandbox.person(f"Client {number}", language_code="en", id=client_id)
    words = f"message 1 of {client.id}"
    await client.says(words, to=met.bot)
    sent = seen = 0.0
    async with asyncio.timeout(GIVE_UP):
        while not seen:
            for entry in met.sandbox.transcript(since=met.since):
                met.since = entry["seq"]
                if entry["event"] == "new" and words in (entry["text"] or ""):
                    if entry["request_id"] is None:
                        sent = entry["time"]
                    else:
                        seen = entry["time"]
            await asyncio.sleep(0.003)
    await asyncio.sleep(0.005)  # it ends what it still has to do before the other one begins
    return seen - sent


# --- a backlog -------------------------------------------------------------------------------------------------------


async def _compare_backlogs(prepared: Path, folder: Path, operator_ids: Sequence[int]) -> list[Line]:
    pairs = []
    for number in range(ROUNDS):
        turn = [ours(prepared, folder), bare]
        found = [await _backlog(one, operator_ids) for one in (turn if number % 2 else reversed(turn))]
        pairs.append((found[0], found[1]) if number % 2 else (found[1], found[0]))
    total, mine, other = CLIENTS * EACH, [one for one, _ in pairs], [one for _, one in pairs]
    ratio = median([one.rate / beside.rate for one, beside in pairs])
    arrived, misplaced = min(one.arrived for one in mine), max(one.misplaced for one in mine)
    memory = max(one.memory for one in mine)
    return [
        Line(
            f"backlog of {total}, limits off",
            f"{median([one.rate for one in mine]):,.0f}/s",
            f"bare {median([one.rate for one in other]):,.0f}/s",
            f"{ratio:.2f}",
            f"≥ {PART}",
            ratio >= PART,
        ),
        Line(
            "  arrived", str(arrived), f"bare {min(one.arrived for one in other)}", "", f"= {total}", arrived == total
        ),
        Line(
            "  out of order", str(misplaced), f"bare {max(one.misplaced for one in other)}", "", "= 0", misplaced == 0
        ),
        Line(
            "memory after the backlog",
            f"{memory:.0f} MB",
            f"bare {max(one.memory for one in other):.0f} MB",
            "",
            "< 260 MB",
            memory < 260,
        ),
    ]


async def _backlog(program: Program, operator_ids: Sequence[int]) -> Backlog:
    async with meeting(operator_ids) as met:
        met.sandbox.preload(met.bot, CLIENTS, each=EACH, text="message {number} of {person}")
        async with program(met) as process:
            await met.until(CLIENTS * EACH)
            memory = resident_megabytes(process.pid)
    begun, ended = met.arrived[0].time, met.arrived[-1].time
    return Backlog(CLIENTS * EACH / (ended - begun), met.different, misplaced(met), memory)


def misplaced(met: Meeting) -> int:
    """How many messages came after a later one of the same client."""
    newest: dict[int, int] = {}
    count = 0
    for one in met.arrived:
        count += one.number < newest.get(one.client, 0)
        newest[one.client] = max(one.number, newest.get(one.client, 0))
    return count
