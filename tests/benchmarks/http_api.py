"""`POST /leads/register_contact/` and what dashboards read, over HTTP and through real processes."""

import asyncio
import itertools
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from crm_core.storage.database import open_database
from tests.benchmarks.databases import OPERATORS
from tests.benchmarks.fill_contacts import fold
from tests.benchmarks.http_client import Calls, call, get, in_own_loop
from tests.benchmarks.http_servers import (
    Server,
    add_source,
    mini_crm,
    noop_api,
    plain_api,
    register,
    registrations,
)
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

CALLERS = 16  # for which there is a target
RACING_CALLERS, RACE_MAX_LEADS, RACE_SECONDS = 64, 5, 8.0
PLAIN_RACING_CALLERS = 15  # connections in its pool; with more concurrent callers it blocks for half a minute
MIN_RATIO, MAX_SPREAD, MIN_RATE_KEPT, MAX_READ_SECONDS = 10, 10, 0.8, 0.05
READS = {
    "GET /dashboard/operator_stats": "/dashboard/operator_stats",
    "GET /dashboard/source_stats": "/dashboard/source_stats",
    "GET /leads/, 100 of them": "/leads/?limit=100",
    "GET /api/v1/contacts/, 100 of them": "/api/v1/contacts/?limit=100",
}


async def measure(context: Context) -> Rows:
    """Measures throughput and latency, a race for free places, and both with a million contacts stored."""
    async for row in _throughput(context.folder, context.sizes):
        yield row
    for row in await _race(context.folder, context.sizes):
        yield row
    template = await context.databases.with_contacts()
    async for row in _stored(context.folder, template.copy_into(context.folder), context.sizes):
        yield row


# --- throughput and latency -------------------------------------------------------------------------------------------


async def _throughput(folder: Path, sizes: Sizes) -> Rows:
    async with mini_crm(folder / "ours.db") as ours, plain_api(folder / "plain.db") as plain, noop_api() as noop:
        sources = {server: await add_source(server) for server in (ours, plain)} | {noop: 1}
        for server, source_id in sources.items():  # whatever happens once in a process happens now
            await register(server, source_id, at_once=1, seconds=0.5)
        for at_once in sizes.concurrency:
            calls = {
                server: await register(server, source_id, at_once=at_once, seconds=sizes.http_seconds)
                for server, source_id in sources.items()
            }
            for row in _throughput_rows(at_once, calls[ours], calls[plain], calls[noop]):
                yield row


def _throughput_rows(at_once: int, ours: Calls, plain: Calls, noop: Calls) -> list[Row]:
    spread = ours.latency(99) / ours.latency(50)
    failed = f", {plain.failed} failed" if plain.failed else ""
    has_target = at_once == CALLERS
    is_fast = ours.rate >= MIN_RATIO * plain.rate and not ours.failed
    return [
        Row(
            f"POST register_contact, {at_once} at once",
            f"{ours.rate:,.0f}/s",
            f"plain {plain.rate:,.0f}/s{failed}",
            f"{ours.rate / plain.rate:.0f}" if plain.successful else "–",
            f"≥ {MIN_RATIO}" if has_target else "",
            is_fast if has_target else None,
        ),
        Row(
            "  beside a route that does nothing",
            f"{ours.rate:,.0f}/s",
            f"no-op {noop.rate:,.0f}/s",
            f"{ours.rate / noop.rate:.2f}",
        ),
        Row(
            "  p50 / p99",
            _p50_p99(ours),
            f"plain {_p50_p99(plain)}",
            f"{spread:.1f}",
            f"p99 < {MAX_SPREAD} × p50",
            spread < MAX_SPREAD,
        ),
    ]


def _p50_p99(calls: Calls) -> str:
    return f"{calls.latency(50) * 1000:.1f} / {calls.latency(99) * 1000:.1f} ms"


# --- many callers for few free places ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Race:
    """The contacts of a race, by what the callers were answered.

    Attributes:
        assigned: contacts with an operator.
        over_limit: operators who got more contacts than their limit.
        stored: contacts in the database.
    """

    calls: Calls
    assigned: int
    over_limit: int
    stored: int

    @property
    def lost(self) -> int:
        """Contacts whose registration was confirmed and that are not in the database."""
        return len(self.calls.successful) - self.stored


