"""The slow way: counting the contacts themselves, to check the sums and to replace them while they are rebuilt."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, case, func, select, type_coerce
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.statistics.reading import state, totals
from crm_core.statistics.sums import Sums
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact

_contact = Contact.__table__
_ENDS = {
    events.CONTACT_ASSIGNED: _contact.c.assigned_at,
    events.CONTACT_TAKEN: _contact.c.taken_at,
    events.REPLIED: _contact.c.replied_at,
}


def by_source(s: Session) -> dict[int, dict[int, Sums]]:
    """Contacts per source and operator (0: all of the source), as if each had been assigned by a draw.

    One that was moved was opened at the source where it came in, and is its operator's at the one where it is.
    """
    found: defaultdict[int, dict[int, Sums]] = defaultdict(dict)
    number = func.count().label("number")
    grouping = (_contact.c.first_source_id, _contact.c.source_id, _contact.c.operator_id)
    for first_id, source_id, operator_id, count in execute(s, select(*grouping, number).group_by(*grouping)):
        found[first_id or source_id].setdefault(0, Sums()).opened += count
        if operator_id is not None:
            found[source_id].setdefault(operator_id, Sums()).drawn += count
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure for which the sums and a count of the contacts differ."""

    what: str
    tallied: int
    counted: int


def differences(s: Session) -> list[Difference]:
    """Compares the figures of all time with a plain count of the contacts. Takes seconds if there are many.

    Nothing is compared while the sums are being rebuilt.
    """
    return [] if state(s).behind else list(_differences(s))


def _differences(s: Session) -> Iterator[Difference]:
    found, counted = totals(s, since=None), by_source(s)
    plain = {(source_id, one): sums for source_id, theirs in counted.items() for one, sums in theirs.items()}
    for place in sorted(found.sums.keys() | plain.keys()):
        ours, theirs = found.sums.get(place, Sums()), plain.get(place, Sums())
        whose = f"source {place[0]}" + (f", operator {place[1]}" if place[1] else "")
        if (ours.opened, ours.held) != (theirs.opened, theirs.held):
            yield Difference(f"contacts of {whose}", ours.opened + ours.held, theirs.opened + theirs.held)
    for kind, ended in _ENDS.items():
        passed = type_coerce(ended, BigInteger) - type_coerce(_contact.c.created_at, BigInteger)
        passed = case((passed < 0, 0), else_=passed)  # as `Histogram.add` does
        number, total = execute(
            s, select(func.count(), func.coalesce(func.sum(passed), 0)).where(ended.is_not(None))
        ).one()
        ours_lengths = found.lengths[kind]
        if sum(ours_lengths.counts.values()) != number:
            yield Difference(f"{kind}, how often", sum(ours_lengths.counts.values()), number)
        elif ours_lengths.total != total:
            yield Difference(f"{kind}, milliseconds in all", ours_lengths.total, int(total))
