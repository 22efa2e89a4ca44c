"""The settings that a replay knows, by name, and what events say of them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crm_core import events
from crm_core.hours.stored import readable
from crm_core.routing import skills
from crm_core.storage.types import EPOCH, MILLISECOND


class Key(NamedTuple):
    """A setting, or whether somebody is there: its name, and the source and the operator that have it, 0 for none.

    `weight` and `limit` of both are those at one source. Names are the attributes of `OperatorState` and `SourceState`.
    """

    name: str
    source_id: int = 0
    operator_id: int = 0


_TOGGLES: Mapping[str, tuple[str, Any]] = {
    "activated": ("is_active", True),
    "deactivated": ("is_active", False),
    "removed": ("is_active", False),
    "online": ("is_online", True),
    "offline": ("is_online", False),
    "missed_too_often": ("is_online", False),
    "shift_began": ("is_on_shift", True),
    "shift_ended": ("is_on_shift", False),
}
_SOURCE_TOGGLES: Mapping[str, tuple[str, Any]] = {
    "switched_on": ("is_active", True),
    "switched_off": ("is_active", False),
    "opened": ("is_open", True),
    "closed": ("is_open", False),
    "strategy_exact": ("strategy", "exact"),
    "strategy_random": ("strategy", "random"),
}
"""What a change set, by its reason."""
_COLUMNS = frozenset({"sticky", "priority", "ramp", "catch_up", "offers"})
"""Reasons of events that have what they set by its name."""

AT_FIRST: Mapping[str, Any] = {
    "is_online": True,
    "is_on_shift": True,
    "is_active": True,
    "is_open": True,
    "strategy": "random",
    "sticky_mode": "charged",
    "ceiling": None,
    "rate": None,
    "hours": None,
    "ramp": None,
    "skills": None,
    "offer_rounds": 3,
    "miss_limit": 3,
    "duty_operator_id": None,
}
"""What a new operator or source has, where that is not 0."""

FOLLOWS = {"is_on_shift": "hours", "is_open": "hours"}
"""What working hours say: where these are to be otherwise, it is not as events have it."""


def set_by(event: Any) -> Iterator[tuple[Key, Any]]:
    """What an event set: a row, or a step. Nothing for what a replay does not know."""
    data, reason = event.data or {}, event.reason or ""
    source_id, operator_id = event.source_id or 0, event.operator_id or 0
    match event.kind:
        case events.WEIGHT_CHANGED:
            yield Key("weight", source_id, operator_id), data["weight"]
            if "limit" in data or not data["weight"]:
                yield Key("limit", source_id, operator_id), data.get("limit")
        case events.OPERATOR_CHANGED:
            for name, value in _of_operator(reason, data, event.at):
                yield Key(name, 0, operator_id), value
        case events.SOURCE_CHANGED:
            for name, value in _of_source(reason, data, event.at):
                yield Key(name, source_id), value


def _of_operator(reason: str, data: Mapping[str, Any], at: int) -> Iterator[tuple[str, Any]]:
    match reason:
        case "limit" | "added":
            yield "limit", data.get("limit", 0)
        case "ceiling":
            yield "ceiling", data["max_held"]
        case "rate":
            yield "rate", data["rate"]
        case "skills":
            yield "skills", skills.write(dict.fromkeys(data["skills"]))
        case "hours" | "hours_unreadable":
            yield from _hours("is_on_shift", data, at)
        case _ if reason in _TOGGLES:
            yield _TOGGLES[reason]


def _of_source(reason: str, data: Mapping[str, Any], at: int) -> Iterator[tuple[str, Any]]:
    match reason:
        case "skills":
            yield "skills", skills.write(data["skills"])
        case "hours" | "hours_unreadable":
            yield from _hours("is_open", data, at)
        case _ if reason in _SOURCE_TOGGLES:
            yield _SOURCE_TOGGLES[reason]
        case _ if reason in _COLUMNS:
            for name, value in data.items():
                if name != "before":
                    yield name, value


def _hours(follows: str, data: Mapping[str, Any], at: int) -> Iterator[tuple[str, Any]]:
    hours = readable(data.get("hours"))
    yield "hours", hours
    yield follows, hours is None or hours.takes(EPOCH + MILLISECOND * at)


def told_before(event: Any) -> Iterator[tuple[Key, Any]]:
    """What an event of a source says of the time before it."""
    before = (event.data or {}).get("before")
    if event.kind == events.SOURCE_CHANGED and event.reason in ("ramp", "offers") and before is not None:
        for name, value in before.items():
            yield Key(name, event.source_id), value
    if event.kind == events.SOURCE_CHANGED and event.reason == "hours":
        hours = readable(before)
        yield Key("hours", event.source_id), hours
        yield Key("is_open", event.source_id), hours is None or hours.takes(EPOCH + MILLISECOND * event.at)
