"""Statistics over HTTP: the dashboard of the first specification, and everything that /stats shows."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from crm_core import statistics
from crm_core.api.call import Reading, RequestContext
from crm_core.api.fields import Moment, Shown, example
from crm_core.api.periods import Day, span
from crm_core.statistics import Cause, Grain, Period, SourceNumbers, Statistics
from crm_core.storage.config import Pool, through

router = APIRouter(tags=["statistics"])


class OperatorStatsShown(Shown):
    """An operator's load, and the number of their contacts since the beginning."""

    model_config = example(
        operator_id=1,
        operator_name="Иван Петров",
        is_active=True,
        max_leads=15,
        current_leads=10,
        available_capacity=5,
        total_contacts=45,
    )

    operator_id: int
    operator_name: str
    is_active: bool
    max_leads: int
    current_leads: int
    available_capacity: int
    total_contacts: int


class AssignedStatsShown(Shown):
    """An operator at a source. `weight` is 0 if they have contacts there but no longer a weight."""

    operator_id: int
    operator_name: str
    weight: int
    contacts_assigned: int


class SourceStatsShown(Shown):
    """The number of a source's contacts and of each operator's, since the beginning."""

    model_config = example(
        source_id=1,
        source_name="Telegram Бот",
        total_contacts=120,
        operators=[{"operator_id": 1, "operator_name": "Иван Петров", "weight": 30, "contacts_assigned": 36}],
    )

    source_id: int
    source_name: str
    total_contacts: int
    operators: list[AssignedStatsShown]


@router.get("/dashboard/operator_stats", response_model=list[OperatorStatsShown], summary="Show figures of operators")
async def operator_stats(call: Reading) -> Any:
    """All operators, sorted by name."""
    with through(Pool.BACKGROUND):
        return await call.db.read(statistics.operator_stats)


@router.get("/dashboard/source_stats", response_model=list[SourceStatsShown], summary="Show figures of sources")
async def source_stats(call: Reading) -> Any:
    """All sources in order of creation, with the operators that have a weight or contacts there."""
    with through(Pool.BACKGROUND):
        return await call.db.read(statistics.source_stats)


class DaysQuery(BaseModel):
    """Which days; all of them without a parameter. Several parameters apply together."""

    model_config = ConfigDict(extra="forbid")

    period: Annotated[Period | None, Field(description="The most recent days, including today.")] = None
    from_: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    to: Annotated[Day | None, Field(description="The last day.")] = None

    def span(self, call: RequestContext) -> tuple[datetime | None, datetime | None]:
        """The beginning and the end of the days; None where it is open."""
        zone = call.context.timezone
        since, until = span(self.from_, self.to, zone)
        begun = statistics.beginning(self.period or Period.ALL, now=call.now, zone=ZoneInfo(zone))
        return max(filter(None, (since, begun)), default=None), until


class ArrivalsQuery(DaysQuery):
    """Which days, and in what steps."""

    by: Annotated[Grain, Field(description="The length of a step.")] = Grain.DAY


class OperatorNumbersShown(Shown):
    """An operator now, and the number of their contacts that were opened on the requested days."""

    operator_id: int
    operator_name: str
    is_active: bool
    is_online: bool
    max_leads: int
    current_leads: int
    contacts: int


class ShareShown(Shown):
    """An operator's planned and actual share of a source, from 0 to 1.

    `gap` is the number of contacts above (or below) the planned share; `cause` is its main cause, `causes` the part of
    each. If there is no notable gap, `cause` is null and `causes` is empty.
    """

    operator_id: int
    operator_name: str
    is_removed: bool
    weight: int
    contacts: int
    planned_share: float | None
    actual_share: float | None
    gap: float
    cause: Cause | None
    causes: dict[Cause, float]


class SourceNumbersShown(Shown):
    """A source: its contacts that were opened on the requested days, and its queue now."""

    source_id: int
    source_name: str
    is_active: bool
    contacts: int
    waiting: int
    oldest_waiting: Moment | None
    operators: list[ShareShown]


class LengthsShown(Shown):
    """A duration in seconds: mean and 95th percentile over `contacts` contacts."""

    contacts: int
    mean: float | None
    p95: float | None


class StatisticsShown(Shown):
    """The figures of contacts that were opened on the requested days, and of the queue now.

    `behind` is the number of events that are not counted yet; 0 unless totals are being rebuilt.
    """

    contacts: int
    unassigned: int
    unassigned_share: float | None
    waiting: int
    oldest_waiting: Moment | None
    to_assignment: LengthsShown
    to_take: LengthsShown
    to_reply: LengthsShown
    operators: list[OperatorNumbersShown]
    sources: list[SourceNumbersShown]
    behind: int


class ArrivalsShown(Shown):
    """The contacts opened in a step that began at `start`, and how many of them have no operator now."""

    start: datetime
    contacts: int
    unassigned: int


@router.get("/statistics/", response_model=StatisticsShown, summary="Show all figures")
async def show_statistics(query: Annotated[DaysQuery, Query()], call: Reading) -> Any:
    """What /stats shows in Telegram: load, planned and actual shares with the causes of gaps, response times."""
    since, until = query.span(call)
    with through(Pool.BACKGROUND):
        return _shown(await call.db.read(statistics.overview, since=since, until=until))


@router.get("/statistics/arrivals", response_model=list[ArrivalsShown], summary="Show contacts over time")
async def show_arrivals(query: Annotated[ArrivalsQuery, Query()], call: Reading) -> Any:
    """By hours, days or months of the installation's time zone; steps without contacts are left out."""
    since, until = query.span(call)
    with through(Pool.BACKGROUND):
        return await call.db.read(statistics.arrivals, since=since, until=until, grain=query.by)


def _shown(found: Statistics) -> dict[str, Any]:
    lengths = {name: getattr(found, name) for name in ("to_assignment", "to_take", "to_reply")}
    unchanged = ("contacts", "unassigned", "unassigned_share", "waiting", "behind")
    return {
        **{name: getattr(found, name) for name in unchanged},
        "oldest_waiting": found.oldest,
        **{name: {"contacts": one.count, "mean": one.mean, "p95": one.p95} for name, one in lengths.items()},
        "operators": [
            {
                "operator_id": one.facts.id,
                "operator_name": one.facts.name,
                "is_active": one.facts.is_active,
                "is_online": one.facts.is_online,
                "max_leads": one.facts.max_leads,
                "current_leads": one.facts.current_leads,
                "contacts": one.contacts,
            }
            for one in found.operators
        ],
        "sources": [_source(one) for one in found.sources],
    }


def _source(one: SourceNumbers) -> dict[str, Any]:
    return {
        "source_id": one.source.id,
        "source_name": one.source.name,
        "is_active": one.source.is_active,
        "contacts": one.contacts,
        "waiting": one.waiting,
        "oldest_waiting": one.oldest,
        "operators": [
            {
                "operator_id": share.operator_id,
                "operator_name": share.operator,
                "is_removed": share.is_removed,
                "weight": share.weight,
                "contacts": share.contacts,
                "planned_share": share.planned,
                "actual_share": share.actual,
                "gap": share.gap.contacts,
                "cause": share.gap.cause,
                "causes": share.gap.parts,
            }
            for share in one.shares
        ],
    }
