"""Settings as they are stored now, as a replay makes them: for what somebody wants to see though it is set already."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.hours.stored import readable
from crm_core.replay.playable import PLAYABLE, Of
from crm_core.replay.settings import Key
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator, Source, Weight

_OPERATORS = {"limit": "max_leads", "ceiling": "max_held"}
"""Columns that are not named as their settings are."""


def as_set(
    s: Session, names: Collection[str], *, source_id: int | None = None, operator_id: int | None = None
) -> dict[Key, Any]:
    """The values of those settings that a replay knows.

    Args:
        names: of settings, as the API has them; of others there is nothing.
        source_id, operator_id: whose they are: a source's, an operator's, or of that operator at that source.
    """
    of = Of.OPERATOR if source_id is None else Of.SOURCE if operator_id is None else Of.BOTH
    known = {one.name for one in PLAYABLE if one.of is of and not {one.name, *one.words}.isdisjoint(names)}
    stored = _stored(s, source_id, operator_id)
    return {Key(name, source_id or 0, operator_id or 0): _value(name, stored) for name in known}


def _value(name: str, stored: Mapping[str, Any]) -> Any:
    return readable(stored[name]) if name == "hours" else stored[name]


def _stored(s: Session, source_id: int | None, operator_id: int | None) -> Mapping[str, Any]:
    if source_id is None:
        row = execute(s, select(Operator.__table__).where(Operator.id == operator_id)).one()._asdict()
        return {**row, **{name: row[column] for name, column in _OPERATORS.items()}}
    if operator_id is None:
        return execute(s, select(Source.__table__).where(Source.id == source_id)).one()._asdict()
    there = select(Weight.weight, Weight.limit).where(Weight.source_id == source_id, Weight.operator_id == operator_id)
    found = execute(s, there).one_or_none()
    return {"weight": 0, "limit": None} if found is None else found._asdict()
