"""The current values of each metric of `crm_core.api.metrics.exposition`, from the database and the process."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_core.monitoring.metrics import Figures
from crm_core.monitoring.process_counters import LAGS, ProcessCounters
from crm_core.routing.credits import UNIT
from crm_core.service.targets import Measure
from crm_core.statistics import Durations, ShareNumbers, Statistics

DURATION_BOUNDS = (1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200)
"""Bounds of the histograms of durations, in seconds."""

STATES = ("starting", "running", "refused", "conflict", "no_webhook", "away", "standby")
CIRCUIT_STATES = ("closed", "open", "trial")
GATES = ("bot", "chat", "method")
REMOVED = ("removed", "removed")
"""Labels of all removed operators together, so that their series do not accumulate."""


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """A histogram: the number within each bound, then of all; and the sum of the values."""

    bounds: Sequence[int]
    within: Iterable[int]
    total: float


Rows = Iterable[tuple[Sequence[object], float | HistogramValue]]
"""Values of the labels, each with the value of the metric."""


def of_process(counts: ProcessCounters) -> dict[str, Rows]:
    """Metrics of the bots that this process runs."""
    bots = counts.bots()
    named = {bot_id: (bot_id, one.username or "") for bot_id, one in bots.items()}
    # Prometheus sees no increase in a series that begins at 1, so this one begins at 0.
    attempts = {(bot_id, "sent", "ok"): 0 for bot_id in bots} | counts.attempts
    return {
        "bot_state": [
            ((*named[bot_id], state), int(one.state == state)) for bot_id, one in bots.items() for state in STATES
        ],
        "circuit_state": [
            ((*named[bot_id], state), int(one.circuit == state))
            for bot_id, one in bots.items()
            for state in CIRCUIT_STATES
        ],
        "gates_shut": [
            ((*named[bot_id], of), len(one.gates.get(of, ()))) for bot_id, one in bots.items() for of in GATES
        ],
        "gates_shut_seconds": [
            (named[bot_id], max(itertools.chain.from_iterable(one.gates.values()), default=0.0))
            for bot_id, one in bots.items()
        ],
        "deliveries_total": [((*named[bot_id], *why), n) for (bot_id, *why), n in attempts.items() if bot_id in named],
        "flood_waits_total": [(labels, counts.flood_waits[bot_id]) for bot_id, labels in named.items()],
        "update_lag_seconds": [
            (labels, HistogramValue(LAGS, itertools.accumulate(counts.lags[bot_id].numbers), counts.lags[bot_id].total))
            for bot_id, labels in named.items()
        ],
    }


def of_figures(figures: Figures, now: datetime) -> dict[str, Rows]:
    """Metrics from the database."""
    numbers = figures.numbers
    found: dict[str, Rows] = {
        **_operators(numbers),
        **_eligibility(figures),
        **_queues(numbers, now),
        **_workloads(figures, now),
        **_offers(figures),
        "service_overdue": _overdue(figures),
        "share_planned": _shares(numbers, lambda one: one.planned),
        "statistics_behind_events": [((), numbers.behind)],
    }
    # While totals are rebuilt, they are too low; Prometheus then continues from the last ones that it has.
    return found if numbers.behind else {**found, **_sums(numbers)}


def _operators(numbers: Statistics) -> dict[str, Rows]:
    staff = [((one.facts.id, one.facts.name), one.facts) for one in numbers.operators]
    return {
        "operator_load": [(labels, one.current_leads) for labels, one in staff],
        "operator_limit": [(labels, one.max_leads) for labels, one in staff],
    }


def _eligibility(figures: Figures) -> dict[str, Rows]:
    sources = {one.source.id: one.source.name for one in figures.numbers.sources}
    operators = {one.facts.id: one.facts.name for one in figures.numbers.operators}
    rows = [
        ((one.source_id, sources[one.source_id], one.operator_id, operators[one.operator_id]), one.why_not)
        for one in figures.standings
    ]
    return {
        "operator_eligible": [(labels, int(why_not is None)) for labels, why_not in rows],
        "operator_kept_out": [((*labels, why_not), 1) for labels, why_not in rows if why_not is not None],
    }


def _offers(figures: Figures) -> dict[str, Rows]:
    sources = {one.source.id: one.source for one in figures.numbers.sources}
    operators = {one.facts.id: one.facts for one in figures.numbers.operators}
    return {
        "contacts_offered": [((one.id, one.name), figures.offers.get(one.id, 0)) for one in sources.values()],
        "operator_missed_offers": [((one.id, one.name), one.missed_offers) for one in operators.values()],
        "operator_credit": [
            ((source_id, sources[source_id].name, operator_id, operators[operator_id].name), credit / UNIT)
            for (source_id, operator_id), credit in figures.credits.items()
            if sources[source_id].strategy == "exact" and operator_id in operators
        ],
    }


def _overdue(figures: Figures) -> Rows:
    """Of each target that is set, so that a series does not vanish when nothing is over it."""
    for one in figures.numbers.sources:
        for measure in Measure:
            if measure in (one.source.sla or {}):
                labels = (one.source.id, one.source.name, measure.value)
                yield labels, figures.overdue.get((one.source.id, measure), 0)


def _queues(numbers: Statistics, now: datetime) -> dict[str, Rows]:
    queues = [((one.source.id, one.source.name), one) for one in numbers.sources]
    return {
        "queue_length": [(labels, one.waiting) for labels, one in queues],
        "queue_oldest_age_seconds": [(labels, _age(one.oldest, now)) for labels, one in queues],
    }


def _workloads(figures: Figures, now: datetime) -> dict[str, Rows]:
    loads = [((one.bot_id, one.username), one) for one in figures.workloads]
    return {
        "inbox_depth": [(labels, one.updates) for labels, one in loads],
        "inbox_oldest_age_seconds": [(labels, _age(one.oldest_update, now)) for labels, one in loads],
        "outbox_depth": [(labels, one.unsent) for labels, one in loads],
        "outbox_oldest_age_seconds": [(labels, _age(one.oldest_unsent, now)) for labels, one in loads],
    }


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _sums(numbers: Statistics) -> dict[str, Rows]:
    share = numbers.unassigned_share
    return {
        "share_actual": _shares(numbers, lambda one: one.actual),
        "contacts_held": _shares(numbers, lambda one: one.contacts),
        "contacts_opened_total": [((one.source.id, one.source.name), one.contacts) for one in numbers.sources],
        "contacts_unassigned": [((), numbers.unassigned)],
        "contacts_unassigned_share": [] if share is None else [((), share)],
        "time_to_assignment_seconds": _durations(numbers.to_assignment),
        "time_to_take_seconds": _durations(numbers.to_take),
        "time_to_first_reply_seconds": _durations(numbers.to_reply),
    }


def _durations(found: Durations) -> Rows:
    return [
        (
            (),
            HistogramValue(
                DURATION_BOUNDS, (*found.cumulated(DURATION_BOUNDS), found.count), found.histogram.total / 1000
            ),
        )
    ]


def _shares(numbers: Statistics, of: Callable[[ShareNumbers], float | None]) -> Rows:
    """A number of each operator at each source; sources where there is no such number are left out."""
    for one in numbers.sources:
        for labels, theirs in _together(one.shares):
            known = [number for share in theirs if (number := of(share)) is not None]
            if known:
                yield (one.source.id, one.source.name, *labels), sum(known)


def _together(shares: Sequence[ShareNumbers]) -> Iterator[tuple[tuple[object, object], Sequence[ShareNumbers]]]:
    """The shares of each operator, and those of all removed operators together."""
    gone = []
    for one in shares:
        if one.is_removed:
            gone.append(one)
        else:
            yield (one.operator_id, one.operator), [one]
    if gone:
        yield REMOVED, gone
