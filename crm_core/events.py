"""What happened, for good: a row in the change's own transaction, and a line in the log once it is committed."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Event

LEAD_CREATED = "lead_created"
CONTACT_CREATED = "contact_created"
CONTACT_ASSIGNED = "contact_assigned"
CONTACT_QUEUED = "contact_queued"
CONTACT_TAKEN = "contact_taken"
CONTACT_CLOSED = "contact_closed"
LIMIT_REACHED = "limit_reached"
REPLIED = "replied"
DELIVERY_DEAD = "delivery_dead"
UPDATE_DEAD = "update_dead"
OPERATOR_CHANGED = "operator_changed"
SOURCE_CHANGED = "source_changed"
WEIGHT_CHANGED = "weight_changed"
STAFF_CHANGED = "staff_changed"
LEAD_CHANGED = "lead_changed"
KEY_CHANGED = "key_changed"
PREFERENCE_CHANGED = "preference_changed"
EXPORTED = "exported"
RESTORED = "restored"

SYSTEM = "system"
CLIENT = "client"

_INSERT = Prepared(insert(Event.__table__))


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event: ids and a reason, never anybody's words.

    Attributes:
        actor: `client`, `system`, `tg:<Telegram id>`, `api:<key>` or `shell:<user>`.
        reason: why, as a code, where there was a choice.
    """

    kind: str
    at: datetime
    actor: str
    contact_id: int | None = None
    lead_id: int | None = None
    source_id: int | None = None
    operator_id: int | None = None
    reason: str | None = None
    data: dict[str, Any] | None = None


_FIELDS = tuple(one.name for one in fields(NewEvent))  # `asdict` would copy every value deeply


def record(s: Session, events: Iterable[NewEvent]) -> None:
    """Writes events in one statement and announces them for the log."""
    rows = [{name: getattr(event, name) for name in _FIELDS} for event in events]
    if rows:
        execute(s, _INSERT, rows)
        for event in rows:
            on_commit(s, Logged(event))


@dataclass(frozen=True, slots=True)
class Logged:
    """An event on its way to the log, after the commit."""

    fields: dict[str, Any]
