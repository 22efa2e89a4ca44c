"""Folding: what happened is added to sums in tables, so that nobody has to count it again.

Nothing of this is on the way of a message. The running process calls `fold` every second or so, with as much at once as
delays others by a few milliseconds. Events give the same sums whenever they are summed, so `start_again` loses nothing.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crm_core.statistics.facts import Facts, gather
from crm_core.statistics.lengths import Histogram
from crm_core.statistics.settled import settled
from crm_core.statistics.spans import ALL, Grain, local, span_of
from crm_core.statistics.sums import NAMES, Sums
from crm_core.statistics.tallies import STATE, state_of
from crm_core.storage.rows import changed, run
from crm_core.storage.tables import ArrivalTally, Event, LengthTally, Tally, TallyState
from crm_core.storage.upsert import upserting

SLICE = 1_000
"""Event ids to a fold: some milliseconds, in which SQLite's other writers wait."""

_tally, _arrivals, _lengths = Tally.__table__, ArrivalTally.__table__, LengthTally.__table__
_state, _event = TallyState.__table__, Event.__table__


_LOCKED = select(_state.c.zone).with_for_update()


def prepare(s: Session, *, zone: str) -> bool:
    """Makes sure, at a start, that days are those of a time zone. Returns whether all has to be tallied anew."""
    is_other = bool(s.execute(_LOCKED).scalar_one() != zone)
    if is_other:
        start_again(s, zone=zone)
    return is_other


def start_again(s: Session, *, zone: str | None = None) -> None:
    """Forgets every sum; `fold` then makes them anew from the events, a slice at a time."""
    s.execute(_LOCKED)  # first: what somebody folds at this moment must be there to be forgotten
    for table in (_tally, _arrivals, _lengths):
        s.execute(delete(table))
    values = {"generation": _state.c.generation + 1, "after": 0, "events": 0, "weights": {}, "watch": None}
    s.execute(update(_state).values({**values, "zone": zone} if zone else values))


def fold(s: Session, *, most: int = SLICE) -> int:
    """Adds the oldest events that are not in the tallies yet. Returns how far it came, in event ids; 0 if no further.

    One transaction folds at a time; on PostgreSQL another one that comes meanwhile does nothing.

    Args:
        most: event ids to look at.
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
    if changed(s, update(_state).where(_state.c.after == known.after).values(values)) != 1:
        raise RuntimeError("two transactions folded at once")
    return until - known.after


def _write(s: Session, facts: Facts, zone: ZoneInfo) -> None:
    when = local(zone)
    sums: defaultdict[tuple[int, int, int], Sums] = defaultdict(Sums)
    arrivals: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for (quarter, source_id, operator_id), found in facts.sums.items():
        day, hour = span_of(when(quarter), Grain.DAY), span_of(when(quarter), Grain.HOUR)
        for span in (ALL, day // 100, day):
            sums[span, source_id, operator_id].add(found)
        for span in (day // 100, day, hour):
            arrivals[span][0] += found.opened
            arrivals[span][1] += found.held
    histograms: defaultdict[tuple[int, str], Histogram] = defaultdict(Histogram)
    for (quarter, kind), lengths in facts.lengths.items():
        day = span_of(when(quarter), Grain.DAY)
        for span in (ALL, day // 100, day):
            histograms[span, kind].merge(lengths.pairs(), lengths.total, lengths.longest)
    _add(s, _tally, ("span", "source_id", "operator_id"), [
        {"span": span, "source_id": source_id, "operator_id": who, **dict(zip(NAMES, one.values(), strict=True))}
        for (span, source_id, who), one in sums.items()
    ])  # fmt: skip
    _add(s, _arrivals, ("span",), [
        {"span": span, "opened": opened, "held": held} for span, (opened, held) in arrivals.items()
    ])  # fmt: skip
    _write_lengths(s, histograms)


def _add(s: Session, table: Any, key: tuple[str, ...], rows: list[dict[str, int]]) -> None:
    if not rows:
        return
    statement = upserting(s, table)
    plus = {name: table.c[name] + statement.excluded[name] for name in rows[0] if name not in key}
    run(s, statement.on_conflict_do_update(index_elements=key, set_=plus), rows)


def _write_lengths(s: Session, histograms: Mapping[tuple[int, str], Histogram]) -> None:
    if not histograms:
        return
    there = select(_lengths).where(_lengths.c.span.in_({span for span, _ in histograms}))
    for row in run(s, there):
        if (row.span, row.kind) in histograms:
            histograms[row.span, row.kind].merge(row.buckets, row.total, row.longest)
    statement = upserting(s, _lengths)
    names = ("total", "longest", "buckets")
    run(
        s,
        statement.on_conflict_do_update(
            index_elements=("span", "kind"), set_={name: statement.excluded[name] for name in names}
        ),
        [
            {"span": span, "kind": kind, "total": one.total, "longest": one.longest, "buckets": list(one.pairs())}
            for (span, kind), one in histograms.items()
        ],
    )
