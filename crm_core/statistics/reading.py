"""Reading sums: the stored ones (see `folding`) plus the events that are not in them yet.

So a reading looks at the rows of its period and at few events, and its figures are still those of this moment.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from crm_core.statistics.buckets import Grain, bounds, local, span_of
from crm_core.statistics.durations import Histogram
from crm_core.statistics.gathering import Facts, Weights, gather
from crm_core.statistics.periods import Days
from crm_core.statistics.sums import NAMES, Sums
from crm_core.storage.execute import execute
from crm_core.storage.tables import ArrivalTally, Event, LengthTally, Tally, TallyState

TAIL = 20_000
"""How many event ids beyond the sums a reading adds. Only a rebuild leaves more; then it adds none."""

_tally, _arrivals, _lengths = Tally.__table__, ArrivalTally.__table__, LengthTally.__table__
_state, _event = TallyState.__table__, Event.__table__


@dataclass(frozen=True, slots=True)
class State:
    """Which events are in the stored sums.

    Attributes:
        zone: the time zone of their days.
        after: events up to this id are in them.
        newest: the newest event's id.
        weights: as they were after the event `after`.
    """

    zone: ZoneInfo
    generation: int
    after: int
    newest: int
    weights: Weights

    @property
    def until(self) -> int:
        """The id of the last event that a reading adds."""
        return self.newest if self.newest - self.after <= TAIL else self.after

    @property
    def behind(self) -> int:
        """How many event ids a reading does not cover: 0 unless the sums are being rebuilt."""
        return self.newest - self.until


_NEWEST = func.coalesce(select(func.max(_event.c.id)).scalar_subquery(), 0).label("newest")
STATE = select(_state.c.zone, _state.c.generation, _state.c.after, _state.c.weights, _state.c.watch, _NEWEST)
"""The state's row, for `state_of`."""


def state_of(row: Any) -> State:
    """A state from its row."""
    weights = {
        int(source_id): {int(operator_id): weight for operator_id, weight in theirs.items()}
        for source_id, theirs in row.weights.items()
    }
    return State(ZoneInfo(row.zone), row.generation, row.after, row.newest, weights)


def state(s: Session) -> State:
    """The present state of the sums."""
    return state_of(execute(s, STATE).one())


def backlog(s: Session) -> int:
    """How many event ids are not folded yet."""
    row = execute(s, select(_state.c.after, _NEWEST)).one()
    return int(row.newest - row.after)


@dataclass(slots=True)
class Totals:
    """Sums of the contacts that were opened in a period.

    Attributes:
        state: which events are in them.
        sums: per source and operator; operator 0 is the source itself.
        lengths: per event that ended them.
    """

    state: State
    sums: defaultdict[tuple[int, int], Sums] = field(default_factory=lambda: defaultdict(Sums))
    lengths: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))


@dataclass(frozen=True, slots=True)
class Arrived:
    """Contacts opened in a span, and how many of them have an operator."""

    opened: int
    held: int


def _within(column: Any, spans: Iterable[tuple[int, int]]) -> Any:
    return or_(*(and_(column >= low, column <= high) for low, high in spans))


def tail(s: Session, known: State, *, lengths: bool) -> Facts:
    """The sums of the events that are not folded yet, with lengths or without."""
    if known.until == known.after:
        return Facts(known.weights)
    return gather(s, after=known.after, until=known.until, weights=known.weights, lengths=lengths)


_SUMMED = select(
    _tally.c.source_id, _tally.c.operator_id, *(func.sum(_tally.c[name]).label(name) for name in NAMES)
).group_by(_tally.c.source_id, _tally.c.operator_id)


def totals(s: Session, *, since: datetime | None, until: datetime | None = None, lengths: bool = True) -> Totals:
    """Sums of the contacts opened in a period of whole days; a day that is partly in the period counts as a whole.

    Args:
        since, until: the period, without `until` itself; None for no bound.
        lengths: whether to read lengths too.
    """
    known = state(s)
    days = Days.of(since=since, until=until, zone=known.zone)
    found = Totals(known)
    for row in execute(s, _SUMMED.where(_within(_tally.c.span, days.ranges()))):
        found.sums[row[0], row[1]] = Sums(*map(int, row[2:]))
    if lengths:
        for row in execute(s, select(_lengths).where(_within(_lengths.c.span, days.ranges()))):
            found.lengths[row.kind].merge(row.buckets, row.total, row.longest)
    when, facts = local(known.zone), tail(s, known, lengths=lengths)
    for (quarter, source_id, operator_id), one in facts.sums.items():
        if days.covers(when(quarter)):
            found.sums[source_id, operator_id].add(one)
    for (quarter, kind), some in facts.lengths.items():
        if days.covers(when(quarter)):
            found.lengths[kind].merge(some.pairs(), some.total, some.longest)
    return found


def arrived(
    s: Session, *, since: datetime | None, until: datetime | None, grain: Grain
) -> tuple[State, dict[int, Arrived]]:
    """Contacts opened in a period, per hour, day or month, in order; a span partly in the period counts as a whole.

    Returns the state of the sums, and the spans in which contacts were opened.
    """
    known = state(s)
    days = Days.of(since=since, until=until, zone=known.zone)
    low, high = bounds(grain, days.first, days.last)
    found: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in execute(s, select(_arrivals).where(_arrivals.c.span >= low, _arrivals.c.span <= high)):
        found[row.span] = [row.opened, row.held]
    when = local(known.zone)
    for (quarter, _, _), one in tail(s, known, lengths=False).sums.items():
        span = span_of(when(quarter), grain)
        if low <= span <= high:
            found[span][0] += one.opened
            found[span][1] += one.held
    return known, {span: Arrived(*found[span]) for span in sorted(found)}


def version(s: Session) -> str:
    """A value that changes with every event that may change a figure; cheap to read.

    Folding does not change it. Periods that end with today also change at midnight.
    """
    ahead = select(_event.c.id).where(_event.c.id > _state.c.after).limit(TAIL + 1).correlate(_state).subquery()
    number = select(func.count()).select_from(ahead).scalar_subquery()
    row = execute(s, select(_state.c.generation, (_state.c.events + number).label("events"))).one()
    return f"{row.generation}.{row.events}"
