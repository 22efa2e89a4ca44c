"""All metrics for Prometheus, each with its type, its labels and its meaning.

Labels have names beside ids, so that dashboards are readable; message content and tokens never appear. The number of
series grows with operators, sources, weights and bots, never with contacts, clients or chats.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from crm_core.api.metrics.series import HistogramValue, Rows, of_figures, of_process
from crm_core.monitoring.metrics import Figures
from crm_core.monitoring.process_counters import ProcessCounters

OPERATOR, SOURCE, BOT = ("operator_id", "operator"), ("source_id", "source"), ("bot_id", "bot")
BOTH = (*SOURCE, *OPERATOR)

METRICS: dict[str, tuple[str, Sequence[str], str]] = {
    "operator_load": ("gauge", OPERATOR, "Open contacts that an operator holds."),
    "operator_limit": ("gauge", OPERATOR, "Open contacts that an operator may hold at once."),
    "operator_eligible": (
        "gauge", BOTH, "1 if an operator with a weight at a source could get its next contact, else 0."
    ),
    "operator_kept_out": (
        "gauge", (*BOTH, "reason"), "1 while an operator could not get a source's next contact, for this reason."
    ),
    "operator_credit": (
        "gauge", BOTH,
        "Contacts that an operator is owed at a source with exact shares; below 0 if they had more than their share.",
    ),
    "operator_missed_offers": ("gauge", OPERATOR, "Offers that an operator has missed one after the other."),
    "contacts_offered": ("gauge", SOURCE, "Contacts that are offered to an operator who has not taken them yet."),
    "share_planned": ("gauge", BOTH, "An operator's weight as a part of all weights at the source now, from 0 to 1."),
    "share_actual": ("gauge", BOTH, "An operator's part of the source's contacts that have an operator, from 0 to 1."),
    "contacts_held": ("gauge", BOTH, "Contacts of the source that an operator holds, or held when they were closed."),
    "contacts_opened_total": ("counter", SOURCE, "Contacts that were opened."),
    "contacts_unassigned": ("gauge", (), "Contacts without an operator, including closed ones."),
    "contacts_unassigned_share": ("gauge", (), "Contacts without an operator as a part of all contacts, from 0 to 1."),
    "queue_length": ("gauge", SOURCE, "Contacts that are waiting for an operator."),
    "queue_oldest_age_seconds": (
        "gauge", SOURCE, "How long ago the oldest waiting contact was opened; 0 if none waits."
    ),
    "service_overdue": (
        "gauge", (*SOURCE, "measure"), "Open contacts that are over a target of the source and wait."
    ),
    "time_to_assignment_seconds": ("histogram", (), "Time from opening a contact to its first operator."),
    "time_to_take_seconds": ("histogram", (), "Time from opening a contact to its first take."),
    "time_to_first_reply_seconds": ("histogram", (), "Time from opening a contact to its first reply."),
    "inbox_depth": ("gauge", BOT, "Updates that are not finished yet."),
    "inbox_oldest_age_seconds": ("gauge", BOT, "Age of the oldest unfinished update; 0 if there is none."),
    "outbox_depth": ("gauge", BOT, "Outgoing messages that are not sent yet."),
    "outbox_oldest_age_seconds": (
        "gauge",
        BOT,
        "How long the oldest unsent message has waited, including flood waits, without those of forums; "
        "0 if there is none.",
    ),
    "bot_state": ("gauge", (*BOT, "state"), "1 for the state of a bot in this process, 0 for all other states."),
    "circuit_state": (
        "gauge", (*BOT, "state"),
        "1 for the state of a bot's way to Telegram: closed (it works), open (all waits), or trial.",
    ),
    "gates_shut": (
        "gauge", (*BOT, "scope"), "Flood waits that are not over: of chats, of methods, or of the bot as a whole."
    ),
    "gates_shut_seconds": ("gauge", BOT, "Until the last of these flood waits is over; 0 if there is none."),
    "deliveries_total": ("counter", (*BOT, "verdict", "reason"), "Attempts to send, by verdict and reason."),
    "flood_waits_total": ("counter", BOT, "Requests of any kind that Telegram answered with 429."),
    "update_lag_seconds": (
        "histogram", BOT,
        "From the time of an event in Telegram, in whole seconds, to its effect; button presses have no time.",
    ),
    "statistics_behind_events": (
        "gauge", (), "Events that are not counted yet; above 0 while totals are rebuilt, which are left out meanwhile."
    ),
    "database_up": ("gauge", (), "1 if the database could be read, else 0."),
    "build_info": ("gauge", ("version",), "Always 1; the label is the running version."),
}  # fmt: skip
"""Type, labels and meaning of each metric, whose full name begins with `mini_crm_`."""


class Exposition:
    """The text of `/metrics`, from figures of the database and counters of the process. A Prometheus collector."""

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
            figures: of the database; None while it cannot be read.
        """
        self._figures, self._now = figures, now
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics. One without values still has its name and meaning."""
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
            assert isinstance(number, HistogramValue)
            bounds = (*map(str, number.bounds), "+Inf")
            metric.add_metric(shown, list(zip(bounds, number.within, strict=True)), number.total)
        else:
            assert not isinstance(number, HistogramValue)
            metric.add_metric(shown, number)
    return metric
