"""The report of the service level: which targets were kept in a period, which were not, and what that was due to."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from crm_core.routing import duty, sources
from crm_core.routing.candidates import operator_names
from crm_core.routing.returns import ReturnReason
from crm_core.routing.working_time import EVER, LAST
from crm_core.service import histories, presence, terms
from crm_core.service.clocks import Clock, read
from crm_core.service.histories import History
from crm_core.service.presence import Presence
from crm_core.service.targets import Measure
from crm_core.service.terms import Terms
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact

MOST = 20_000  # contacts that a report reads, the newest ones: about two seconds
BEFORE = timedelta(days=31)  # contacts that were opened so long before a period may have clocks in it


class BreachCause(StrEnum):
    """What most of the working time on a clock went by with. Answers of the API have these values for good."""

    NOBODY_THERE = "nobody_there"
    """It waited, and nobody was on shift and online."""
    QUEUE = "queue"
    """It waited though operators were there: all were full."""
    OPERATOR_AWAY = "operator_away"
    """Its operator was off shift or offline."""
    OPERATOR_SLOW = "operator_slow"
    """Its operator was there."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A clock that went over its target.

    Attributes:
        took: working time on it so far.
        is_over: whether it has ended.
        operator_id: who held the contact last, or None.
        parts: working time by cause; the largest is `cause`.
    """

    contact_id: int
    source_id: int
    measure: Measure
    since: datetime
    target: timedelta
    took: timedelta
    is_over: bool
    operator_id: int | None
    parts: dict[BreachCause, timedelta]

    @property
    def cause(self) -> BreachCause:
        """What most of the time went by with; of equals, the first."""
        return max(BreachCause, key=lambda one: self.parts.get(one, timedelta()))


@dataclass(slots=True)
class Kept:
    """How a target of a source was kept.

    Attributes:
        met: clocks that ended in time.
        breached: clocks that went over it, those that still run included.
        running: clocks that have not ended and are in time so far.
        causes: of the breaches.
    """

    met: int = 0
    breached: int = 0
    running: int = 0
    causes: Counter[BreachCause] = field(default_factory=Counter)

    @property
    def part(self) -> float | None:
        """The part that was kept of what was decided, from 0 to 1; None if nothing was."""
        decided = self.met + self.breached
        return self.met / decided if decided else None


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """The service level of a period.

    Attributes:
        kept: by source and measure, where anything was measured.
        breaches: the newest first.
        names: of the sources, by id.
        is_partial: whether there were more contacts than are read.
    """

    kept: dict[tuple[int, Measure], Kept]
    breaches: tuple[Breach, ...]
    names: dict[int, str]
    is_partial: bool


_NEWEST = (
    select(Contact.id)
    .where(
        Contact.source_id.in_(bindparam("ids", expanding=True)),
        Contact.created_at >= bindparam("earliest", type_=Contact.created_at.type),
    )
    .where(text("contacts.id > 0"))  # in the words of the index
    .order_by(Contact.created_at.desc())
    .limit(MOST + 1)
)


def report(s: Session, *, since: datetime | None, now: datetime, until: datetime | None = None) -> ServiceReport:
    """Reads the clocks that were started in a period, at sources that had targets then.

    Args:
        since, until: the second one is excluded; None for no bound.
    """
    names = {one.id: one.name for one in sources.listing(s)}
    held = {one: found for one, found in terms.of_sources(s, list(names)).items() if found.ever}
    kept: defaultdict[tuple[int, Measure], Kept] = defaultdict(Kept)
    if not held:
        return ServiceReport({}, (), names, is_partial=False)
    begins, ends = since or EVER, until or LAST
    earliest = max(begins - BEFORE, _first_target(held)) if since is not None else _first_target(held)
    ids = list(execute(s, _NEWEST, {"ids": sorted(held), "earliest": earliest}).scalars())
    there = presence.Presences(s)
    breaches = []
    for history in histories.of_contacts(s, sorted(ids[:MOST])):
        mine = held[history.source_id]
        for clock in read(history.happened):
            target = mine.target(clock)
            if target is None or not begins <= clock.since < ends:
                continue
            one, took = kept[history.source_id, clock.measure], mine.on(clock, now)
            if took > target:
                breach = _breach(history, clock, mine, target, took, now, there)
                one.breached += 1
                one.causes[breach.cause] += 1
                breaches.append(breach)
            elif clock.ended_at is not None:
                one.met += 1
            else:
                one.running += 1
    breaches.sort(key=lambda one: (one.since, one.contact_id), reverse=True)
    return ServiceReport(dict(kept), tuple(breaches), names, is_partial=len(ids) > MOST)


def with_names(s: Session, *, since: datetime, now: datetime) -> tuple[ServiceReport, dict[int, str]]:
    """The report since a moment, and the names of the operators of its breaches."""
    found = report(s, since=since, now=now)
    return found, operator_names(s, {one.operator_id for one in found.breaches if one.operator_id is not None})


def _first_target(held: dict[int, Terms]) -> datetime:
    """Before it there is nothing to measure, but contacts that are open then may be answered later."""
    first = min(since for one in held.values() for since, targets in one.targets if targets.are_set)
    return first - BEFORE


def _breach(
    history: History,
    clock: Clock,
    held: Terms,
    target: timedelta,
    took: timedelta,
    now: datetime,
    there: "presence.Presences",
) -> Breach:
    parts: defaultdict[BreachCause, timedelta] = defaultdict(timedelta)
    for start, end in clock.stretches(now):
        for begins, until, cause in _causes(history, start, end, there):
            parts[cause] += held.time.worked(begins, until)
    ended = clock.ended_at or now
    holder = next((one.operator_id for one in reversed(history.held) if one.since <= ended), None)
    return Breach(
        history.contact_id,
        history.source_id,
        clock.measure,
        clock.since,
        target,
        took,
        clock.ended_at is not None,
        holder,
        dict(parts),
    )


def _causes(
    history: History, start: datetime, end: datetime, there: "presence.Presences"
) -> Iterator[tuple[datetime, datetime, BreachCause]]:
    """A stretch of time in parts, each with what it went by with."""
    ends = [*(one.since for one in history.held[1:]), LAST][: len(history.held)]
    for number, (one, until) in enumerate(zip(history.held, ends, strict=True)):
        begins, stops = max(start, one.since if number else start), min(end, until)
        if begins >= stops:
            continue
        if one.operator_id is None:
            yield begins, stops, _why_queued(one.reason)
            continue
        of_operator: Presence = there.of(one.operator_id)
        for first, last, is_there in of_operator.between(begins, stops):
            yield first, last, BreachCause.OPERATOR_SLOW if is_there else BreachCause.OPERATOR_AWAY


def _why_queued(reason: str | None) -> BreachCause:
    is_away = reason not in set(ReturnReason) and duty.is_away(reason)
    return BreachCause.NOBODY_THERE if is_away else BreachCause.QUEUE
