"""An outage of Telegram: how soon everything flows again after it, what is lost and what comes twice.

Clients write before and during the outage. It hits every call, getUpdates included, in each of the ways that an outage
may show. All ways are tried at the same time, each with processes of its own: they wait most of the time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.bot_programs import MESSAGE_TEXT, TIMEOUT, SandboxSetup, mini_crm, sandbox_setup
from tests.benchmarks.limits import MAX_RATIO, required_seconds
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.table import Row
from tests.support.relay import Relay

WAYS: dict[str, dict[str, Any] | None] = {
    "500": {"kind": "http_500"},
    "HTML 502": {"kind": "html_502"},
    "cut connections": {"kind": "cut"},
    "answers lost after applying": {"kind": "silent"},
    "no route": None,
}
FIRST_WITHIN, ALL_WITHIN = 5.0, 15.0  # seconds after Telegram is back
LIMITED = "500, limits on"
MAY_DOUBLE = ("answers lost after applying", "no route")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What came of an outage.

    Attributes:
        first, last: seconds from its end until the first and the last message arrived.
        lost: messages that never arrived.
        doubled: messages that arrived more than once.
        required: seconds that the rate limits ask for, from the first request after it on.
        taken: seconds that these requests took.
    """

    first: float
    last: float
    lost: int
    doubled: int
    required: float
    taken: float


async def measure(context: Context) -> Rows:
    """Lets Telegram fail for a while, once in each way."""
    template = await context.databases.with_operators()
    runs: dict[str, Awaitable[Recovery]] = {}
    for number, (way, fault) in enumerate([*WAYS.items(), (LIMITED, WAYS["500"])]):
        folder = context.folder / str(number)
        folder.mkdir()
        database = template.copy_into(folder)
        runs[way] = _recover(context, database, template.accounts, fault, with_limits=way == LIMITED)
    found = dict(zip(runs, await asyncio.gather(*runs.values()), strict=True))
    for way, recovery in found.items():
        for row in _rows(f"{context.sizes.outage_seconds:.0f} s of {way}", recovery, way):
            yield row


def _rows(title: str, one: Recovery, way: str) -> list[Row]:
    is_soon = one.first <= FIRST_WITHIN
    first = Row(f"{title}: first after", f"{one.first:.1f} s", target=f"≤ {FIRST_WITHIN:.0f} s", is_met=is_soon)
    lost = Row("  lost", str(one.lost), target="= 0", is_met=one.lost == 0)
    doubled = Row("  came twice", str(one.doubled), target="= 0", is_met=one.doubled == 0)
    if way in MAY_DOUBLE:
        doubled = Row("  came twice", str(one.doubled))
    return [first, _all_row(one, way), lost, doubled]


def _all_row(one: Recovery, way: str) -> Row:
    if way != LIMITED:
        is_soon = one.last <= ALL_WITHIN
        return Row("  all that waited", f"{one.last:.1f} s", target=f"≤ {ALL_WITHIN:.0f} s", is_met=is_soon)
    ratio = one.taken / one.required
    return Row(
        "  all that waited",
        f"{one.taken:.1f} s",
        f"the limits require {one.required:.1f} s",
        f"{ratio:.2f}",
        f"≤ {MAX_RATIO}",
        ratio <= MAX_RATIO,
    )


async def _recover(
    context: Context, database: Path, accounts: Sequence[int], fault: dict[str, Any] | None, *, with_limits: bool
) -> Recovery:
    sizes = context.sizes
    async with sandbox_setup(accounts, sizes, with_limits=with_limits) as setup, Relay(setup.sandbox.url) as relay:
        program = mini_crm(database, with_limits=with_limits, address=relay.url)
        async with program(setup):
            await setup.sandbox.online(setup.bot, timeout=TIMEOUT)
            setup.sandbox.preload(setup.bot, sizes.outage_clients, text=MESSAGE_TEXT)
            end = _begin(setup, relay, fault)
            setup.sandbox.preload(setup.bot, sizes.outage_clients, text=MESSAGE_TEXT)
            await asyncio.sleep(sizes.outage_seconds)
            setup.read_deliveries()
            end()
            ended, since = time.time(), setup.since
            with suppress(TimeoutError):
                await setup.wait_delivered(2 * sizes.outage_clients)
            return _recovery(setup, 2 * sizes.outage_clients, since, ended)


def _begin(setup: SandboxSetup, relay: Relay, fault: dict[str, Any] | None) -> Callable[[], None]:
    """Begins an outage, and returns what ends it."""
    if fault is None:
        relay.stall()
        return relay.resume
    number = setup.sandbox.fail(**fault, probability=1.0)
    return lambda: setup.sandbox.clear_fault(number)


def _recovery(setup: SandboxSetup, clients: int, since: int, ended: float) -> Recovery:
    after = [one.time - ended for one in setup.deliveries if one.time >= ended]
    counted = Counter((one.number, one.client) for one in setup.deliveries)
    sent = [
        one
        for one in setup.sandbox.transcript(since=since)
        if one["request_id"] is not None and one["event"] in ("new", "edited")
    ]
    return Recovery(
        first=min(after, default=float("inf")),
        last=max(after, default=float("inf")),
        lost=clients - len(counted),
        doubled=sum(number > 1 for number in counted.values()),
        required=max(required_seconds(Counter(one["chat"] for one in sent)), 1.0) if sent else 1.0,
        taken=sent[-1]["time"] - sent[0]["time"] if sent else 0.0,
    )
