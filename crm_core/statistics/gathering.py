"""Summing the events between two ids, by the quarter of an hour in which their contacts were opened.

Who holds a contact follows from who got it and who lost it, so a transfer or a return needs no special case; how long
something took follows from the first event of its kind. A contact's opening and source never change, so the same events
always give the same sums, whenever they are summed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from sqlalchemy import BigInteger, Text, and_, bindparam, case, cast, func, select, true, type_coerce
from sqlalchemy.orm import Session, aliased

from crm_core import events
from crm_core.routing.choose import Exclusion
from crm_core.routing.returns import ReturnReason
from crm_core.statistics.buckets import QUARTER_MS
from crm_core.statistics.causes import Absence, Cause, cause_of_exclusion, cause_of_return
from crm_core.statistics.durations import Histogram
from crm_core.statistics.sums import Sums, owed
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Event

Weights = dict[int, dict[int, int]]
"""Per source, then per operator."""

Draw = tuple[int, int, str | None]
"""Quarter of an hour, source, and who could not get the contact, as the event has it (JSON)."""

GIVEN = ("by_hand", "duty")
"""Reasons of assignments that were no draw."""

LENGTHS = (events.CONTACT_ASSIGNED, events.CONTACT_TAKEN, events.REPLIED)
"""Events whose first occurrence ends a length that begins with the contact's opening."""


@dataclass(slots=True)
class Facts:
    """Sums of what happened to contacts.

    Attributes:
        sums: per quarter of an hour (since 1970), source and operator; operator 0 is the source itself.
        lengths: per quarter of an hour and the event that ended them.
        weights: as they are after the last event.
    """

    weights: Weights
    sums: defaultdict[tuple[int, int, int], Sums] = field(default_factory=lambda: defaultdict(Sums))
    lengths: defaultdict[tuple[int, str], Histogram] = field(default_factory=lambda: defaultdict(Histogram))


_event, _contact = Event.__table__, Contact.__table__
_earlier = aliased(Event.__table__)

