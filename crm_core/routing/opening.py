"""When somebody's shift begins next: what a client is told who writes while nobody is there."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.hours.stored import readable
from crm_core.routing import duty
from crm_core.routing.choose import Choice, Exclusion
from crm_core.storage.execute import execute
from crm_core.storage.tables import Operator

_HOURS = select(Operator.hours).where(Operator.id.in_(bindparam("ids", expanding=True)), Operator.hours.is_not(None))


def told_of_absence(s: Session, choice: Choice, now: datetime) -> dict[str, Any]:
    """What the client of a waiting contact is told where nobody is there: that it is so, and when a shift begins.

    Args:
        choice: the one that found nobody. Whom anything else keeps from the contact than their hours is not waited for.

    Returns fields of the notice: `away`, and if a shift is known `opens` (seconds since 1970) and its `zone`.
    """
    if not duty.is_away(choice.reason):
        return {}
    ids = [operator_id for operator_id, why in choice.excluded if why is Exclusion.OFF_SHIFT]
    calendars = map(readable, execute(s, _HOURS, {"ids": ids}).scalars()) if ids else ()
    opens = [(at, one.zone) for one in calendars if one is not None and (at := one.opens_after(now)) is not None]
    if not opens:
        return {"away": True}
    at, zone = min(opens)
    return {"away": True, "opens": int(at.timestamp()), "zone": zone}
