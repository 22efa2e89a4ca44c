"""Statistics, derived from contacts: who has how many, how that compares with the plan, how long things take."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select, type_coerce
from sqlalchemy.orm import Session

from crm_core import operators, sources
from crm_core.operators import OperatorFacts
from crm_core.queue import WAITS
from crm_core.sources import SourceListed
from crm_core.storage.tables import Contact, Operator

_contact = Contact.__table__


class Period(StrEnum):
    """Since when contacts are counted, by the moment at which they were opened."""

    TODAY = "today"
    WEEK = "7d"
    MONTH = "30d"
    ALL = "all"


_DAYS = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}


def beginning(period: Period, *, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment from which a period counts; None for all time.

    Days are whole days of `zone`, today included: 7 days are today and the six days before it.
    """
    if period is Period.ALL:
        return None
    day = now.astimezone(zone).date() - timedelta(days=_DAYS[period] - 1)
    return datetime.combine(day, time(), tzinfo=zone)


@dataclass(frozen=True, slots=True)
class OperatorNumbers:
    """An operator and the contacts of the period that are, or were when they were closed, his."""

    facts: OperatorFacts
    contacts: int


@dataclass(frozen=True, slots=True)
class ShareNumbers:
    """One operator at one source.

    Attributes:
        weight: 0 for somebody who has contacts there but no weight any more.
        planned: weight / sum of the weights at the source, from 0 to 1; None where nobody has a weight.
        actual: his contacts / contacts of the source that have an operator; None where there are none.
        is_removed: whether he is no operator any more.
    """

    operator_id: int
    operator: str
    weight: int
    contacts: int
    planned: float | None
    actual: float | None
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class SourceNumbers:
    """A source in the period; `waiting` is what waits there now, whenever it came."""

    source: SourceListed
    contacts: int
    waiting: int
    shares: tuple[ShareNumbers, ...]


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long something took, in seconds, over `count` contacts. None where there are none.

    Attributes:
        mean: the arithmetic mean.
        p95: the 95th percentile by nearest rank: the smallest measured length such that at least 95 % are no longer.
    """

    count: int
    mean: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The whole picture of a period.

    Attributes:
        contacts: opened in the period.
        unassigned: those of them that have no operator now.
        waiting: all that wait now, whenever they came.
        to_assignment, to_take, to_reply: from the opening to the first of each, over contacts where it has happened.
    """

    operators: tuple[OperatorNumbers, ...]
    sources: tuple[SourceNumbers, ...]
    contacts: int
    unassigned: int
    waiting: int
    to_assignment: Lengths
    to_take: Lengths
    to_reply: Lengths

    @property
    def unassigned_share(self) -> float | None:
        """Contacts without an operator among all of the period, from 0 to 1; None where there are none."""
        return self.unassigned / self.contacts if self.contacts else None


def overview(s: Session, *, since: datetime | None) -> Statistics:
    """Counts the contacts opened since a moment (None: all) and compares shares with weights."""
    opened: list[ColumnElement[bool]] = [] if since is None else [_contact.c.created_at >= since]
    counts = _counts(s, opened)
    of_operator, of_source = Counter[int | None](), Counter[int]()
    for (source_id, operator_id), count in counts.items():
        of_operator[operator_id] += count
        of_source[source_id] += count
    waiting = _waiting(s)
    staff = operators.listing(s)
    return Statistics(
        operators=tuple(OperatorNumbers(facts, of_operator[facts.id]) for facts in staff),
        sources=tuple(
            SourceNumbers(source, of_source[source.id], waiting[source.id], shares)
            for source, shares in _with_shares(s, counts, staff)
        ),
        contacts=sum(of_source.values()),
        unassigned=of_operator[None],
        waiting=sum(waiting.values()),
        to_assignment=_lengths(s, _contact.c.assigned_at, opened),
        to_take=_lengths(s, _contact.c.taken_at, opened),
        to_reply=_lengths(s, _contact.c.replied_at, opened),
    )


@dataclass(frozen=True, slots=True)
class OperatorStats:
    """An operator's row on the dashboard (first founding document), of all time.

    Attributes:
        current_leads: open contacts that he holds.
        available_capacity: places that are left, never below 0.
        total_contacts: contacts that are his, or were when they were closed.
    """

    operator_id: int
    operator_name: str
    is_active: bool
    max_leads: int
    current_leads: int
    available_capacity: int
    total_contacts: int


