"""Contacts that sleep until a moment: they stay their operator's, and count nothing in the load.

That moment stands in the contact's row (`wakes_at`), so nothing depends on when a process runs. Whatever ends the sleep
empties it in the same transaction, under the lock of the row: so a contact wakes once.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact

AT_ONCE = 100
_contact = Contact.__table__


class Ended(StrEnum):
    """What ended a sleep. Events keep these values for good, so a value is never renamed or reused."""

    TIME = "time"
    CLIENT = "client"
    """The client wrote."""
    OPERATOR = "operator"
    """Its operator woke it."""
    BY_HAND = "by_hand"
    """It was assigned to somebody else, or moved to another source."""


BY_ITSELF = frozenset({Ended.TIME, Ended.CLIENT})
"""After these a contact is given by the rules, if it does not stay with its operator."""

_DUE = Prepared(
    select(_contact.c.id)
    .where(
        _contact.c.wakes_at.is_not(None),
        _contact.c.wakes_at <= bindparam("now", type_=_contact.c.wakes_at.type),
    )
    .order_by(_contact.c.wakes_at, _contact.c.id)
    .limit(AT_ONCE)
)


def due(s: Session, *, now: datetime) -> list[int]:
    """The contacts that have slept long enough, the first ones first."""
    return list(execute(s, _DUE, {"now": now}).scalars())


def record_end(s: Session, contact: Row[Any], *, why: Ended, actor: Actor, now: datetime) -> None:
    """Records that a contact woke; the caller empties `wakes_at`."""
    woke = events.of_contact(
        events.CONTACT_WOKE, contact, actor=actor.label, now=now, operator_id=contact.operator_id, reason=why
    )
    events.record(s, [woke])
