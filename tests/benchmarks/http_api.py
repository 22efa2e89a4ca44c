"""`POST /leads/register_contact/` and what dashboards read, over HTTP and through real processes."""

import asyncio
import itertools
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import http_servers
from tests.benchmarks.callers import Calls, aside, call, get
from tests.benchmarks.http_servers import OPERATORS, SECONDS, Server, open_office, register, registrations
from tests.benchmarks.table import Line, median

AT_ONCE = (1, 16, 64)
ROUNDS = 3  # where two are compared that should not differ
RACERS, RACED, PLACES, RACE_SECONDS = 64, 500, 5, 8.0
PLAIN_RACERS = 15  # connections in its pool; more callers at once bring it to a standstill of half a minute
READINGS = 30
LEAST_RATIO, MOST_SPREAD, MOST_LOSS, MOST_READING = 10, 10, 0.2, 0.05


async def compare(folder: Path, million: Path) -> list[Line]:
    """Measures everything that is said of the API's speed.

    Args:
        million: a database of ours with a million contacts, whose statistics are up to date.
    """
    lines = await _throughput(folder)
    lines += await _race(folder)
    return lines + await _stored(folder, million)


# --- how many, and how long each takes --------------------------------------------------------------------------------


async def _throughput(folder: Path) -> list[Line]:
    async with (
        http_servers.ours(folder / "api.db") as ours,
        http_servers.plain(folder / "plain.db") as plain,
        http_servers.no_op() as noop,
    ):
        offices = {server: await open_office(server) for server in (ours, plain)} | {noop: 1}
        for server, source_id in offices.items():
            await register(server, source_id, at_once=1, seconds=0.5)  # what is made once is made
        lines = []
        for at_once in AT_ONCE:
            went = {server: await register(server, one, at_once=at_once) for server, one in offices.items()}
            lines += _lines(at_once, went[ours], went[plain], went[noop])
        return lines


def _lines(at_once: int, ours: Calls, plain: Calls, noop: Calls) -> list[Line]:
    times = f"{ours.rate / plain.rate:.0f}" if plain.good else "–"
    is_quick = ours.rate >= LEAST_RATIO * plain.rate and not ours.failed
    spread = ours.within(99) / ours.within(50)
    failed = f", {plain.failed} failed" if plain.failed else ""
    is_target = at_once == 16
    return [
        Line(
            f"POST register_contact, {at_once} at once",
            f"{ours.rate:,.0f}/s",
            f"plain {plain.rate:,.0f}/s{failed}",
            times,
            f"≥ {LEAST_RATIO}" if is_target else "",
            is_quick if is_target else None,
        ),
        Line(
            "  beside a call that does nothing",
            f"{ours.rate:,.0f}/s",
            f"no-op {noop.rate:,.0f}/s",
            f"{ours.rate / noop.rate:.2f}",
        ),
        Line(
            "  p50 / p99",
            _both(ours),
            f"plain {_both(plain)}",
            f"{spread:.1f}",
            f"p99 < {MOST_SPREAD} × p50",
            spread < MOST_SPREAD,
        ),
    ]


def _both(calls: Calls) -> str:
    return f"{calls.within(50) * 1000:.1f} / {calls.within(99) * 1000:.1f} ms"


# --- many for few places ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raced:
    """What became of a race's contacts, by what its callers were told."""

    calls: Calls
    assigned: int
    over_limit: int
    stored: int

    @property
    def lost(self) -> int:
        """Contacts that were promised and are not there."""
        return len(self.calls.good) - self.stored


