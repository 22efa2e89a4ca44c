"""Folding: events are added to stored sums, so that they are counted once.

Nothing here is on the path of a message. The running process calls `fold` about once a second, with so few events at a
time that other writers wait some milliseconds. Events give the same sums whenever they are summed, so `start_again`
loses nothing.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm_core.statistics.buckets import ALL, Grain, local, span_of
from crm_core.statistics.durations import Histogram
from crm_core.statistics.gathering import Facts, gather
from crm_core.statistics.reading import STATE, state_of
from crm_core.statistics.settled import settled
from crm_core.statistics.sums import NAMES, Sums, values_of
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.tables import ArrivalTally, Event, LengthTally, Tally, TallyState

SLICE = 2_000
"""Event ids per fold: some milliseconds, during which SQLite's other writers wait."""

_tally, _arrivals, _lengths = Tally.__table__, ArrivalTally.__table__, LengthTally.__table__
_state, _event = TallyState.__table__, Event.__table__


_LOCKED = select(_state.c.zone).with_for_update()


def prepare(s: Session, *, zone: str) -> bool:
    """Makes the sums, at startup, those of a time zone. Returns whether they have to be rebuilt."""
    is_other = bool(s.execute(_LOCKED).scalar_one() != zone)
    if is_other:
        start_again(s, zone=zone)
    return is_other


def start_again(s: Session, *, zone: str | None = None) -> None:
    """Deletes every sum; `fold` then rebuilds them from the events, a slice at a time."""
    s.execute(_LOCKED)  # first: what another transaction is folding must be committed before it can be deleted
    for table in (_tally, _arrivals, _lengths):
        s.execute(delete(table))
    values = {"generation": _state.c.generation + 1, "after": 0, "events": 0, "weights": {}, "watch": None}
    s.execute(update(_state).values({**values, "zone": zone} if zone else values))


def fold(s: Session, *, most: int = SLICE) -> int:
    """Adds the oldest events that are not in the sums yet. Returns how many event ids it covered, 0 if none.

    One transaction folds at a time; on PostgreSQL a second one does nothing meanwhile.

    Args:
        most: the largest number of event ids to cover.
    """
    row = s.execute(STATE.with_for_update(of=_state, skip_locked=True)).one_or_none()
    if row is None:
        return 0
    known = state_of(row)
    safe, watch = settled(s, newest=known.newest, watch=row.watch)
    until = min(safe, known.after + most)
    if until <= known.after:
        if watch != row.watch:
            s.execute(update(_state).values(watch=watch))
        return 0
    facts = gather(s, after=known.after, until=until, weights=known.weights)
    _write(s, facts, known.zone)
    between = (_event.c.id > known.after, _event.c.id <= until)
    number = select(func.count()).select_from(_event).where(*between).scalar_subquery()
    values = {"after": until, "events": _state.c.events + number, "weights": facts.weights, "watch": watch}
    if execute_count(s, update(_state).where(_state.c.after == known.after).values(values)) != 1:
        raise RuntimeError("two transactions folded at once")
    return until - known.after


def _write(s: Session, facts: Facts, zone: ZoneInfo) -> None:
    hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    days: defaultdict[tuple[int, int, int], Sums] = defaultdict(Sums)
    lengths: defaultdict[tuple[int, str], Histogram] = defaultdict(Histogram)
    when = local(zone)
    for (quarter, source_id, operator_id), sums in facts.sums.items():
        hour = span_of(when(quarter), Grain.HOUR)
        hours[hour][0] += sums.opened
        hours[hour][1] += sums.held
        days[hour // 100, source_id, operator_id].add(sums)
    for (quarter, kind), some in facts.lengths.items():
        lengths[span_of(when(quarter), Grain.DAY), kind].merge(some.pairs(), some.total, some.longest)
    _write_arrivals(s, hours)
    _write_sums(s, days)
    _write_lengths(s, lengths)


def _write_arrivals(s: Session, hours: Mapping[int, list[int]]) -> None:
    spans: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for hour, (opened, held) in hours.items():
        for span in (hour, hour // 100, hour // 10_000):
            spans[span][0] += opened
            spans[span][1] += held
    rows = [{"span": span, "opened": opened, "held": held} for span, (opened, held) in spans.items()]
    _upsert(s, _arrivals, rows, adds=True)


def _write_sums(s: Session, days: Mapping[tuple[int, int, int], Sums]) -> None:
    spans: defaultdict[tuple[int, int, int], Sums] = defaultdict(Sums)
    for (day, source_id, operator_id), sums in days.items():
        for span in (day, day // 100, ALL):
            spans[span, source_id, operator_id].add(sums)
    names = ("span", "source_id", "operator_id", *NAMES)
    rows = [dict(zip(names, (*place, *values_of(one)), strict=True)) for place, one in spans.items()]
    _upsert(s, _tally, rows, adds=True)


def _write_lengths(s: Session, days: Mapping[tuple[int, str], Histogram]) -> None:
    wanted = {(span, kind) for day, kind in days for span in (day, day // 100, ALL)}
    found: defaultdict[tuple[int, str], Histogram] = defaultdict(Histogram)
    for row in execute(s, select(_lengths).where(_lengths.c.span.in_({span for span, _ in wanted}))):
        found[row.span, row.kind].merge(row.buckets, row.total, row.longest)
    for (day, kind), some in days.items():
        for span in (day, day // 100, ALL):
            found[span, kind].merge(some.pairs(), some.total, some.longest)
    rows = [
        {"span": span, "kind": kind, "total": one.total, "longest": one.longest, "buckets": list(one.pairs())}
        for (span, kind), one in found.items()
        if (span, kind) in wanted
    ]
    _upsert(s, _lengths, rows, adds=False)


def _upsert(s: Session, table: Any, rows: list[dict[str, Any]], *, adds: bool) -> None:
    """Inserts rows; adds to those that exist, or replaces them."""
    if rows:
        execute(s, _upserting(s.get_bind().dialect.name, table, adds), rows)


@cache
def _upserting(dialect: str, table: Any, adds: bool) -> Any:
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    key = [column.name for column in table.primary_key]
    new = statement.excluded
    values = {
        column.name: column + new[column.name] if adds else new[column.name]
        for column in table.columns
        if column.name not in key
    }
    return statement.on_conflict_do_update(index_elements=key, set_=values)
