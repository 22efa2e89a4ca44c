"""The team and its sources as time passes: what steps change of them, except for what is to be as somebody wishes."""

from copy import copy
from datetime import datetime

from crm_core import events
from crm_core.hours.stored import readable
from crm_core.replay.changes import Changes
from crm_core.replay.history import History, Line, OperatorState, SourceState, Step
from crm_core.routing.returns import ReturnReason
from crm_core.storage.types import EPOCH, MILLISECOND

SETTINGS = frozenset((events.OPERATOR_CHANGED, events.SOURCE_CHANGED, events.WEIGHT_CHANGED, events.STAFF_CHANGED))
"""The kinds of events that change who could get a contact."""


def moment(at: int) -> datetime:
    """A moment in milliseconds since 1970, as calendars take it."""
    return EPOCH + MILLISECOND * at


class World:
    """Who works where, and who is there. Nothing of contacts."""

    def __init__(self, history: History, changes: Changes) -> None:
        self._changes = changes
        self.operators: dict[int, OperatorState] = {one: copy(state) for one, state in history.operators.items()}
        self.sources: dict[int, SourceState] = {one: copy(state) for one, state in history.sources.items()}
        self.weights: dict[int, dict[int, int]] = {one: dict(theirs) for one, theirs in history.weights.items()}
        self.reach: dict[Line, dict[int, bool]] = {line: dict(theirs) for line, theirs in history.reach.items()}
        for (source_id, operator_id), weight in changes.weights.items():
            self._set_weight(source_id, operator_id, weight)
        for operator_id, limit in changes.limits.items():
            self.operators[operator_id].limit = limit
        for source_id, strategy in changes.strategies.items():
            self.sources[source_id].strategy = strategy
        for operator_id in changes.hours:
            self.turn(operator_id, history.since)

    def turn(self, operator_id: int, at: int) -> None:
        """Brings an operator whose hours are changed on or off shift, as these say."""
        hours = self._changes.hours[operator_id]
        self.operators[operator_id].is_on_shift = hours is None or hours.takes(moment(at))

    def apply(self, step: Step) -> None:
        """Changes what a step changed, unless that is to be otherwise."""
        match step.kind:
            case events.OPERATOR_CHANGED if step.operator_id is not None:
                self._change_operator(step, step.operator_id)
            case events.WEIGHT_CHANGED if step.source_id is not None and step.operator_id is not None:
                if (step.source_id, step.operator_id) not in self._changes.weights:
                    self._set_weight(step.source_id, step.operator_id, (step.data or {})["weight"])
            case events.SOURCE_CHANGED if step.source_id is not None:
                self._change_source(step, step.source_id)
            case events.STAFF_CHANGED if step.operator_id is not None and step.reason in ("reached", "unreachable"):
                self._set_reach(step.operator_id, (step.data or {}).get("bot_id"), step.reason == "reached")

    def leaves(self, step: Step) -> tuple[int, int | None] | None:
        """Who holds nothing any more after a step: an operator, and the bot whose contacts are meant, None for all.

        They get no more of these either, though the event that says so may follow the contacts that went back.
        """
        operator_id, bot_id = step.operator_id, None
        if operator_id is None:
            return None
        if step.reason in ("removed", ReturnReason.OPERATOR_REMOVED):
            self._operator(operator_id).is_active = False
        elif step.reason in ("unreachable", ReturnReason.OPERATOR_UNREACHABLE):
            bot_id = (step.data or {}).get("bot_id") or self._bot_of(step.source_id)
            self._set_reach(operator_id, bot_id, False)
        elif step.reason == ReturnReason.OPERATOR_REPLACED:
            for theirs in self.reach.values():
                theirs[operator_id] = False
        else:
            return None
        return operator_id, bot_id

    def _bot_of(self, source_id: int | None) -> int | None:
        source = self.sources.get(source_id or 0)
        return None if source is None else source.bot_id

    def _operator(self, operator_id: int) -> OperatorState:
        return self.operators.setdefault(operator_id, OperatorState(limit=0))

    def _change_operator(self, step: Step, operator_id: int) -> None:
        one, data = self._operator(operator_id), step.data or {}
        has_own_hours = operator_id in self._changes.hours
        match step.reason:
            case "limit" | "added" if operator_id not in self._changes.limits:
                one.limit = data.get("limit", one.limit)
            case "activated" | "deactivated":
                one.is_active = step.reason == "activated"
            case "online" | "offline":
                one.is_online = step.reason == "online"
            case "shift_began" | "shift_ended" if not has_own_hours:
                one.is_on_shift = step.reason == "shift_began"
            case "hours" | "hours_unreadable" if not has_own_hours:
                hours = readable(data.get("hours"))
                one.is_on_shift = hours is None or hours.takes(moment(step.at))
            case "removed":
                one.is_active = False
                for theirs in self.weights.values():
                    theirs.pop(operator_id, None)

    def _change_source(self, step: Step, source_id: int) -> None:
        source = self.sources.setdefault(source_id, SourceState("random"))
        reason = step.reason or ""
        if reason in ("switched_on", "switched_off"):
            source.is_active = reason == "switched_on"
        elif reason.startswith("strategy_") and source_id not in self._changes.strategies:
            source.strategy = reason.removeprefix("strategy_")
        elif reason == "sticky":
            source.sticky_days = (step.data or {}).get("sticky_days", source.sticky_days)
            source.sticky_mode = (step.data or {}).get("sticky_mode", source.sticky_mode)
        elif reason == "removed":
            self.weights.pop(source_id, None)

    def _set_weight(self, source_id: int, operator_id: int, weight: int) -> None:
        theirs = self.weights.setdefault(source_id, {})
        if weight:
            theirs[operator_id] = weight
        else:
            theirs.pop(operator_id, None)

    def _set_reach(self, operator_id: int, bot_id: int | None, is_reached: bool) -> None:
        for source_id, source in self.sources.items():
            if source.bot_id == bot_id:
                for in_telegram in (False, True):
                    self.reach.setdefault((source_id, in_telegram), {})[operator_id] = is_reached
