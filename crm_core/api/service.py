"""The service level over HTTP: targets in the bodies of sources, and the report of a period."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import Field

from crm_core import statistics
from crm_core.api.call import Reading
from crm_core.api.fields import WHOLE, Body, Moment, Shown, example
from crm_core.api.statistics import DaysQuery
from crm_core.service import breaches
from crm_core.service.breaches import Breach, BreachCause, Kept, ServiceReport
from crm_core.service.targets import LONGEST, Measure, Targets
from crm_core.statistics import Period
from crm_core.storage.config import Pool, through

router = APIRouter(tags=["statistics"])

NEWEST = 200  # breaches that an answer names
Minutes = Annotated[int, Field(ge=1, le=LONGEST), WHOLE]


class TargetsBody(Body):
    """Targets in minutes of the source's hours, or of all time if it has none. One that is left out is no target."""

    model_config = example(first_reply=15, next_reply=30, resolution=480)

    first_reply: Minutes | None = Field(default=None, description="From the opening to the first reply.")
    next_reply: Minutes | None = Field(default=None, description="From the client's words to the reply, later on.")
    resolution: Minutes | None = Field(default=None, description="From the opening to the close.")


def targets_of(given: dict[str, Any] | None) -> Targets:
    """The targets of a body."""
    return Targets(**given) if given else Targets()


class KeptShown(Shown):
    """How a target of a source was kept: `met` in time, `breached`, or still `running` and in time so far.

    `kept_share` is met / (met + breached), from 0 to 1; `causes` counts the breaches by what most of the time went by
    with: `nobody_there`, `queue` (all were full), `operator_away`, `operator_slow`.
    """

    source_id: int
    source_name: str
    measure: Measure
    met: int
    breached: int
    running: int
    kept_share: float | None
    causes: dict[BreachCause, int]


class BreachShown(Shown):
    """A clock that went over its target. Lengths are working time in seconds; `operator_id` held the contact last."""

    contact_id: int
    source_id: int
    measure: Measure
    since: Moment
    target: float
    took: float
    is_over: bool
    operator_id: int | None
    cause: BreachCause


class ServiceShown(Shown):
    """The service level of what began on the requested days; `breaches` are the newest 200.

    `is_partial` says that there are more contacts than are read at once, and older ones were left out.
    """

    kept: list[KeptShown]
    breaches: list[BreachShown]
    is_partial: bool


@router.get("/statistics/service", response_model=ServiceShown, summary="Show the service level")
async def show_service(query: Annotated[DaysQuery, Query()], call: Reading) -> Any:
    """Which targets were kept, which were not, and why. Each is measured by the hours and targets that held then."""
    since, until = query.span(call)
    if since is None and query.period is None and until is None:
        since = statistics.beginning(Period.MONTH, now=call.now, zone=ZoneInfo(call.context.timezone))
    with through(Pool.BACKGROUND):
        return _shown(await call.db.read(breaches.report, since=since, until=until, now=call.now))


def _shown(found: ServiceReport) -> dict[str, Any]:
    return {
        "kept": [_kept(found, *key, one) for key, one in sorted(found.kept.items())],
        "breaches": [_breach(one) for one in found.breaches[:NEWEST]],
        "is_partial": found.is_partial,
    }


def _kept(found: ServiceReport, source_id: int, measure: Measure, one: Kept) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "source_name": found.names[source_id],
        "measure": measure,
        "met": one.met,
        "breached": one.breached,
        "running": one.running,
        "kept_share": one.part,
        "causes": dict(one.causes),
    }


def _breach(one: Breach) -> dict[str, Any]:
    same = ("contact_id", "source_id", "measure", "since", "is_over", "operator_id", "cause")
    lengths = {"target": one.target.total_seconds(), "took": one.took.total_seconds()}
    return {**{name: getattr(one, name) for name in same}, **lengths}
