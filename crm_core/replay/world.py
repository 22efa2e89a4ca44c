"""The team and its sources as time passes: what steps change of them, except for what is to be as somebody wishes."""

from copy import copy
from datetime import datetime
from typing import Any

from crm_core import events
from crm_core.replay.changes import Changes
from crm_core.replay.history import History, Line, OperatorState, SourceState, Step
from crm_core.replay.settings import Key, set_by
from crm_core.routing.returns import ReturnReason
from crm_core.routing.working_time import ALWAYS, EVER, WorkingTime
from crm_core.storage.types import EPOCH, MILLISECOND

SETTINGS = frozenset((events.OPERATOR_CHANGED, events.SOURCE_CHANGED, events.WEIGHT_CHANGED, events.STAFF_CHANGED))
"""The kinds of events that change who could get a contact."""


def moment(at: int) -> datetime:
    """A moment in milliseconds since 1970, as calendars take it."""
    return EPOCH + MILLISECOND * at


def in_milliseconds(at: datetime) -> int:
    """A moment of a calendar in milliseconds since 1970."""
    return (at - EPOCH) // MILLISECOND


class World:
    """Who works where, and who is there. Nothing of contacts.

    Attributes:
        times: the working time of sources that have hours, or had them.
    """

    def __init__(self, history: History, changes: Changes) -> None:
        self._changes = changes
        self.operators: dict[int, OperatorState] = {one: copy(state) for one, state in history.operators.items()}
        self.sources: dict[int, SourceState] = {one: copy(state) for one, state in history.sources.items()}
        self.weights: dict[int, dict[int, int]] = {one: dict(theirs) for one, theirs in history.weights.items()}
        self.limits: dict[int, dict[int, int]] = {one: dict(theirs) for one, theirs in history.limits.items()}
        self.reach: dict[Line, dict[int, bool]] = {line: dict(theirs) for line, theirs in history.reach.items()}
        for key, value in changes.values.items():
            self._put(key, value, history.since)
        self.times = {one: WorkingTime(((EVER, source.hours),)) for one, source in self.sources.items()}
        for key in changes.values:
            if key.name == "hours":
                self.turn(key, history.since)

    def turn(self, hours: Key, at: int) -> None:
        """Brings an operator or a source on or off shift as their hours say, which are to be otherwise."""
        calendar = self._changes.values[hours]
        name = "is_on_shift" if hours.operator_id else "is_open"
        self._put(hours._replace(name=name), calendar is None or calendar.takes(moment(at)), at)

    def apply(self, step: Step) -> None:
        """Changes what a step changed, unless that is to be otherwise."""
        for key, value in set_by(step):
            if not self._changes.cover(key) or step.reason == "removed":
                self._put(key, value, step.at)
                if key.name == step.reason == "hours" and key.source_id:
                    time = self.times.get(key.source_id, ALWAYS)
                    self.times[key.source_id] = time.changed(moment(step.at), value)
        if step.kind == events.STAFF_CHANGED and step.operator_id and step.reason in ("reached", "unreachable"):
            self._set_reach(step.operator_id, (step.data or {}).get("bot_id"), step.reason == "reached")
        if step.kind == events.OPERATOR_CHANGED and step.reason == "removed":
            for theirs in self.weights.values():
                theirs.pop(step.operator_id or 0, None)
        if step.kind == events.SOURCE_CHANGED and step.reason == "removed":
            self.weights.pop(step.source_id or 0, None)

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

    def go_offline(self, operator_id: int, at: int) -> None:
        """An operator is set offline, until they come online."""
        self._put(Key("is_online", 0, operator_id), False, at)

    def _bot_of(self, source_id: int | None) -> int | None:
        source = self.sources.get(source_id or 0)
        return None if source is None else source.bot_id

    def _operator(self, operator_id: int) -> OperatorState:
        return self.operators.setdefault(operator_id, OperatorState(limit=0))

    def _put(self, key: Key, value: Any, at: int) -> None:
        name, source_id, operator_id = key
        if source_id and operator_id:
            theirs = (self.weights if name == "weight" else self.limits).setdefault(source_id, {})
            if value:
                theirs[operator_id] = value
            else:
                theirs.pop(operator_id, None)
        elif operator_id:
            operator = self._operator(operator_id)
            was_there = operator.is_there
            setattr(operator, name, value)
            if operator.is_there and not was_there:
                operator.came = at
        elif source_id:
            source = self.sources.setdefault(source_id, SourceState("random"))
            gave_out = source.gives_out
            setattr(source, name, value)
            if source.gives_out and not gave_out:
                source.opened = at

    def _set_reach(self, operator_id: int, bot_id: int | None, is_reached: bool) -> None:
        for source_id, source in self.sources.items():
            if source.bot_id == bot_id:
                for in_telegram in (False, True):
                    self.reach.setdefault((source_id, in_telegram), {})[operator_id] = is_reached
