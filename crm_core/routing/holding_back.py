"""Records what a ramp (`crm_core.routing.ramps`) holds back: contacts that would have had an operator without it.

Each look at the queue finds the same ones again, so an event is written once for each contact and hold, and for as many
contacts as those operators have places for: what is further back would wait without a ramp, too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, exists, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.routing import queue, ramps
from crm_core.routing.choose import Candidate, Choice, Exclusion, free_places, held_back
from crm_core.routing.decisions import read
from crm_core.routing.source_facts import WAITS, WAITS_SINCE
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Event

_contact, _event = Contact.__table__, Event.__table__

AT_ONCE = 50
"""How many contacts one look records; the next look goes on."""

ONE_HOLD = timedelta(hours=1)
"""What is held back again so soon is one hold: somebody goes for a moment, or the clock was set back."""

_IS_RECORDED = exists().where(
    _event.c.contact_id == _contact.c.id,
    _event.c.kind == events.CONTACT_HELD_BACK,
    _event.c.at >= bindparam("recorded", type_=_event.c.at.type),
)
_ONE = select(_contact.c.id, _IS_RECORDED.label("is_recorded")).where(_contact.c.id == bindparam("contact_id"))
_ALIKE = (
    select(_contact.c.id, _IS_RECORDED.label("is_recorded"))
    .where(
        *WAITS,
        _contact.c.source_id == bindparam("source_id"),
        _contact.c.needs.is_not_distinct_from(bindparam("needs", type_=_contact.c.needs.type)),
        _contact.c.first_source_id.is_(None),
        _contact.c.is_asked.is_(False),
        bindparam("came", type_=_contact.c.created_at.type) > WAITS_SINCE,
    )
    .order_by(*queue.LINE)
    .limit(bindparam("places"))
)


@dataclass(slots=True)
class HoldingBack:
    """What ramps hold back in one look at the queue.

    Attributes:
        taken: how many places of each operator go to those that were looked at, first in line first.
        seen: these.
    """

    taken: Counter[int] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)

    def record(self, s: Session, *, contact: Row[Any], choice: Choice, came: datetime, now: datetime) -> None:
        """Records that a ramp holds back a contact, and those behind it that wait for the same.

        Args:
            contact: the first in line of those that were not looked at yet.
            choice: that found nobody for it.
            came: the first moment at which somebody came of those whom a ramp excludes.
        """
        if choice.decision is None:
            return
        operators = held_back(read(choice.decision).candidates)
        places = sum(map(self._left, operators))
        if places <= 0:
            return
        found = _waiting(s, contact, came=came, places=min(AT_ONCE, places), recorded=min(came, now - ONE_HOLD))
        looked_at = [row for row in found if row.id not in self.seen]
        self._take(operators, [row.id for row in looked_at])
        fresh = [row.id for row in looked_at if not row.is_recorded]
        _write(s, fresh, contact.source_id, operators, choice.decision, now)

    def _left(self, one: Candidate) -> int:
        return max(0, free_places(one) - self.taken[one.operator_id])

    def _take(self, operators: Sequence[Candidate], ids: Sequence[int]) -> None:
        self.seen.update(ids)
        left = len(ids)
        for one in operators:
            gets = min(left, self._left(one))
            self.taken[one.operator_id] += gets
            left -= gets


def _waiting(s: Session, contact: Row[Any], *, came: datetime, places: int, recorded: datetime) -> Sequence[Row[Any]]:
    """The contact, and those that wait for the same operators like it, at most so many; and which are recorded."""
    if contact.is_asked or contact.first_source_id is not None:  # of those each finds somebody else
        return execute(s, _ONE, {"contact_id": contact.id, "recorded": recorded}).all()
    alike = {"source_id": contact.source_id, "needs": contact.needs, "came": came, "places": places}
    return execute(s, _ALIKE, {**alike, "recorded": recorded}).all()


def _write(
    s: Session, ids: Sequence[int], source_id: int, operators: Sequence[Candidate], decision: str, now: datetime
) -> None:
    if not ids:
        return
    until = ramps.goes_on_at(s, operators)
    data = None if until is None else {"until": until.isoformat()}
    held = [
        events.NewEvent(
            events.CONTACT_HELD_BACK,
            now,
            events.SYSTEM,
            contact_id=one,
            source_id=source_id,
            reason=Exclusion.RAMP.value,
            data=data,
            decision=decision,
        )
        for one in ids
    ]
    events.record(s, held)
