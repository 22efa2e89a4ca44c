"""Statistics counted the plain way: contact by contact and event by event, with nothing kept from before."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crm_core.storage.types import EPOCH, MILLISECOND

ENDS = {"contact_assigned": "assigned_at", "contact_taken": "taken_at", "replied": "replied_at"}
AWAY = ("inactive", "offline", "unreachable")


@dataclass
class Plain:
    """Figures of the contacts of a period.

    Attributes:
        moves: per source and operator: contacts got by the draw, by hand; lost by hand, to the queue.
        owed: per source and operator: due, missed (away, full), gained (away, full), variance; in contacts, exact.
        lengths: milliseconds, per event that ended them; none at all where clocks differ so much that it is negative.
    """

    opened: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    held: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    moves: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 4))
    owed: defaultdict[tuple[int, int], list[Fraction]] = field(
        default_factory=lambda: defaultdict(lambda: [Fraction(0)] * 6)
    )
    lengths: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def recounted(s: Session, *, zone: str, of: Callable[[datetime], bool] = lambda _: True) -> Plain:
    """Counts everything anew.

    Args:
        of: whether a contact counts, by the moment of its opening in the zone.
    """
    found = Plain()
    counted = set()
    for row in _rows(s, "contacts"):
        if of((EPOCH + MILLISECOND * row.created_at).astimezone(ZoneInfo(zone))):
            counted.add(row.id)
            found.opened[row.source_id] += 1
            if row.operator_id is not None:
                found.held[row.source_id, row.operator_id] += 1
            for kind, column in ENDS.items():
                if getattr(row, column) is not None:
                    found.lengths[kind].append(max(0, getattr(row, column) - row.created_at))
    _walk(s, found, counted)
    return found


def _walk(s: Session, found: Plain, counted: set[int]) -> None:
    weights: dict[int, dict[int, int]] = defaultdict(dict)
    holders: dict[int, int | None] = {}
    for event in _rows(s, "events"):
        if event.kind == "weight_changed":
            weights[event.source_id][event.operator_id] = _data(event)["weight"]
        elif event.kind == "operator_changed" and event.reason == "removed":
            for theirs in weights.values():
                theirs.pop(event.operator_id, None)
        elif event.kind == "source_changed" and event.reason == "removed":
            weights.pop(event.source_id, None)
        elif event.kind in ("contact_assigned", "contact_queued"):
            before = holders.get(event.contact_id)
            holders[event.contact_id] = event.operator_id if event.kind == "contact_assigned" else None
            if event.contact_id in counted:
                _count(found, event, before, {who: one for who, one in weights[event.source_id].items() if one})


def _count(found: Plain, event: Any, before: int | None, weights: dict[int, int]) -> None:
    place = event.source_id, event.operator_id
    if event.kind == "contact_queued":
        if event.operator_id is not None:
            found.moves[place][3] += 1
    elif event.reason == "by_hand":
        found.moves[place][1] += 1
        if before is not None:
            found.moves[event.source_id, before][2] += 1
    else:
        found.moves[place][0] += 1
        _owe(found, event.source_id, weights, _data(event) or {})


def _owe(found: Plain, source_id: int, weights: dict[int, int], excluded: dict[str, list[int]]) -> None:
    away = {who for why in AWAY for who in excluded.get(why, [])} & weights.keys()
    full = set(excluded.get("full", [])) & weights.keys()
    in_all = sum(weights.values())
    eligible = {who: one for who, one in weights.items() if who not in away | full}
    for who, weight in weights.items():
        due, owed = Fraction(weight, in_all), found.owed[source_id, who]
        chance = Fraction(weight, sum(eligible.values())) if who in eligible else Fraction(0)
        of_away = Fraction(sum(weights[one] for one in away), max(1, sum(weights[one] for one in away | full)))
        gained = chance - due if who in eligible else Fraction(0)
        parts = (
            due,
            due if who in away else 0,
            due if who in full else 0,
            gained * of_away,
            gained * (1 - of_away),
            chance * (1 - chance),
        )
        found.owed[source_id, who] = [one + part for one, part in zip(owed, parts, strict=True)]


def _rows(s: Session, table: str) -> list[Any]:
    return list(s.connection().exec_driver_sql(f"SELECT * FROM {table} ORDER BY id"))  # noqa: S608


def _data(event: Any) -> Any:
    return json.loads(event.data) if isinstance(event.data, str) else event.data
