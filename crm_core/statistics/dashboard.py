"""The dashboard of the first founding document: its two lists, of all time."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_core.statistics import recount
from crm_core.statistics.figures import BySource, by_source_of, held_by, source_numbers
from crm_core.statistics.reading import state, totals
from crm_core.team import operators


@dataclass(frozen=True, slots=True)
class OperatorStats:
    """An operator's row on the dashboard (first founding document), of all time.

    Attributes:
        current_leads: open contacts that the operator holds.
        available_capacity: limit minus load, never below 0.
        total_contacts: contacts that the operator holds, or held when they were closed.
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
    """An operator at a source: `weight` is 0 for an operator who has contacts there but no longer a weight."""

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
    """Every operator who is not removed, by name, with their load and their number of contacts."""
    by_source = _of_all_time(s)
    return [
        OperatorStats(
            one.id, one.name, one.is_active, one.max_leads, one.current_leads, one.free, held_by(by_source, one.id)
        )
        for one in operators.listing(s)
    ]


def source_stats(s: Session) -> list[SourceStats]:
    """Every source in order of creation, with the operators who have a weight or contacts there."""
    return [
        SourceStats(
            one.source.id,
            one.source.name,
            one.contacts,
            tuple(
                AssignedStats(share.operator_id, share.operator, share.weight, share.contacts) for share in one.shares
            ),
        )
        for one in source_numbers(s, _of_all_time(s), operators.listing(s), {})
    ]


def _of_all_time(s: Session) -> BySource:
    # These rows cannot say that they are incomplete: while sums are rebuilt, contacts are counted the slow way.
    return recount.by_source(s) if state(s).behind else by_source_of(totals(s, since=None, lengths=False))