async def _race(folder: Path) -> list[Line]:
    async with http_servers.ours(folder / "raced.db") as server:
        ours = await _run_race(server, RACERS)
    async with http_servers.plain(folder / "plain_raced.db") as server:
        plain = await _run_race(server, PLAIN_RACERS)
    right = OPERATORS * PLACES
    return [
        Line(
            f"{RACERS} posters, {OPERATORS} × {PLACES} places, {RACED}: assigned",
            str(ours.assigned),
            f"plain, {PLAIN_RACERS} posters: {plain.assigned} of {len(plain.calls.good)}",
            "",
            f"= {right}",
            ours.assigned == right,
        ),
        Line(
            "  operators over their limit",
            str(ours.over_limit),
            f"plain {plain.over_limit}",
            "",
            "= 0",
            not ours.over_limit,
        ),
        Line(
            "  failed or not answered",
            str(ours.calls.failed),
            f"plain {plain.calls.failed}",
            "",
            "= 0",
            not ours.calls.failed and ours.calls.asked == RACED,
        ),
        Line("  answered and not stored", str(ours.lost), f"plain {max(plain.lost, 0)}", "", "= 0", ours.lost == 0),
    ]


async def _run_race(server: Server, racers: int) -> Raced:
    source_id = await open_office(server, limit=PLACES)
    requests = itertools.islice(registrations(source_id), RACED)
    calls = await aside(call(server.port, requests, at_once=racers, seconds=RACE_SECONDS))
    loads = Counter(one.read()["operator_id"] for one in calls.good)
    del loads[None]
    assert server.path is not None
    with closing(sqlite3.connect(server.path)) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM contacts").fetchone()
    return Raced(calls, loads.total(), sum(one > PLACES for one in loads.values()), stored)


# --- a million stored -------------------------------------------------------------------------------------------------

READ = {
    "GET /dashboard/operator_stats": "/dashboard/operator_stats",
    "GET /dashboard/source_stats": "/dashboard/source_stats",
    "GET /leads/, 100 of them": "/leads/?limit=100",
    "GET /api/v1/contacts/, 100 of them": "/api/v1/contacts/?limit=100",
}


async def _stored(folder: Path, million: Path) -> list[Line]:
    async with http_servers.ours(folder / "few.db") as few, http_servers.ours(million) as many:
        offices = {server: await open_office(server) for server in (few, many)}
        lines = [await _read(many, what, path) for what, path in READ.items()]
        lines.append(await _read_under_load(many, offices[many]))
        rates: dict[Server, list[float]] = {few: [], many: []}
        for server in (few, many) * ROUNDS:
            rates[server].append((await register(server, offices[server], at_once=16)).rate)
    without, with_million = median(rates[few]), median(rates[many])
    part = with_million / without
    slower = Line(
        "16 at once, 1,000,000 contacts stored",
        f"{with_million:,.0f}/s",
        f"none {without:,.0f}/s",
        f"{part:.2f}",
        f"≥ {1 - MOST_LOSS}",
        part >= 1 - MOST_LOSS,
    )
    return [slower, *lines]


async def _read(server: Server, what: str, path: str) -> Line:
    calls = await aside(call(server.port, [get(path)] * READINGS))
    taken, worst = calls.within(50), calls.within(100)
    return Line(
        what,
        f"{taken * 1000:.1f} ms",
        f"slowest {worst * 1000:.1f} ms",
        "",
        f"< {MOST_READING * 1000:.0f} ms",
        taken < MOST_READING and len(calls.good) == READINGS,
    )


async def _read_under_load(server: Server, source_id: int) -> Line:
    """A reader of lists while sixteen callers write: he shares the processor with them, but waits for no lock."""
    requests = itertools.repeat(get("/api/v1/contacts/?limit=100"))
    alone = await aside(call(server.port, requests, seconds=SECONDS))

    async def both() -> tuple[Calls, Calls]:
        reading = call(server.port, requests, seconds=SECONDS)
        return await asyncio.gather(reading, call(server.port, registrations(source_id), at_once=16, seconds=SECONDS))

    beside, writing = await aside(both())
    return Line(
        f"  while 16 write {writing.rate:,.0f}/s: p50 / p99",
        _both(beside),
        f"alone {_both(alone)}",
        f"{beside.within(50) / alone.within(50):.1f}",
    )
