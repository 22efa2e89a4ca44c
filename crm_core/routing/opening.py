"""When somebody is back: what a client is told who writes while nobody is there, or while the source is closed."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.hours.calendar import Calendar
from crm_core.hours.stored import readable
from crm_core.hours.together import all_open_after
from crm_core.routing import duty
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import Choice, Exclusion, SourceExclusion, exclusion
from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator, Source

_HOURS = select(Operator.id, Operator.hours).where(Operator.id.in_(bindparam("ids", expanding=True)))
_OF_SOURCE = select(Source.hours).where(Source.id == bindparam("source_id"))
_COME_BACK = frozenset({None, Exclusion.OFF_SHIFT, Exclusion.FULL})


def told_of_absence(s: Session, choice: Choice, source: SourceFacts, now: datetime) -> dict[str, Any]:
    """What the client of a waiting contact is told where nobody is there: that it is so, and when somebody is back.

    That is when the source is open and a shift begins.

    Args:
        choice: the one that found nobody. Whom anything else keeps from the contact than their hours is not waited for.

    Returns fields of the notice: `away`, and if the moment is known `opens` (seconds since 1970) and its `zone`.
    """
    if not duty.is_away(choice.reason):
        return {}
    is_closed = choice.reason == SourceExclusion.SOURCE_CLOSED
    if is_closed:
        ids = [one.operator_id for one in candidates(s, source) if exclusion(one) in _COME_BACK]
    else:
        ids = [operator_id for operator_id, why in choice.excluded if why is Exclusion.OFF_SHIFT]
    if not ids and not is_closed:
        return {"away": True}
    back = _back(s, source.id, ids, now)
    if back is None:
        return {"away": True}
    at, zone = back
    return {"away": True, "opens": int(at.timestamp()), "zone": zone}


_ONE = select(Operator.is_online, Operator.on_shift, Operator.hours).where(Operator.id == bindparam("operator_id"))


def told_of_operator(s: Session, operator_id: int, now: datetime) -> dict[str, Any]:
    """What the client of a contact is told whose operator is away: when their next shift begins, if that is known.

    Of whoever is offline nobody knows when they are back. Returns fields of the notice, as `told_of_absence`.
    """
    row = execute(s, _ONE, {"operator_id": operator_id}).one()
    back = _first([readable(row.hours)], now) if row.is_online and not row.on_shift else None
    return {} if back is None else {"opens": int(back[0].timestamp()), "zone": back[1]}


def _back(s: Session, source_id: int, operator_ids: list[int], now: datetime) -> tuple[datetime, str] | None:
    """When the source is open and one of these works, and by whose clock; where there are none, when it opens."""
    of_source = readable(execute(s, _OF_SOURCE, {"source_id": source_id}).scalar_one())
    found = []
    for row in execute(s, _HOURS, {"ids": operator_ids}) if operator_ids else ():
        found.append(_first([of_source, readable(row.hours)], now))
    return min((one for one in found or [_first([of_source], now)] if one is not None), default=None)


def _first(calendars: list[Calendar | None], now: datetime) -> tuple[datetime, str] | None:
    known = [one for one in calendars if one is not None]
    at = all_open_after(known, now) if known else None
    return None if at is None else (at, known[0].zone)
