"""How the team and its sources were when a period began, from what happened then and since.

What somebody was in the first decision that has them, they were from the beginning, unless that was changed before.
Else it is as it was last set before the period; what nothing tells of is as it is now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from crm_core import events
from crm_core.hours.stored import readable
from crm_core.replay.history import ContactFacts, History, Line, OperatorState, SourceState, Step
from crm_core.replay.rows import Rows
from crm_core.replay.settings import AT_FIRST, Key, set_by, told_before
from crm_core.routing.choose import SourceExclusion
from crm_core.routing.decisions import Decision

Reach = tuple[Line, int]
"""Whether contacts of a line reach an operator."""


def begin(history: History, rows: Rows, later: Iterable[Step]) -> None:
    """Fills in the state of the beginning.

    Args:
        history: with its steps and contacts.
        later: what was set after the period.
    """
    found = _Known(rows, history.contacts)
    for step in history.steps:
        found.learn(step)
    for step in later:
        found.learn(step)
    found.recall()
    found.fill(history)


class _Known:
    """What is known of the beginning, by keys."""

    def __init__(self, rows: Rows, contacts: Mapping[int, ContactFacts]) -> None:
        self._rows, self._contacts = rows, contacts
        self._values: dict[Key | Reach, Any] = {}
        self._asked: dict[Key | Reach, Any] = {}  # what was changed first, and is to be found in earlier changes
        self._seen: set[tuple[Line, int]] = set()
        self._seen_sources: set[int] = set()
        self._speakers = {row.id: row.speaker for row in rows.sources}
        self._credits: dict[int, dict[int, int]] = {}

    def learn(self, step: Step) -> None:
        """Takes what a step tells of the time before it."""
        contact = self._contacts.get(step.contact_id or 0)
        if contact is not None:
            has_moved = step.source_id != contact.source_id  # its own bot reaches others than the source's
            if step.decision is not None and not step.decision.is_by_hand and not has_moved:
                self._learn_decision(step.decision, (contact.source_id, contact.in_telegram))
            elif step.reason == SourceExclusion.SOURCE_OFF:
                self._set(Key("is_active", contact.source_id), False)
            elif step.reason == SourceExclusion.SOURCE_CLOSED:
                self._set(Key("is_open", contact.source_id), False)
        for told, value in told_before(step):
            self._set(told, value)
        for key, value in self._changed(step):
            if key not in self._values:
                self._asked.setdefault(key, _at_first(key, value))
        if step.kind == events.OPERATOR_CHANGED and step.reason == "removed":
            for source_id in self._speakers:
                weight = Key("weight", source_id, step.operator_id or 0)
                if weight not in self._values:
                    self._asked.setdefault(weight, 0)

    def recall(self) -> None:
        """Finds what was last set before the period; where nothing was, it was as in everything new."""
        last: dict[Key | Reach, Any] = {}
        for row in self._rows.settings_before:
            last.update(self._changed(row))
        for key, before in self._asked.items():
            self._values.setdefault(key, last.get(key, before))

    def _changed(self, row: Any) -> Iterable[tuple[Key | Reach, Any]]:
        """What an event of a setting set."""
        yield from set_by(row)
        if row.kind == events.STAFF_CHANGED and row.reason in ("reached", "unreachable"):
            for source_id, bot_id in self._speakers.items():
                if bot_id == (row.data or {}).get("bot_id"):
                    for in_telegram in (False, True):
                        yield ((source_id, in_telegram), row.operator_id), row.reason == "reached"

    def _learn_decision(self, decision: Decision, line: Line) -> None:
        source_id = line[0]
        self._set(Key("is_active", source_id), True)
        self._set(Key("is_open", source_id), True)
        for one in decision.candidates:
            if (line, one.operator_id) not in self._seen:
                self._seen.add((line, one.operator_id))
                self._set(Key("weight", source_id, one.operator_id), one.weight)
                self._set(Key("limit", source_id, one.operator_id), one.limit_here)
                for name in ("limit", "is_active", "is_online", "is_on_shift", "rate"):
                    self._set(Key(name, 0, one.operator_id), getattr(one, name))
                self._set((line, one.operator_id), one.is_reachable)
        if source_id not in self._seen_sources:
            self._seen_sources.add(source_id)
            self._set(Key("strategy", source_id), decision.strategy)
            for row in self._rows.operators:
                self._set(Key("weight", source_id, row.id), 0)
        if decision.credits is not None:
            self._credits.setdefault(source_id, dict(decision.credits))

    def _set(self, key: Key | Reach, value: Any) -> None:
        if key not in self._asked:
            self._values.setdefault(key, value)

    def fill(self, history: History) -> None:
        """Writes it all down; what nothing tells of is as it is now."""
        rows, came, opened = self._rows, *_last_come(self._rows)
        for row in rows.operators:
            now = OperatorState(
                row.max_leads,
                row.is_active and row.removed_at is None,
                row.is_online,
                row.on_shift,
                row.max_held,
                row.rate,
                row.skills,
                readable(row.hours),
                row.receives_since,
            )
            history.operators[row.id] = self._then(now, Key("", 0, row.id))
            if row.receives_since is not None and row.receives_since >= rows.since:
                history.operators[row.id].came = came.get(row.id)
        weights = {(row.source_id, row.operator_id): row for row in rows.weights}
        for row in rows.sources:
            state = SourceState(
                row.strategy,
                row.is_active,
                row.sticky_days,
                row.sticky_mode,
                row.speaker,
                row.is_open,
                row.skills,
                row.priority_minutes,
                row.ramp,
                row.catch_up,
                readable(row.hours),
                row.opened_at,
                row.offer_seconds,
                row.offer_rounds,
                row.miss_limit,
                row.duty_operator_id,
            )
            history.sources[row.id] = self._then(state, Key("", row.id))
            if row.opened_at is not None and row.opened_at >= rows.since:
                history.sources[row.id].opened = opened.get(row.id)
            history.weights[row.id], history.limits[row.id] = self._at_source(row.id, weights)
            self._fill_reach(history, row)
        credits: dict[int, dict[int, int]] = {}
        for row in rows.credits:
            credits.setdefault(row.source_id, {})[row.operator_id] = row.credit
        history.credits = credits | self._credits

    def _then(self, now: Any, key: Key) -> Any:
        """A state as it is now, with what is known of it then."""
        for one in fields(now):
            setattr(now, one.name, self._values.get(key._replace(name=one.name), getattr(now, one.name)))
        return now

    def _at_source(self, source_id: int, now: Mapping[tuple[int, int], Any]) -> tuple[dict[int, int], dict[int, int]]:
        """Weights at a source, and limits there."""
        weights, limits = dict[int, int](), dict[int, int]()
        for operator in self._rows.operators:
            row = now.get((source_id, operator.id))
            weight = self._values.get(Key("weight", source_id, operator.id), 0 if row is None else row.weight)
            limit = self._values.get(Key("limit", source_id, operator.id), None if row is None else row.limit)
            if weight:
                weights[operator.id] = weight
            if limit is not None:
                limits[operator.id] = limit
        return weights, limits

    def _fill_reach(self, history: History, source: Any) -> None:
        accounts = {row.operator_id for row in self._rows.chats}
        chats = {row.operator_id for row in self._rows.chats if row.bot_id == source.speaker}
        for in_telegram in (False, True):
            line = source.id, in_telegram
            history.reach[line] = {}
            for one in self._rows.operators:
                needs_no_account = not in_telegram or source.bot_id is None
                now = one.id in chats or (one.id not in accounts and needs_no_account)
                history.reach[line][one.id] = self._values.get((line, one.id), now)


def _at_first(key: Key | Reach, value: Any) -> Any:
    """What it was before its first change."""
    if not isinstance(key, Key):
        return False
    if key.name == "is_active" and key.operator_id:
        return not value  # whether one was active at first, no event says
    if key.name == "limit" and key.source_id:
        return None
    return AT_FIRST.get(key.name, 0)


def _last_come(rows: Rows) -> tuple[dict[int, int], dict[int, int]]:
    """When each operator came last before the period, and when each source opened, as far as events say it."""
    came, opened = dict[int, int](), dict[int, int]()
    for row in rows.settings_before:
        for (name, source_id, operator_id), value in set_by(row):
            if value is True and name in ("is_online", "is_on_shift"):
                came[operator_id] = max(row.at, came.get(operator_id, 0))
            elif value is True and source_id and name in ("is_open", "is_active"):
                opened[source_id] = max(row.at, opened.get(source_id, 0))
    return came, opened
