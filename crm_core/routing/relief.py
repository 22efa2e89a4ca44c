"""What a contact that waits for its client takes off its operator's load, in hundredths of a contact.

A source says how much such a contact counts (`waiting_load`); the rest to a whole one is its relief. It stands in the
contact's row, and the sum of them in the operator's, so that a choice needs to look nowhere else; all are 0 where every
source counts fully. Whoever changes what it depends on (words, a take, an operator, sleep) calls `settle` afterwards,
having locked the operator before the contact.
"""

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.orm import Session

from crm_core.messaging.answers import WAITS_SINCE
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Operator, Source

WHOLE = 100
"""What an active contact counts in the load."""

_contact, _operator = Contact.__table__, Operator.__table__
_SETTING = Prepared(
    select(Source.waiting_load)
    .join(_contact, _contact.c.source_id == Source.id)
    .where(_contact.c.id == bindparam("contact_id"))
)
_STATE = (
    select(
        _contact.c.id,
        _contact.c.operator_id,
        _contact.c.relief,
        Source.waiting_load,
        (
            (_contact.c.status != "closed")
            & _contact.c.offered_at.is_(None)
            & _contact.c.wakes_at.is_(None)
            & WAITS_SINCE.is_(None)
        ).label("waits_for_client"),
    )
    .join(Source, Source.id == _contact.c.source_id)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.operator_id.is_not(None))
)
_NOTE = update(_contact).where(_contact.c.id == bindparam("contact_id")).values(relief=bindparam("due"))
_ADD = (
    update(_operator)
    .where(_operator.c.id == bindparam("operator"))
    .values(relief=_operator.c.relief + bindparam("more"))
)


def counts_less(s: Session, contact_id: int) -> bool:
    """Whether a contact counts less while it waits for its client."""
    waiting_load: int | None = execute(s, _SETTING, {"contact_id": contact_id}).scalar_one_or_none()
    return waiting_load is not None and waiting_load < WHOLE


def settle(s: Session, contact_id: int) -> bool:
    """Brings the relief of a contact up to date, and that of its operator. Returns whether their load fell."""
    row = execute(s, _STATE, {"contact_id": contact_id}).one_or_none()
    if row is None:
        return False
    due = WHOLE - row.waiting_load if row.waits_for_client else 0
    if due == row.relief:
        return False
    execute(s, _NOTE, {"contact_id": contact_id, "due": due})
    execute(s, _ADD, {"operator": row.operator_id, "more": due - row.relief})
    return bool(due > row.relief)


_HELD_AT = (
    select(_contact.c.id, _contact.c.operator_id)
    .where(text("contacts.status <> 'closed'"), _contact.c.operator_id > 0, _contact.c.source_id == bindparam("at"))
    .order_by(_contact.c.operator_id)
)


def holders(s: Session, source_id: int) -> set[int]:
    """Who holds open contacts of a source."""
    return {row.operator_id for row in execute(s, _HELD_AT, {"at": source_id})}


def source_changed(s: Session, source_id: int) -> None:
    """What is held of a source counts as that says now. The caller has locked the source and the holders."""
    for row in execute(s, _HELD_AT, {"at": source_id}).all():
        settle(s, row.id)
