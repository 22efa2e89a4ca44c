"""Statistics, each figure defined once: contacts per operator, planned and actual shares, and durations.

All are computed from contacts and their events (docs/statistics.md). They are read from stored sums, to which events
are added in the background, so that reading a million contacts costs no more than reading ten:

    numbers = await db.read(statistics.overview, since=statistics.beginning(Period.WEEK, now=clock(), zone=zone))
    days = await db.read(statistics.arrivals, since=None)
    key = await db.read(statistics.version)  # a cached result is valid until this changes
"""

from crm_core.statistics.buckets import Grain
from crm_core.statistics.causes import Cause
from crm_core.statistics.dashboard import (
    AssignedStats,
    OperatorStats,
    SourceStats,
    operator_stats,
    source_stats,
)
from crm_core.statistics.durations import Durations
from crm_core.statistics.figures import (
    Arrivals,
    OperatorNumbers,
    ShareNumbers,
    SourceNumbers,
    Statistics,
    arrivals,
    overview,
)
from crm_core.statistics.folding import fold, prepare, start_again
from crm_core.statistics.gaps import Gap
from crm_core.statistics.periods import Period, beginning
from crm_core.statistics.reading import backlog, version
from crm_core.statistics.recount import Difference, differences

__all__ = [
    "Arrivals",
    "AssignedStats",
    "Cause",
    "Difference",
    "Durations",
    "Gap",
    "Grain",
    "OperatorNumbers",
    "OperatorStats",
    "Period",
    "ShareNumbers",
    "SourceNumbers",
    "SourceStats",
    "Statistics",
    "arrivals",
    "backlog",
    "beginning",
    "differences",
    "fold",
    "operator_stats",
    "overview",
    "prepare",
    "source_stats",
    "start_again",
    "version",
]
