"""What a source's screen shows: who works there for which share, how many contacts wait, and what nobody covers."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from crm_core.routing import coverage, sources, waiting_list
from crm_core.routing.coverage import Uncovered
from crm_core.routing.sources import SourceListed
from crm_core.storage.tables import Operator, Source, Weight

_source, _weight = Source.__table__, Weight.__table__


def weights(s: Session, *, source_id: int) -> list[Row[Any]]:
    """Who works at a source: (operator_id, name, weight), the largest weight first."""
    return list(
        s.execute(
            select(_weight.c.operator_id, Operator.name, _weight.c.weight)
            .join(Operator, Operator.id == _weight.c.operator_id)
            .where(_weight.c.source_id == source_id)
            .order_by(_weight.c.weight.desc(), Operator.name)
        )
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What an operator should get of a source: their weight, and `part`, that weight / the sum of all there.

    Attributes:
        limit: the most open contacts from there that they hold; None for no limit but their own.
    """

    source_id: int
    source: str
    operator_id: int
    operator: str
    weight: int
    part: float
    limit: int | None = None


def shares(s: Session) -> list[Share]:
    """Every weight with its planned share: weight / sum of the source's weights, whoever is absent.

    By source, in order of creation, the largest share first.
    """
    rows = s.execute(
        select(
            _weight.c.source_id,
            _source.c.name.label("source"),
            _weight.c.operator_id,
            Operator.name.label("operator"),
            _weight.c.weight,
            _weight.c.limit,
        )
        .join(Operator, Operator.id == _weight.c.operator_id)
        .join(_source, _source.c.id == _weight.c.source_id)
        .where(Operator.removed_at.is_(None))
        .order_by(_weight.c.source_id, _weight.c.weight.desc(), Operator.name_folded)
    ).all()
    sums: Counter[int] = Counter()
    for row in rows:
        sums[row.source_id] += row.weight
    return [
        Share(
            row.source_id,
            row.source,
            row.operator_id,
            row.operator,
            row.weight,
            row.weight / sums[row.source_id],
            row.limit,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class SourceDetails:
    """A source with who works there and how many contacts wait.

    Attributes:
        uncovered: when nobody works there though it is open; None if somebody always does, or nobody has looked.
    """

    source: SourceListed
    shares: tuple[Share, ...]
    waiting: int
    uncovered: Uncovered | None = None


def details(s: Session, *, source_id: int, now: datetime | None = None) -> SourceDetails:
    """Everything that a source's screen shows. Raises SourceNotFound.

    Args:
        now: to look for hours of the next days that nobody covers.
    """
    source = sources.one(s, source_id=source_id)
    mine = tuple(share for share in shares(s) if share.source_id == source_id)
    gaps = coverage.gaps(s, now=now, source_id=source_id) if now is not None else []
    return SourceDetails(source, mine, waiting_list.length(s, source_id=source_id), gaps[0] if gaps else None)


def overview(s: Session, *, now: datetime | None = None) -> list[SourceDetails]:
    """Every source with who works there and how many contacts wait, in order of creation; `now` as for `details`."""
    gaps = {one.source_id: one for one in coverage.gaps(s, now=now)} if now is not None else {}
    by_source: dict[int, list[Share]] = {}
    for share in shares(s):
        by_source.setdefault(share.source_id, []).append(share)
    waiting = waiting_list.lengths(s)
    return [
        SourceDetails(known, tuple(by_source.get(known.id, ())), waiting.get(known.id, 0), gaps.get(known.id))
        for known in sources.listing(s)
    ]
