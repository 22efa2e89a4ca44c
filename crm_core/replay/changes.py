"""Which settings are to be other than they were, for the whole of a period."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.replay.history import History


@dataclass(frozen=True, slots=True)
class Changes:
    """Settings that hold from the first moment of the period to the last, whatever they were.

    Attributes:
        weights: by source and operator; 0 for none.
        limits: by operator.
        strategies: by source.
        hours: by operator; None for no hours, so that contacts come whenever they are online.
    """

    weights: Mapping[tuple[int, int], int] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)
    strategies: Mapping[int, str] = field(default_factory=dict)
    hours: Mapping[int, Calendar | None] = field(default_factory=dict)

    def differ_from(self, history: History) -> bool:
        """Whether any of them was otherwise at any moment of the period."""
        weights, operators, sources = history.weights, history.operators, history.sources
        return (
            any(weights.get(source, {}).get(one, 0) != weight for (source, one), weight in self.weights.items())
            or any(operators[one].limit != limit for one, limit in self.limits.items())
            or any(sources[one].strategy != strategy for one, strategy in self.strategies.items())
            or bool(self.hours)
            or any(self._concerns(step.kind, step.source_id, step.operator_id, step.reason) for step in history.steps)
        )

    def _concerns(self, kind: str, source_id: int | None, operator_id: int | None, reason: str | None) -> bool:
        if kind == events.WEIGHT_CHANGED:
            return (source_id, operator_id) in self.weights
        if kind == events.OPERATOR_CHANGED:
            return operator_id in self.limits and reason == "limit"
        return kind == events.SOURCE_CHANGED and source_id in self.strategies and (reason or "").startswith("strategy_")
