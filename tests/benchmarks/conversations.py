"""Client to operator through real processes and real HTTP, compared with a bare aiogram bot: latency and a backlog.

The speed of a machine varies over time, so the programs are not measured one after the other. Latency is measured with
both bots running, each message to the other one; backlogs in turn, and the median of the ratios of the turns counts.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.benchmarks.bot_programs import (
    MESSAGE_TEXT,
    TIMEOUT,
    Program,
    SandboxSetup,
    bare_bot,
    has_words_of_client,
    mini_crm,
    sandbox_setup,
)
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median, percentile
from tests.benchmarks.processes import resident_megabytes
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

MAX_LATENCY_RATIO = 1.5
MIN_RATE_RATIO = 0.7
MAX_MEGABYTES = 260
_POLL_SECONDS = 0.003
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True)
class Backlog:
    """How a backlog was delivered.

    Attributes:
        rate: messages a second.
        delivered: different messages.
        misplaced: messages that were delivered after a later one of the same client.
        megabytes: resident memory afterwards.
    """

    rate: float
    delivered: int
    misplaced: int
    megabytes: float


async def measure(context: Context) -> Rows:
    """Measures Mini-CRM and the bare bot in turn."""
    template = await context.databases.with_operators()
    for row in await _latency(mini_crm(template.copy_into(context.folder)), template.accounts, context.sizes):
        yield row
    pairs = []
    for number in range(context.sizes.rounds):
        programs = [mini_crm(template.copy_into(context.folder)), bare_bot]
        is_ours_first = number % 2 == 1
        found = [
            await _backlog(one, template.accounts, context.sizes)
            for one in (programs if is_ours_first else reversed(programs))
        ]
        pairs.append((found[0], found[1]) if is_ours_first else (found[1], found[0]))
    for row in _backlog_rows(pairs, context.sizes.backlog):
        yield row


# --- latency ---------------------------------------------------------------------------------------------------------


async def _latency(program: Program, accounts: Sequence[int], sizes: Sizes) -> list[Row]:
    taken: list[tuple[float, float]] = []
    async with AsyncExitStack() as stack:
        setups = [await stack.enter_async_context(sandbox_setup(accounts, sizes)) for _ in range(2)]
        for setup, one in zip(setups, (program, bare_bot), strict=True):
            await stack.enter_async_context(one(setup))
        for setup in setups:  # both start at the same time
            await setup.sandbox.online(setup.bot, timeout=TIMEOUT)
        for number in range(sizes.single_messages + sizes.warm_up):
            pair = [await send_and_wait(one, number) for one in (setups if number % 2 else reversed(setups))]
            taken.append((pair[0], pair[1]) if number % 2 else (pair[1], pair[0]))
    ours, bare = zip(*taken[sizes.warm_up :], strict=True)
    what = f"of {sizes.single_messages}"
    return [
        _latency_row(f"median {what}", median(ours), median(bare)),
        _latency_row(f"p99 {what}", percentile(ours, 99), percentile(bare, 99)),
    ]


def _latency_row(what: str, ours: float, bare: float) -> Row:
    ratio = ours / bare
    return Row(
        f"client → operator, {what}",
        f"{ours * 1000:.1f} ms",
        f"bare {bare * 1000:.1f} ms",
        f"{ratio:.2f}",
        f"≤ {MAX_LATENCY_RATIO}",
        ratio <= MAX_LATENCY_RATIO,
    )


async def send_and_wait(setup: SandboxSetup, number: int, *, client_id: int | None = None) -> float:
    """Sends a new client's message; returns how many seconds it took until an operator had it."""
    client = setup.sandbox.person(f"Client {number}", language_code="en", id=client_id)
    text = MESSAGE_TEXT.format(number=1, person=client.id)
    await client.says(text, to=setup.bot)
    sent = delivered = 0.0
    async with asyncio.timeout(TIMEOUT):
        while not delivered:
            for entry in setup.sandbox.transcript(since=setup.since):
                setup.since = entry["seq"]
                if entry["event"] == "new" and text in (entry["text"] or ""):
                    if entry["request_id"] is None:
                        sent = entry["time"]
                    elif has_words_of_client(entry):
                        delivered = entry["time"]
            await asyncio.sleep(_POLL_SECONDS)
    await asyncio.sleep(_PAUSE_SECONDS)  # it finishes its other work before the other bot gets its message
    return delivered - sent


# --- a backlog -------------------------------------------------------------------------------------------------------


def _backlog_rows(pairs: Sequence[tuple[Backlog, Backlog]], total: int) -> list[Row]:
    """Rows for the backlogs of each round.

    Args:
        pairs: Mini-CRM's and the bare bot's.
        total: messages in one backlog.
    """
    ours, bare = [one for one, _ in pairs], [one for _, one in pairs]
    ratio = median([mine.rate / other.rate for mine, other in pairs])
    delivered, misplaced = min(one.delivered for one in ours), max(one.misplaced for one in ours)
    megabytes = max(one.megabytes for one in ours)
    return [
        Row(
            f"backlog of {total}, limits off",
            f"{median([one.rate for one in ours]):,.0f}/s",
            f"bare {median([one.rate for one in bare]):,.0f}/s",
            f"{ratio:.2f}",
            f"≥ {MIN_RATE_RATIO}",
            ratio >= MIN_RATE_RATIO,
        ),
        Row(
            "  delivered",
            str(delivered),
            f"bare {min(one.delivered for one in bare)}",
            target=f"= {total}",
            is_met=delivered == total,
        ),
        Row(
            "  out of order",
            str(misplaced),
            f"bare {max(one.misplaced for one in bare)}",
            target="= 0",
            is_met=misplaced == 0,
        ),
        Row(
            "memory after the backlog",
            f"{megabytes:.0f} MB",
            f"bare {max(one.megabytes for one in bare):.0f} MB",
            target=f"< {MAX_MEGABYTES} MB",
            is_met=megabytes < MAX_MEGABYTES,
        ),
    ]


async def _backlog(program: Program, accounts: Sequence[int], sizes: Sizes) -> Backlog:
    async with sandbox_setup(accounts, sizes) as setup:
        setup.sandbox.preload(setup.bot, sizes.backlog_clients, each=sizes.backlog_each, text=MESSAGE_TEXT)
        async with program(setup) as process:
            await setup.wait_delivered(sizes.backlog)
            megabytes = resident_megabytes(process.pid)
    seconds = setup.deliveries[-1].time - setup.deliveries[0].time
    return Backlog(sizes.backlog / seconds, setup.delivered, count_misplaced(setup), megabytes)


def count_misplaced(setup: SandboxSetup) -> int:
    """How many messages were delivered after a later one of the same client."""
    newest: dict[int, int] = {}
    count = 0
    for one in setup.deliveries:
        count += one.number < newest.get(one.client, 0)
        newest[one.client] = max(one.number, newest.get(one.client, 0))
    return count
