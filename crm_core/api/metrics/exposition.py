"""The figures in Prometheus' words: every metric with its kind, its labels and what it means, said once here.

Names stand beside ids, so that a dashboard can be read; words of clients and tokens stand nowhere. There are as many
series as there are operators, sources, weights and bots: none is for a contact, a client or a chat.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from crm_core.api.metrics.series import Heights, Rows, of_figures, of_process
from crm_core.monitoring.metrics import Figures
from crm_core.monitoring.process_counters import ProcessCounters

OPERATOR, SOURCE, BOT = ("operator_id", "operator"), ("source_id", "source"), ("bot_id", "bot")
BOTH = (*SOURCE, *OPERATOR)

METRICS: dict[str, tuple[str, Sequence[str], str]] = {
    "operator_load": ("gauge", OPERATOR, "Open contacts that an operator holds."),
    "operator_limit": ("gauge", OPERATOR, "Open contacts that an operator may hold."),
    "operator_eligible": (
        "gauge", BOTH, "1 if an operator with a weight at a source could get its next contact, else 0."
    ),
    "operator_kept_out": (
        "gauge", (*BOTH, "reason"), "1 while an operator could not get a source's next contact, for this reason."
    ),
    "share_planned": ("gauge", BOTH, "An operator's weight of all weights at the source now, from 0 to 1."),
    "share_actual": ("gauge", BOTH, "An operator's part of the source's contacts that have one, from 0 to 1."),
    "contacts_held": ("gauge", BOTH, "Contacts of the source that an operator has, or had when they were closed."),
    "contacts_opened_total": ("counter", SOURCE, "Contacts that were opened."),
    "contacts_unassigned": ("gauge", (), "Contacts, closed ones too, that have no operator."),
    "contacts_unassigned_share": ("gauge", (), "Contacts without an operator as a part of all, from 0 to 1."),
    "queue_length": ("gauge", SOURCE, "Contacts that wait for an operator."),
    "queue_oldest_age_seconds": (
        "gauge", SOURCE, "How long ago the oldest waiting contact was opened; 0 if none waits."
    ),
    "time_to_assignment_seconds": ("histogram", (), "From a contact's opening to its first operator."),
    "time_to_take_seconds": ("histogram", (), "From a contact's opening to its first take."),
    "time_to_first_reply_seconds": ("histogram", (), "From a contact's opening to its first reply."),
    "inbox_depth": ("gauge", BOT, "Updates that are not finished."),
    "inbox_oldest_age_seconds": ("gauge", BOT, "How long ago the oldest unfinished update came; 0 if there is none."),
    "outbox_depth": ("gauge", BOT, "What is to be sent and is not yet."),
    "outbox_oldest_age_seconds": (
        "gauge", BOT, "How long the oldest of what is to be sent has waited, flood waits included; 0 if nothing is."
    ),
    "bot_state": ("gauge", (*BOT, "state"), "1 for the state in which this process sees a bot, 0 for the others."),
    "deliveries_total": ("counter", (*BOT, "verdict", "reason"), "Attempts to send, by what they meant and why."),
    "flood_waits_total": ("counter", BOT, "Requests that Telegram answered with 429, whatever they were for."),
    "update_lag_seconds": (
        "histogram", BOT,
        "From when something happened at Telegram, in whole seconds, to its effect; presses of buttons have no moment.",
    ),
    "statistics_behind_events": (
        "gauge", (), "Events not yet in the figures; above 0 while sums are made anew, and totals are left out."
    ),
    "database_up": ("gauge", (), "1 if the database could be read, else 0."),
    "build_info": ("gauge", ("version",), "1, with the version that runs."),
}  # fmt: skip
"""Kind, labels and meaning of each metric, whose full name begins with `mini_crm_`."""


class Exposition:
    """The text of `/metrics`, made of what the database tells and of what the process counts: a collector."""

    def __init__(self, *, counts: ProcessCounters, version: str) -> None:
        self._counts, self._version = counts, version
        self._figures: Figures | None = None
        self._now: datetime
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def text(self, figures: Figures | None, *, now: datetime) -> bytes:
        """The text.

        Args:
            figures: None while the database cannot be read; then only the process speaks.
        """
        self._figures, self._now = figures, now
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics; one without a number now has its name and meaning nevertheless."""
        rows = of_process(self._counts)
        if self._figures is not None:
            rows |= of_figures(self._figures, self._now)
        rows["database_up"] = [((), int(self._figures is not None))]
        rows["build_info"] = [((self._version,), 1)]
        for name in METRICS:
            yield _metric(name, rows.get(name, ()))


def _metric(name: str, rows: Rows) -> Metric:
    kind, labels, meaning = METRICS[name]
    metric: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
    families = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    metric = families[kind](f"mini_crm_{name}", meaning, labels=labels)
    for values, number in rows:
        shown = [str(one) for one in values]
        if isinstance(metric, HistogramMetricFamily):
            assert isinstance(number, Heights)
            bounds = (*map(str, number.bounds), "+Inf")
            metric.add_metric(shown, list(zip(bounds, number.within, strict=True)), number.total)
        else:
            assert not isinstance(number, Heights)
            metric.add_metric(shown, number)
    return metric
