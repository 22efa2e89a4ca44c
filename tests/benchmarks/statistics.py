"""Reading statistics with a million contacts stored: `operator_stats`, `source_stats`, /stats and /metrics."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crm_core import statistics
from crm_core.api.metrics.exposition import Exposition
from crm_core.monitoring import metrics
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.statistics import Period, recount
from crm_core.storage.database import Database, open_database
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.table import Row

MAX_SECONDS = 0.05
_COUNTS = 3  # how often the contacts are counted, which takes long


async def measure(context: Context) -> Rows:
    """Reads each of the statistics, beside counting the contacts, then folds what the readings found unfolded."""
    template = await context.databases.with_contacts()
    db = open_database(f"sqlite:///{template.copy_into(context.folder)}")
    sizes = context.sizes
    try:
        counting = await _median_seconds(db, recount.by_source, times=_COUNTS)
        for name, query in _queries(datetime.now(UTC)).items():
            taken = await _median_seconds(db, query, times=sizes.statistics_reads)
            yield _row(f"{name}, {sizes.contacts:,} contacts", taken, counting if name.endswith("_stats") else None)
        begun = time.perf_counter()
        await db.write_unflushed(statistics.fold)
        taken = time.perf_counter() - begun
        yield Row(f"folding {sizes.unfolded_events:,} events", f"{taken * 1000:.1f} ms")
    finally:
        await db.close()
    yield Row("folding all other events", f"{template.folding_seconds:.0f} s")


def _queries(now: datetime) -> dict[str, Callable[..., Any]]:
    return {
        "operator_stats": statistics.operator_stats,
        "source_stats": statistics.source_stats,
        "/stats, today": _overview(Period.TODAY, now),
        "/stats, 30 days": _overview(Period.MONTH, now),
        "/stats, all time": _overview(Period.ALL, now),
        "/metrics": lambda s: Exposition(counts=ProcessCounters(), version="").text(metrics.figures(s), now=now),
        "picture, days of all time": lambda s: statistics.arrivals(s, since=None),
    }


def _overview(period: Period, now: datetime) -> Callable[..., Any]:
    since = statistics.beginning(period, now=now, zone=UTC)
    return lambda s: statistics.overview(s, since=since)


def _row(what: str, taken: float, counting: float | None) -> Row:
    """A row for one query.

    Args:
        taken: seconds.
        counting: seconds that it takes to count the contacts instead, where that gives the same figures.
    """
    return Row(
        what,
        f"{taken * 1000:.1f} ms",
        "" if counting is None else f"counting contacts {counting * 1000:,.0f} ms",
        "" if counting is None else f"{counting / taken:.0f}",
        f"< {MAX_SECONDS * 1000:.0f} ms",
        taken < MAX_SECONDS,
    )


async def _median_seconds(db: Database, query: Callable[..., Any], *, times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await db.read(query)
        taken.append(time.perf_counter() - begun)
    return median(taken)
