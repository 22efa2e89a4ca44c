"""Integrity checks of a database, and what in it needs a person: for `mini-crm doctor`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.routing import coverage, queue, sources, waiting_list
from crm_core.routing.coverage import Uncovered
from crm_core.statistics import Difference
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, InboxRow, Operator, OutboxRow, Weight
from crm_core.team import accounts, operators


@dataclass(frozen=True, slots=True)
class WrongLoad:
    """An operator whose stored load is not the number of their open contacts, without those that sleep."""

    name: str
    kept: int
    counted: int


@dataclass(frozen=True, slots=True)
class Absent:
    """An operator whom contacts cannot reach: not joined, or not started, or blocked, a bot that they serve."""

    name: str
    has_joined: bool
    missing_bots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkup:
    """Everything that was found.

    Attributes:
        dead_updates, dead_deliveries, uncertain: rows that were given up, or may not have arrived, in the last seven
            days (older ones are purged).
        deserted: names of active sources at which no operator has a weight.
        uncovered: active sources at which operators have a weight, and none works at some hour of the next seven days.
        wrong_sums: figures of the statistics that differ from a plain count of the contacts.
    """

    has_admin: bool
    wrong_loads: tuple[WrongLoad, ...]
    absent: tuple[Absent, ...]
    deserted: tuple[str, ...]
    uncovered: tuple[Uncovered, ...]
    wrong_sums: tuple[Difference, ...]
    waiting: int
    dead_updates: int
    dead_deliveries: int
    uncertain: int


def examine(s: Session, *, now: datetime) -> Checkup:
    """Checks a database of the newest revision; changes nothing."""
    inbox = {row[0]: row[1] for row in execute(s, select(InboxRow.state, func.count()).group_by(InboxRow.state))}
    outbox = {row[0]: row[1] for row in execute(s, select(OutboxRow.state, func.count()).group_by(OutboxRow.state))}
    return Checkup(
        has_admin=accounts.has_admin(s),
        wrong_loads=tuple(_wrong_loads(s)),
        absent=tuple(
            Absent(one.name, one.telegram_id is not None, one.missing_bots)
            for one in operators.listing(s)
            if one.is_active and (one.telegram_id is None or one.missing_bots)
        ),
        deserted=tuple(_deserted(s)),
        uncovered=tuple(one for one in coverage.gaps(s, now=now) if one.gaps),
        wrong_sums=tuple(statistics.differences(s)),
        waiting=waiting_list.length(s),
        dead_updates=inbox.get("dead", 0),
        dead_deliveries=outbox.get("dead", 0),
        uncertain=outbox.get("uncertain", 0),
    )


def _wrong_loads(s: Session) -> list[WrongLoad]:
    counted = func.count(Contact.id)
    rows = execute(
        s,
        select(Operator.name, Operator.current_leads, counted)
        .outerjoin(Contact, and_(Contact.operator_id == Operator.id, queue.OPEN, Contact.wakes_at.is_(None)))
        .group_by(Operator.id, Operator.name, Operator.current_leads)
        .having(Operator.current_leads != counted)
        .order_by(Operator.id),
    )
    return [WrongLoad(*row) for row in rows]


def _deserted(s: Session) -> list[str]:
    served = set(execute(s, select(Weight.source_id).distinct()).scalars())
    return [one.name for one in sources.listing(s) if one.is_active and one.id not in served]