async def _race(folder: Path, sizes: Sizes) -> list[Row]:
    async with mini_crm(folder / "race.db") as server:
        ours = await _run_race(server, RACING_CALLERS, sizes)
    async with plain_api(folder / "plain_race.db") as server:
        plain = await _run_race(server, PLAIN_RACING_CALLERS, sizes)
    places = OPERATORS * RACE_MAX_LEADS
    return [
        Row(
            f"{sizes.race_requests} requests for {places} places: assigned",
            f"{ours.assigned} ({RACING_CALLERS} callers)",
            f"plain {plain.assigned} ({PLAIN_RACING_CALLERS} callers)",
            target=f"= {places}",
            is_met=ours.assigned == places,
        ),
        Row(
            "  operators over their limit",
            str(ours.over_limit),
            f"plain {plain.over_limit}",
            target="= 0",
            is_met=not ours.over_limit,
        ),
        Row(
            "  failed or not answered",
            str(ours.calls.failed),
            f"plain {plain.calls.failed}",
            target="= 0",
            is_met=not ours.calls.failed and ours.calls.sent == sizes.race_requests,
        ),
        Row(
            "  answered and not stored",
            str(ours.lost),
            f"plain {max(plain.lost, 0)}",
            target="= 0",
            is_met=ours.lost == 0,
        ),
    ]


async def _run_race(server: Server, callers: int, sizes: Sizes) -> Race:
    source_id = await add_source(server, max_leads=RACE_MAX_LEADS)
    requests = itertools.islice(registrations(source_id), sizes.race_requests)
    calls = await in_own_loop(call(server.port, requests, at_once=callers, seconds=RACE_SECONDS))
    loads = Counter(one.json()["operator_id"] for one in calls.successful)
    del loads[None]
    assert server.path is not None
    with closing(sqlite3.connect(server.path)) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM contacts").fetchone()
    return Race(calls, loads.total(), sum(one > RACE_MAX_LEADS for one in loads.values()), stored)


# --- a million contacts stored ----------------------------------------------------------------------------------------


async def _stored(folder: Path, full: Path, sizes: Sizes) -> Rows:
    """Compares an empty database with a full one.

    Args:
        full: a copy of the database with a million contacts, which is changed here.
    """
    await _fold_all(full)
    async with mini_crm(folder / "empty.db") as without, mini_crm(full) as with_contacts:
        sources = {server: await add_source(server) for server in (without, with_contacts)}
        for what, path in READS.items():
            yield await _read(with_contacts, what, path, sizes)
        yield await _read_under_load(with_contacts, sources[with_contacts], sizes)
        rates: dict[Server, list[float]] = {without: [], with_contacts: []}
        for server in (without, with_contacts) * sizes.rounds:
            calls = await register(server, sources[server], at_once=CALLERS, seconds=sizes.http_seconds)
            rates[server].append(calls.rate)
    kept = median(rates[with_contacts]) / median(rates[without])
    yield Row(
        f"{CALLERS} at once, {sizes.contacts:,} contacts stored",
        f"{median(rates[with_contacts]):,.0f}/s",
        f"none {median(rates[without]):,.0f}/s",
        f"{kept:.2f}",
        f"≥ {MIN_RATE_KEPT}",
        kept >= MIN_RATE_KEPT,
    )


async def _fold_all(path: Path) -> None:
    db = open_database(f"sqlite:///{path}")
    try:
        await fold(db)
    finally:
        await db.close()


async def _read(server: Server, what: str, path: str, sizes: Sizes) -> Row:
    calls = await in_own_loop(call(server.port, [get(path)] * sizes.http_reads))
    taken, slowest = calls.latency(50), calls.latency(100)
    return Row(
        what,
        f"{taken * 1000:.1f} ms",
        f"slowest {slowest * 1000:.1f} ms",
        target=f"< {MAX_READ_SECONDS * 1000:.0f} ms",
        is_met=taken < MAX_READ_SECONDS and len(calls.successful) == sizes.http_reads,
    )


async def _read_under_load(server: Server, source_id: int, sizes: Sizes) -> Row:
    """Reads lists while others write: a reader shares the processor with the writers, but waits for no lock."""
    seconds = sizes.http_seconds
    requests = itertools.repeat(get("/api/v1/contacts/?limit=100"))
    alone = await in_own_loop(call(server.port, requests, seconds=seconds))

    async def read_and_write() -> tuple[Calls, Calls]:
        writes = call(server.port, registrations(source_id), at_once=CALLERS, seconds=seconds)
        return await asyncio.gather(call(server.port, requests, seconds=seconds), writes)

    reads, writes = await in_own_loop(read_and_write())
    return Row(
        f"  while {CALLERS} write {writes.rate:,.0f}/s: p50 / p99",
        _p50_p99(reads),
        f"alone {_p50_p99(alone)}",
        f"{reads.latency(50) / alone.latency(50):.1f}",
    )