_QUARTER = (type_coerce(_contact.c.created_at, BigInteger) // QUARTER_MS).label("quarter")
_BETWEEN = and_(_event.c.id > bindparam("after"), _event.c.id <= bindparam("until"))
_OF_CONTACTS = _event.join(_contact, _contact.c.id == _event.c.contact_id)

_MOVES = (events.CONTACT_CREATED, events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)
_WHAT = (
    # Only if weights change between two of these events is each of them a row of its own, in order.
    case((bindparam("apart"), _event.c.id), else_=0).label("event_id"),
    _event.c.kind,
    _event.c.reason,
    _event.c.source_id,
    _event.c.operator_id,
    cast(_event.c.data, Text).label("data"),
    _QUARTER,
)
_MOVED = (
    select(*_WHAT, func.count().label("times"))
    .select_from(_OF_CONTACTS)
    .where(_BETWEEN, _event.c.kind.in_(_MOVES))
    .group_by(*_WHAT)
    .order_by("event_id")
)

# Earlier events are few, and found by their contact. Added to, an id is nothing that an index knows: PostgreSQL, which
# may not know yet how much has been stored, otherwise reads all events before each of these.
_EARLIER_ID = _earlier.c.id + 0
_FORMER = (
    select(case((_earlier.c.kind == events.CONTACT_ASSIGNED, _earlier.c.operator_id)))
    .where(
        _earlier.c.contact_id == _event.c.contact_id,
        _event.c.id > _EARLIER_ID,
        _earlier.c.kind.in_((events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)),
    )
    .order_by(_EARLIER_ID.desc())
    .limit(1)
    .scalar_subquery()
)
_BY_HAND = (
    select(_event.c.source_id, _FORMER.label("former"), _QUARTER)
    .select_from(_OF_CONTACTS)
    .where(_BETWEEN, _event.c.kind == events.CONTACT_ASSIGNED, _event.c.reason == "by_hand")
)

_BEFORE = (
    select(true())
    .where(
        _earlier.c.contact_id == _event.c.contact_id,
        _event.c.id > _EARLIER_ID,
        _earlier.c.kind == _event.c.kind,
    )
    .exists()
)
_PASSED = (type_coerce(_event.c.at, BigInteger) - type_coerce(_contact.c.created_at, BigInteger)).label("passed")
_TOOK = (
    select(_event.c.kind, _PASSED, _QUARTER, func.count().label("times"))
    .select_from(_OF_CONTACTS)
    .where(_BETWEEN, _event.c.kind.in_(LENGTHS), ~_BEFORE)
    .group_by(_event.c.kind, _PASSED, _QUARTER)
)

_WEIGHTS_CHANGED = (
    select(_event.c.id, _event.c.kind, _event.c.source_id, _event.c.operator_id, _event.c.data)
    .where(
        _BETWEEN,
        (_event.c.kind == events.WEIGHT_CHANGED)
        | and_(_event.c.kind.in_((events.OPERATOR_CHANGED, events.SOURCE_CHANGED)), _event.c.reason == "removed"),
    )
    .order_by(_event.c.id)
)


def gather(s: Session, *, after: int, until: int, weights: Weights, lengths: bool = True) -> Facts:
    """Sums the events with ids above `after` up to `until`.

    Args:
        weights: as they were after the event `after`; not changed.
        lengths: whether to sum lengths too.
    """
    facts = Facts({source_id: dict(theirs) for source_id, theirs in weights.items()})
    between = {"after": after, "until": until}
    changes = list(execute(s, _WEIGHTS_CHANGED, between))
    is_by_hand = False
    draws = Counter[Draw]()
    for row in execute(s, _MOVED, {**between, "apart": bool(changes)}):
        while changes and changes[0].id < row.event_id:
            _settle(facts, draws)
            _change(facts.weights, changes.pop(0))
        _count(facts, draws, row)
        is_by_hand = is_by_hand or row.reason == "by_hand"
    _settle(facts, draws)
    for change in changes:
        _change(facts.weights, change)
    if is_by_hand:
        _count_lost(s, facts, between)
    if lengths:
        _add_lengths(s, facts, between)
    return facts


def _count_lost(s: Session, facts: Facts, between: dict[str, int]) -> None:
    for row in execute(s, _BY_HAND, between):
        if row.former is not None:
            facts.sums[row.quarter, row.source_id, row.former].lost += 1


def _add_lengths(s: Session, facts: Facts, between: dict[str, int]) -> None:
    for row in execute(s, _TOOK, between):
        facts.lengths[row.quarter, row.kind].add(row.passed, row.times)


def _change(weights: Weights, change: Any) -> None:
    if change.kind == events.OPERATOR_CHANGED:  # a removed operator has no weight anywhere
        for theirs in weights.values():
            theirs.pop(change.operator_id, None)
        return
    if change.kind == events.SOURCE_CHANGED:  # SQLite may give its id to the next source
        weights.pop(change.source_id, None)
        return
    theirs = weights.setdefault(change.source_id, {})
    theirs[change.operator_id] = change.data["weight"]
    if not theirs[change.operator_id]:
        del theirs[change.operator_id]


def _count(facts: Facts, draws: Counter[Draw], row: Any) -> None:
    place = row.quarter, row.source_id
    if row.kind == events.CONTACT_CREATED:
        facts.sums[*place, 0].opened += row.times
    elif row.operator_id is None:
        return  # it began to wait, and no operator lost it
    elif row.kind == events.CONTACT_QUEUED:
        _count_returned(facts.sums[*place, row.operator_id], ReturnReason(row.reason), row.times)
    elif row.reason == "sticky":
        facts.sums[*place, row.operator_id].sticky += row.times
    elif row.reason in GIVEN:
        facts.sums[*place, row.operator_id].given += row.times
    else:
        facts.sums[*place, row.operator_id].drawn += row.times
        draws[*place, row.data] += row.times


def _count_returned(sums: Sums, why: ReturnReason, times: int) -> None:
    cause = cause_of_return(why)
    match cause:
        case Cause.OFF:
            sums.returned += times
        case Cause.DECLINED:
            sums.returned_declined += times
        case Cause.MISSED:
            sums.returned_missed += times
        case _:
            assert_never(cause)


def _settle(facts: Facts, draws: Counter[Draw]) -> None:
    """Adds what draws owed by the weights at that time, and clears the draws."""
    for (quarter, source_id, data), times in draws.items():
        out = kept_out(json.loads(data) if data else None)
        for operator_id, sums in owed(facts.weights.get(source_id, {}), out=out).items():
            facts.sums[quarter, source_id, operator_id].add(sums, times)
    draws.clear()


def kept_out(data: Mapping[str, list[int]] | None) -> dict[int, Absence]:
    """Who could not get a contact at its draw, and under which cause that counts, as the event says.

    Raises ValueError for a reason that is no `Exclusion`: whoever it excluded would be counted as eligible.
    """
    out = dict[int, Absence]()
    for why, operators in (data or {}).items():
        cause = cause_of_exclusion(Exclusion(why))
        if cause is not Cause.WEIGHT:  # a draw owes nothing to an operator without a weight, so nothing was missed
            out |= dict.fromkeys(operators, cause)
    return out
