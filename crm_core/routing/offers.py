"""Offers: a contact that is shown to an operator, who holds a place for it, until they take it, decline it or miss it.

Until then it stands in the contact's row (`offered_at`, `offer_ends_at`), as a contact of that operator that nobody has
taken. What came of it when an operator had a contact before is kept (`asked`), and excludes them
(`crm_core.routing.choose.Asked`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, exists, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.events import NewEvent
from crm_core.hours.stored import readable_text
from crm_core.routing import given, ledger
from crm_core.routing.choose import Asked
from crm_core.routing.decisions import read
from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import AskedOperator, Contact, Event, Operator, Staff

_contact, _asked = Contact.__table__, AskedOperator.__table__

NOT_OFFERED = {"offered_at": None, "offer_ends_at": None}
"""What an UPDATE of a contact sets once it is taken, or has no operator any more."""


_OPEN = (
    select(_contact.c.source_id, func.count()).where(_contact.c.offered_at.is_not(None)).group_by(_contact.c.source_id)
)


def open_offers(s: Session) -> dict[int, int]:
    """How many contacts are offered now and not taken, by source; of sources where any are."""
    return {row[0]: row[1] for row in execute(s, _OPEN)}


@dataclass(frozen=True, slots=True)
class Offer:
    """A contact that becomes an operator's when they take it.

    Attributes:
        ends_at: when it is missed; None where it stays with whoever missed it before, since nobody else can get it.
    """

    at: datetime
    ends_at: datetime | None

    def event(self, contact_id: int, source_id: int, operator_id: int) -> NewEvent:
        """What is recorded of it, beside the assignment."""
        until = None if self.ends_at is None else self.ends_at.isoformat()
        return NewEvent(
            events.CONTACT_OFFERED,
            self.at,
            events.SYSTEM,
            contact_id=contact_id,
            source_id=source_id,
            operator_id=operator_id,
            data={"until": until},
        )


def make(
    *,
    hours: str | None,
    seconds: int,
    now: datetime,
    before: Asked | None = None,
    is_escalated: bool = False,
) -> Offer | None:
    """The offer of a contact to an operator who was chosen for it; None where the source offers none.

    Args:
        hours: of the operator, as they are stored; None for one who works at any time.
        seconds: of the source: how long an offer lasts, in the operator's working time.
        before: what came of it when they had this contact before.
        is_escalated: whether admins were told already that nobody takes it: then there is no hurry for the last one.
    """
    if not seconds:
        return None
    if is_escalated and before is not None:
        return Offer(now, None)
    return Offer(now, _ends_at(hours, timedelta(seconds=seconds), now))


def _ends_at(hours: str | None, time: timedelta, now: datetime) -> datetime | None:
    """When so much of an operator's working time has passed; None if that does not come within a year."""
    calendar = readable_text(hours)
    return now + time if calendar is None else calendar.after(now, time)


_HOURS = select(cast(Operator.hours, Text)).where(Operator.id == bindparam("operator_id"))


def hours_of(s: Session, operator_id: int) -> str | None:
    """The working hours of an operator, as they are stored."""
    found: str | None = execute(s, _HOURS, {"operator_id": operator_id}).scalar_one_or_none()
    return found


_OF_CONTACT = select(_asked.c.operator_id, _asked.c.outcome).where(_asked.c.contact_id == bindparam("contact_id"))


def asked_of(s: Session, contact_id: int) -> dict[int, Asked]:
    """Who had a contact before, and what came of that."""
    return {row.operator_id: Asked(row.outcome) for row in execute(s, _OF_CONTACT, {"contact_id": contact_id})}


def with_asked(s: Session, source: SourceFacts, contact_id: int) -> SourceFacts:
    """A source as a contact sees it that operators had before."""
    return replace(source, asked=asked_of(s, contact_id))


def note_asked(s: Session, *, contact_id: int, operator_id: int, outcome: Asked) -> None:
    """Keeps what came of it that an operator had a contact."""
    values = {"contact_id": contact_id, "operator_id": operator_id, "outcome": outcome.value}
    noted = dialect_insert(s, _asked).values(values)
    execute(s, noted.on_conflict_do_update(index_elements=["contact_id", "operator_id"], set_=values))
    execute(s, update(_contact).where(_contact.c.id == contact_id).values(is_asked=True))


def refuse_declined(s: Session, *, contact_id: int) -> None:
    """Whoever has declined a contact is not asked again."""
    declined = (_asked.c.contact_id == contact_id, _asked.c.outcome == Asked.DECLINED.value)
    execute(s, update(_asked).where(*declined).values(outcome=Asked.REFUSED.value))


_ANSWERED = Prepared(
    update(Operator.__table__)
    .where(
        Operator.id == bindparam("of_operator"),
        Operator.missed_offers > 0,
        exists().where(
            _contact.c.id == bindparam("contact_id"),
            _contact.c.operator_id == bindparam("of_operator"),
            _contact.c.offered_at.is_not(None),
        ),
    )
    .values(missed_offers=0)
)


def answered(s: Session, *, contact_id: int, operator_id: int) -> None:
    """An operator deals with a contact: if it is offered to them, what they missed before does not count any more.

    The caller has not locked the contact yet, or holds the operator's lock.
    """
    execute(s, _ANSWERED, {"contact_id": contact_id, "of_operator": operator_id})


_OFFERED_TO = select(_contact.c.id).where(
    _contact.c.id == bindparam("contact_id"),
    _contact.c.offered_at.is_not(None),
    _contact.c.operator_id
    == select(Staff.operator_id).where(Staff.telegram_id == bindparam("chat_id")).scalar_subquery(),
)


def is_offered_to(s: Session, *, contact_id: int, chat_id: int) -> bool:
    """Whether a contact is still offered to whoever has this chat with the bots."""
    return execute(s, _OFFERED_TO, {"contact_id": contact_id, "chat_id": chat_id}).first() is not None


_LAST_DECISION = (
    select(Event.decision)
    .where(Event.contact_id == bindparam("contact_id"), Event.kind == events.CONTACT_ASSIGNED)
    .order_by(Event.id.desc())
    .limit(1)
)


def undo_draw(s: Session, contact: Row[Any]) -> None:
    """Takes back what the choice of an offered contact cost and earned, and that its operator was given it.

    The caller holds the lock of its source.

    Args:
        contact: its `id`, `source_id`, `operator_id` and `offered_at`; nothing happens if it is not offered.
    """
    if contact.offered_at is None:
        return
    given.take_back(s, contact_id=contact.id, operator_id=contact.operator_id)
    decision = execute(s, _LAST_DECISION, {"contact_id": contact.id}).scalar_one_or_none()
    if decision is not None:
        ledger.undo(s, source_id=contact.source_id, decision=read(decision))
