"""What was set of a source or an operator: when, and by whom. Read from the events, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, literal_column, select, text, union_all
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin, telegram
from crm_core.routing import sources
from crm_core.storage.execute import execute
from crm_core.storage.paging import Page
from crm_core.storage.tables import Event, Staff
from crm_core.team import operators

_event = Event.__table__
_COLUMNS = tuple(_event.c[name] for name in ("id", "at", "kind", "actor", "source_id", "operator_id", "reason", "data"))


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """One change.

    Attributes:
        actor, actor_name: who made it, as events have it, and how they are called, if they are staff.
        operator_id: whose weight it is, of one at a source.
        data: the new values by their names, and of some settings what was `before`.
    """

    id: int
    at: datetime
    kind: str
    actor: str
    actor_name: str | None
    source_id: int | None
    operator_id: int | None
    reason: str | None
    data: dict[str, Any] | None


_NO_SETTINGS = ("online", "offline", "shift_began", "shift_ended", "missed_too_often", "opened", "closed")
"""Reasons of events by which somebody comes or goes, or a source opens or closes by its hours."""


def _of(kind: str, column: str) -> Select[Any]:
    # The kind is written out: only so SQLite uses a partial index.
    of_kind = text(f"events.kind = '{kind}'")
    is_setting = func.coalesce(_event.c.reason, "").not_in([literal_column(f"'{one}'") for one in _NO_SETTINGS])
    return select(*_COLUMNS).where(of_kind, _event.c[column] == bindparam("of"), is_setting)


OF_SOURCE = union_all(_of("source_changed", "source_id"), _of("weight_changed", "source_id"))
OF_OPERATOR = union_all(_of("operator_changed", "operator_id"))


def of_source(s: Session, *, source_id: int, skip: int, limit: int, actor: Actor) -> Page:
    """A page of the changes of a source and of the weights there. Raises NotAllowed, SourceNotFound."""
    access_admin(s, actor)
    sources.one(s, source_id=source_id)
    return _page(s, OF_SOURCE, source_id, skip, limit)


def of_operator(s: Session, *, operator_id: int, skip: int, limit: int, actor: Actor) -> Page:
    """A page of the changes of an operator. Raises NotAllowed, OperatorNotFound."""
    access_admin(s, actor)
    operators.one(s, operator_id=operator_id)
    return _page(s, OF_OPERATOR, operator_id, skip, limit)


def _page(s: Session, found: CompoundSelect[Any], of: int, skip: int, limit: int) -> Page:
    newest = found.order_by(found.selected_columns.id.desc()).offset(skip).limit(limit)
    rows = execute(s, newest, {"of": of}).all()
    names = staff_names(s)
    changes = [SettingChanged(**row._asdict(), actor_name=names.get(row.actor)) for row in rows]
    return Page(changes, execute(s, select(func.count()).select_from(found.subquery()), {"of": of}).scalar_one())


def staff_names(s: Session) -> dict[str, str]:
    """Of staff, by what events call them."""
    return {telegram(row.telegram_id).label: row.name for row in execute(s, select(Staff.telegram_id, Staff.name))}
