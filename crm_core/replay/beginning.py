"""How the team and its sources were when a period began, from what happened then and since.

What somebody was in the first decision that has them, they were from the beginning, unless that was changed before.
Else it is as it was last set before the period; what nothing tells of is as it is now.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_core import events
from crm_core.hours.stored import readable
from crm_core.replay.history import ContactFacts, History, Line, OperatorState, SourceState, Step
from crm_core.replay.rows import Rows
from crm_core.replay.world import moment
from crm_core.routing.choose import SourceExclusion
from crm_core.routing.decisions import Decision

_TOGGLES = {
    "activated": ("active", True),
    "deactivated": ("active", False),
    "online": ("online", True),
    "offline": ("online", False),
    "shift_began": ("shift", True),
    "shift_ended": ("shift", False),
    "switched_on": ("on", True),
    "switched_off": ("on", False),
    "strategy_exact": ("strategy", "exact"),
    "strategy_random": ("strategy", "random"),
}
"""What a change set, by its reason."""
_NEW = {"online": True, "shift": True, "on": True, "strategy": "random", "sticky_mode": "charged", "reach": False}
"""What a new operator or source is, where that is not 0. Whether one was active at first, no event says."""

Key = tuple[Any, ...]


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
    """What is known of the beginning, by kind and ids."""

    def __init__(self, rows: Rows, contacts: Mapping[int, ContactFacts]) -> None:
        self._rows, self._contacts = rows, contacts
        self._values: dict[Key, Any] = {}
        self._asked: dict[Key, Any] = {}  # what was changed first, and is to be found in earlier changes
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
                self._set("on", contact.source_id, False)
        for key, value in self._changed(step):
            if key not in self._values:
                self._asked.setdefault(key, not value if key[0] == "active" else _NEW.get(key[0], 0))
        if step.kind == events.OPERATOR_CHANGED and step.reason == "removed":
            for source_id in self._speakers:
                if ("weight", source_id, step.operator_id) not in self._values:
                    self._asked.setdefault(("weight", source_id, step.operator_id), 0)

    def recall(self) -> None:
        """Finds what was last set before the period; where nothing was, it was as in everything new."""
        last: dict[Key, Any] = {}
        for row in self._rows.settings_before:
            last.update(self._changed(row))
        for key, before in self._asked.items():
            self._values.setdefault(key, last.get(key, before))

    def _changed(self, row: Any) -> Iterable[tuple[Key, Any]]:
        """What an event of a setting set."""
        data, reason = row.data or {}, row.reason
        match row.kind:
            case events.WEIGHT_CHANGED:
                yield ("weight", row.source_id, row.operator_id), data["weight"]
            case events.OPERATOR_CHANGED if reason in _TOGGLES:
                yield (_TOGGLES[reason][0], row.operator_id), _TOGGLES[reason][1]
            case events.OPERATOR_CHANGED if reason == "removed":
                yield ("active", row.operator_id), False
            case events.OPERATOR_CHANGED if reason in ("limit", "added"):
                yield ("limit", row.operator_id), data.get("limit", 0)
            case events.OPERATOR_CHANGED if reason in ("hours", "hours_unreadable"):
                hours = readable(data.get("hours"))
                yield ("shift", row.operator_id), hours is None or hours.takes(moment(row.at))
            case events.SOURCE_CHANGED if reason in _TOGGLES:
                yield (_TOGGLES[reason][0], row.source_id), _TOGGLES[reason][1]
            case events.SOURCE_CHANGED if reason == "sticky":
                for name, value in data.items():
                    yield (name, row.source_id), value
            case events.STAFF_CHANGED if reason in ("reached", "unreachable"):
                for source_id, bot_id in self._speakers.items():
                    if bot_id == data.get("bot_id"):
                        for in_telegram in (False, True):
                            yield ("reach", (source_id, in_telegram), row.operator_id), reason == "reached"

    def _learn_decision(self, decision: Decision, line: Line) -> None:
        source_id = line[0]
        self._set("on", source_id, True)
        for one in decision.candidates:
            if (line, one.operator_id) not in self._seen:
                self._seen.add((line, one.operator_id))
                self._set("weight", source_id, one.operator_id, one.weight)
                self._set("limit", one.operator_id, one.limit)
                self._set("active", one.operator_id, one.is_active)
                self._set("online", one.operator_id, one.is_online)
                self._set("shift", one.operator_id, one.is_on_shift)
                self._set("reach", line, one.operator_id, one.is_reachable)
        if source_id not in self._seen_sources:
            self._seen_sources.add(source_id)
            self._set("strategy", source_id, decision.strategy)
            for row in self._rows.operators:
                self._set("weight", source_id, row.id, 0)
        if decision.credits is not None:
            self._credits.setdefault(source_id, dict(decision.credits))

    def _set(self, *key_and_value: Any) -> None:
        key, value = key_and_value[:-1], key_and_value[-1]
        if key not in self._asked:
            self._values.setdefault(key, value)

    def fill(self, history: History) -> None:
        """Writes it all down; what nothing tells of is as it is now."""
        value, rows = self._values.get, self._rows
        for row in rows.operators:
            history.operators[row.id] = OperatorState(
                value(("limit", row.id), row.max_leads),
                value(("active", row.id), row.is_active and row.removed_at is None),
                value(("online", row.id), row.is_online),
                value(("shift", row.id), row.on_shift),
            )
        now = {(row.source_id, row.operator_id): row.weight for row in rows.weights}
        for row in rows.sources:
            history.sources[row.id] = SourceState(
                value(("strategy", row.id), row.strategy),
                value(("on", row.id), row.is_active),
                value(("sticky_days", row.id), row.sticky_days),
                value(("sticky_mode", row.id), row.sticky_mode),
                row.speaker,
            )
            theirs = {one.id: value(("weight", row.id, one.id), now.get((row.id, one.id), 0)) for one in rows.operators}
            history.weights[row.id] = {one: weight for one, weight in theirs.items() if weight}
            self._fill_reach(history, row)
        credits: dict[int, dict[int, int]] = {}
        for row in rows.credits:
            credits.setdefault(row.source_id, {})[row.operator_id] = row.credit
        history.credits = credits | self._credits

    def _fill_reach(self, history: History, source: Any) -> None:
        accounts = {row.operator_id for row in self._rows.chats}
        chats = {row.operator_id for row in self._rows.chats if row.bot_id == source.speaker}
        for in_telegram in (False, True):
            line = source.id, in_telegram
            history.reach[line] = {}
            for one in self._rows.operators:
                needs_no_account = not in_telegram or source.bot_id is None
                now = one.id in chats or (one.id not in accounts and needs_no_account)
                history.reach[line][one.id] = self._values.get(("reach", line, one.id), now)
