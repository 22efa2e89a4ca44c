"""The figures themselves, each defined once: what /stats, the API, the metrics and the pictures show."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.routing import source_details, sources
from crm_core.routing.candidates import operator_names
from crm_core.routing.source_details import Share
from crm_core.routing.source_facts import WAITS
from crm_core.routing.sources import SourceListed
from crm_core.statistics.buckets import Grain, start_of
from crm_core.statistics.durations import Durations, Histogram
from crm_core.statistics.gaps import NO_GAP, Gap, gap
from crm_core.statistics.reading import Totals, arrived, totals
from crm_core.statistics.sums import Sums
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts

_contact = Contact.__table__
BySource = dict[int, dict[int, Sums]]
"""Per source and operator; operator 0 is the source itself."""


@dataclass(frozen=True, slots=True)
class OperatorNumbers:
    """An operator and how many contacts of the period they hold, or held when they were closed."""

    facts: OperatorFacts
    contacts: int


@dataclass(frozen=True, slots=True)
class ShareNumbers:
    """One operator at one source.

    Attributes:
        weight: 0 for an operator who has contacts there but no longer a weight.
        contacts: of the period, that the operator holds or held when they were closed.
        planned: weight / sum of the weights at the source, from 0 to 1; None where nobody has a weight.
        actual: their contacts / contacts of the source that have an operator; None where there are none.
        is_removed: whether the operator was removed.
        gap: the difference between actual and planned, in contacts, and its causes.
    """

    operator_id: int
    operator: str
    weight: int
    contacts: int
    planned: float | None
    actual: float | None
    is_removed: bool = False
    gap: Gap = NO_GAP


@dataclass(frozen=True, slots=True)
class SourceNumbers:
    """A source in the period; `waiting` is what waits there now, whenever it was opened, `oldest` since when."""

    source: SourceListed
    contacts: int
    waiting: int
    shares: tuple[ShareNumbers, ...]
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """All figures of a period.

    Attributes:
        contacts: opened in the period.
        unassigned: those of them that have no operator now.
        waiting: all that wait now, whenever they were opened.
        to_assignment, to_take, to_reply: from the opening to the first of each, over contacts where it has happened.
        oldest: when the one that has waited longest was opened; None if none waits.
        behind: how many events are not in these figures; 0 unless the sums are being rebuilt.
    """

    operators: tuple[OperatorNumbers, ...]
    sources: tuple[SourceNumbers, ...]
    contacts: int
    unassigned: int
    waiting: int
    to_assignment: Durations
    to_take: Durations
    to_reply: Durations
    oldest: datetime | None = None
    behind: int = 0

    @property
    def unassigned_share(self) -> float | None:
        """Contacts without an operator among all of the period, from 0 to 1; None where there are none."""
        return self.unassigned / self.contacts if self.contacts else None


def overview(s: Session, *, since: datetime | None, until: datetime | None = None) -> Statistics:
    """All figures of the contacts that were opened in a period of whole days, and the present state.

    Args:
        since, until: the period (see `beginning`), without `until` itself; None for no bound. A day that is partly in
            the period counts as a whole, in the installation's time zone.
    """
    found = totals(s, since=since, until=until)
    by_source = by_source_of(found)
    staff = operators.listing(s)
    waiting = _waiting(s)
    numbers = tuple(source_numbers(s, by_source, staff, waiting))
    opened = sum(one.contacts for one in numbers)
    return Statistics(
        operators=tuple(OperatorNumbers(facts, held_by(by_source, facts.id)) for facts in staff),
        sources=numbers,
        contacts=opened,
        unassigned=opened - sum(_everybody(theirs).held for theirs in by_source.values()),
        waiting=sum(one.waiting for one in numbers),
        oldest=min((one.oldest for one in numbers if one.oldest is not None), default=None),
        to_assignment=_lengths(found, events.CONTACT_ASSIGNED),
        to_take=_lengths(found, events.CONTACT_TAKEN),
        to_reply=_lengths(found, events.REPLIED),
        behind=found.state.behind,
    )


def _lengths(found: Totals, kind: str) -> Durations:
    return found.lengths.get(kind, Histogram()).lengths()


def by_source_of(found: Totals) -> BySource:
    """The same sums, source by source."""
    by_source: BySource = defaultdict(dict)
    for (source_id, operator_id), sums in found.sums.items():
        by_source[source_id][operator_id] = sums
    return by_source


def _everybody(theirs: Mapping[int, Sums]) -> Sums:
    everybody = Sums()
    for operator_id, sums in theirs.items():
        if operator_id:
            everybody.add(sums)
    return everybody


def held_by(by_source: BySource, operator_id: int) -> int:
    """Contacts of an operator, over all sources."""
    return sum(theirs[operator_id].held for theirs in by_source.values() if operator_id in theirs)


def _waiting(s: Session) -> dict[int, tuple[int, datetime]]:
    """Per source, how many contacts wait and since when the oldest does: read from the queue itself, which is short."""
    queue = (
        select(_contact.c.source_id, func.count().label("number"), func.min(_contact.c.id).label("oldest"))
        .where(*WAITS)
        .group_by(_contact.c.source_id)
        .subquery()
    )
    rows = execute(
        s,
        select(queue.c.source_id, queue.c.number, _contact.c.created_at).join(
            _contact, _contact.c.id == queue.c.oldest
        ),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def source_numbers(
    s: Session, by_source: BySource, staff: Sequence[OperatorFacts], waiting: Mapping[int, tuple[int, datetime]]
) -> Iterator[SourceNumbers]:
    """Every source in order of creation.

    Args:
        waiting: per source, how many wait and since when.
    """
    present = {facts.id: facts.name for facts in staff}
    removed = {
        one for theirs in by_source.values() for one, sums in theirs.items() if one and sums.held
    } - present.keys()
    names = present | operator_names(s, removed)
    planned: dict[int, dict[int, Share]] = defaultdict(dict)
    for share in source_details.shares(s):
        planned[share.source_id][share.operator_id] = share
    for source in sources.listing(s):
        theirs = by_source.get(source.id, {})
        number, oldest = waiting.get(source.id, (0, None))
        shares = _shares(theirs, planned[source.id], names, present)
        yield SourceNumbers(source, theirs.get(0, Sums()).opened, number, tuple(shares), oldest)


def _shares(
    theirs: Mapping[int, Sums], due: Mapping[int, Share], names: Mapping[int, str], present: Mapping[int, str]
) -> list[ShareNumbers]:
    """The operators with a weight at a source or contacts from it, the largest weight first."""
    everybody = _everybody(theirs)
    found = []
    for who in {**due, **{one: None for one, sums in theirs.items() if one and sums.held}}:
        mine = theirs.get(who, Sums())
        planned = (due[who].part if who in due else 0.0) if due else None
        found.append(
            ShareNumbers(
                operator_id=who,
                operator=names[who],
                weight=due[who].weight if who in due else 0,
                contacts=mine.held,
                planned=planned,
                actual=mine.held / everybody.held if everybody.held else None,
                gap=gap(mine, everybody, planned=planned),
                is_removed=who not in present,
            )
        )
    return sorted(found, key=lambda one: (-one.weight, -one.contacts, one.operator))


# --- a series --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Contacts opened in an hour, a day or a month, and how many of them have no operator now.

    Attributes:
        start: when it began, in the installation's time zone.
    """

    start: datetime
    contacts: int
    unassigned: int


def arrivals(
    s: Session, *, since: datetime | None, until: datetime | None = None, grain: Grain = Grain.DAY
) -> list[Arrivals]:
    """How many contacts were opened per hour, day or month; spans without any are left out.

    Args:
        since, until: as for `overview`.
    """
    known, found = arrived(s, since=since, until=until, grain=grain)
    return [
        Arrivals(start_of(span, known.zone), one.opened, one.opened - one.held)
        for span, one in found.items()
        if one.opened
    ]
