"""Sources that nobody covers at some hour of the days to come, by the working hours of their operators."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable
from crm_core.hours.together import uncovered
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator, Source, Weight

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A source with hours of the next seven days at which it is open, and nobody works who has a weight there.

    Attributes:
        zone: of its hours, or else of an operator's.
        gaps: from and until of each, in order; none where nobody has a weight at all.
    """

    source_id: int
    source: str
    zone: str
    gaps: tuple[tuple[datetime, datetime], ...]


_SOURCES = select(Source.id, Source.name, Source.hours).where(Source.is_active).order_by(Source.id)
_WORKING = (
    select(Weight.source_id, Operator.hours)
    .join(Operator, Operator.id == Weight.operator_id)
    .where(Operator.removed_at.is_(None), Operator.is_active)
)


def gaps(s: Session, *, now: datetime, source_id: int | None = None) -> list[Uncovered]:
    """The sources that are switched on and that nobody covers at some hour of the next seven days.

    Whether somebody is online does not count, and hours that cannot be read count as always.

    Args:
        source_id: of one source alone.
    """
    only = () if source_id is None else (Source.id == source_id,)
    working: defaultdict[int, list[Calendar | None]] = defaultdict(list)
    for row in execute(s, _WORKING if source_id is None else _WORKING.where(Weight.source_id == source_id)):
        working[row.source_id].append(readable(row.hours))
    found = []
    for row in execute(s, _SOURCES.where(*only)):
        there, own = working[row.id], readable(row.hours)
        calendars = [one for one in there if one is not None]
        if len(calendars) < len(there):
            continue  # somebody works always
        stretches = tuple(uncovered(own, calendars, now, now + WEEK)) if there else ()
        if stretches or not there:
            zone = own.zone if own is not None else calendars[0].zone if calendars else "UTC"
            found.append(Uncovered(row.id, row.name, zone, stretches))
    return found