@dataclass(frozen=True, slots=True)
class AssignedStats:
    """An operator at a source: `weight` is 0 for somebody who has contacts there but no weight any more."""

    operator_id: int
    operator_name: str
    weight: int
    contacts_assigned: int


@dataclass(frozen=True, slots=True)
class SourceStats:
    """A source's row on the dashboard (first founding document), of all time."""

    source_id: int
    source_name: str
    total_contacts: int
    operators: tuple[AssignedStats, ...]


def operator_stats(s: Session) -> list[OperatorStats]:
    """Every operator that is not removed, by name, with his load and how many contacts are his."""
    of_operator = Counter[int | None]()
    for (_, operator_id), count in _counts(s, []).items():
        of_operator[operator_id] += count
    return [
        OperatorStats(one.id, one.name, one.is_active, one.max_leads, one.current_leads, one.free, of_operator[one.id])
        for one in operators.listing(s)
    ]


def source_stats(s: Session) -> list[SourceStats]:
    """Every source in the order of making, with who should work there or has contacts from there."""
    counts = _counts(s, [])
    total = Counter[int]()
    for (source_id, _), count in counts.items():
        total[source_id] += count
    return [
        SourceStats(
            source.id,
            source.name,
            total[source.id],
            tuple(AssignedStats(one.operator_id, one.operator, one.weight, one.contacts) for one in shares),
        )
        for source, shares in _with_shares(s, counts, operators.listing(s))
    ]


def _counts(s: Session, opened: Sequence[ColumnElement[bool]]) -> dict[tuple[int, int | None], int]:
    """Contacts per source and operator."""
    rows = s.execute(
        select(_contact.c.source_id, _contact.c.operator_id, func.count())
        .where(*opened)
        .group_by(_contact.c.source_id, _contact.c.operator_id)
    )
    return {(source_id, operator_id): count for source_id, operator_id, count in rows}


def _waiting(s: Session) -> Counter[int]:
    number = func.count().label("waiting")
    rows = s.execute(select(_contact.c.source_id, number).where(*WAITS).group_by(_contact.c.source_id))
    return Counter({row.source_id: row.waiting for row in rows})


def _with_shares(
    s: Session, counts: dict[tuple[int, int | None], int], staff: Sequence[OperatorFacts]
) -> list[tuple[SourceListed, tuple[ShareNumbers, ...]]]:
    """Every source with who should work there and who did, the largest plan first."""
    present = {facts.id: facts.name for facts in staff}
    gone = {operator_id for _, operator_id in counts if operator_id is not None and operator_id not in present}
    names = present | _names(s, gone)
    planned = {(share.source_id, share.operator_id): share for share in sources.shares(s)}
    found = []
    for source in sources.listing(s):
        had = {who: count for (at, who), count in counts.items() if at == source.id and who is not None}
        due = {who: share for (at, who), share in planned.items() if at == source.id}
        given = sum(had.values())
        shares = [
            ShareNumbers(
                operator_id=who,
                operator=names[who],
                weight=due[who].weight if who in due else 0,
                contacts=had.get(who, 0),
                planned=(due[who].part if who in due else 0.0) if due else None,
                actual=had.get(who, 0) / given if given else None,
                is_removed=who not in present,
            )
            for who in {**due, **had}
        ]
        shares.sort(key=lambda one: (-one.weight, -one.contacts, one.operator))
        found.append((source, tuple(shares)))
    return found


def _names(s: Session, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    rows = s.execute(select(Operator.id, Operator.name).where(Operator.id.in_(sorted(ids))))
    return {row.id: row.name for row in rows}


def _lengths(s: Session, until: ColumnElement[Any], opened: Sequence[ColumnElement[bool]]) -> Lengths:
    # Moments are whole milliseconds in both databases; as numbers they subtract, sort and average alike.
    passed = type_coerce(until, BigInteger) - type_coerce(_contact.c.created_at, BigInteger)
    measured = [until.is_not(None), *opened]
    count, mean = s.execute(select(func.count(), func.avg(passed)).select_from(_contact).where(*measured)).one()
    if not count:
        return Lengths(0, None, None)
    rank = (95 * count + 99) // 100  # the smallest whole number that is at least 0.95 * count
    p95 = s.execute(select(passed).where(*measured).order_by(passed).offset(rank - 1).limit(1)).scalar_one()
    return Lengths(count, float(mean) / 1000, p95 / 1000)
