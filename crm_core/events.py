"""The audit trail: who did what and when. A row in the transaction of the change, and a log line after its commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import fields as fields_of
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol, TypedDict, Unpack

from sqlalchemy import insert
from sqlalchemy.orm import Session

from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Event

LEAD_CREATED = "lead_created"
CONTACT_CREATED = "contact_created"
CONTACT_ASSIGNED = "contact_assigned"
CONTACT_OFFERED = "contact_offered"
CONTACT_QUEUED = "contact_queued"
CONTACT_HELD_BACK = "contact_held_back"
CONTACT_TRANSFERRED = "contact_transferred"
CONTACT_MOVED = "contact_moved"
CONTACT_TAKEN = "contact_taken"
CONTACT_CLOSED = "contact_closed"
CONTACT_REOPENED = "contact_reopened"
CLIENT_TOLD = "client_told"
LATE_DISMISSED = "late_dismissed"
CONTACT_SNOOZED = "contact_snoozed"
CONTACT_WOKE = "contact_woke"
SKILLS_DROPPED = "skills_dropped"
TARGET_NEAR = "target_near"
TARGET_MISSED = "target_missed"
LIMIT_REACHED = "limit_reached"
REPLIED = "replied"
MESSAGE_WITHDRAWN = "message_withdrawn"
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


@dataclass(slots=True)
class NewEvent:
    """One event: ids and a reason, never the content of messages.

    Not to be changed, though not frozen: each contact has three, which would cost it several times as much.

    Attributes:
        actor: `client`, `system`, `tg:<Telegram id>`, `api:<key>` or `shell:<user>`.
        reason: why, as a code, where there was a choice.
        decision: what that choice was made from (`crm_core.routing.decisions`).
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
    decision: str | None = None


class EventFields(TypedDict, total=False):
    """The fields of `NewEvent` that an event may do without, as keyword arguments."""

    contact_id: int | None
    lead_id: int | None
    source_id: int | None
    operator_id: int | None
    reason: str | None
    data: dict[str, Any] | None
    decision: str | None


class _ContactIds(Protocol):
    """A contact's row, or whatever else has its id and its source's."""

    @property
    def id(self) -> int: ...
    @property
    def source_id(self) -> int: ...


def of_contact(kind: str, contact: _ContactIds, *, actor: str, now: datetime, **more: Unpack[EventFields]) -> NewEvent:
    """An event of a contact and its source, to be recorded."""
    fields: EventFields = {"contact_id": contact.id, "source_id": contact.source_id, **more}
    return NewEvent(kind, now, actor, **fields)


def record_one(s: Session, kind: str, *, actor: str, now: datetime, **fields: Unpack[EventFields]) -> None:
    """Writes one event. Several of one action are written in one statement, by `record`."""
    record(s, [NewEvent(kind, now, actor, **fields)])


_FIELDS = tuple(one.name for one in fields_of(NewEvent))  # `asdict` would copy every value deeply
_values = attrgetter(*_FIELDS)


def record(s: Session, events: Iterable[NewEvent]) -> None:
    """Writes events in one statement; each is logged once the transaction is committed."""
    rows: list[dict[str, Any]] = [dict(zip(_FIELDS, _values(event), strict=True)) for event in events]
    if rows:
        execute(s, _INSERT, rows)
        for event in rows:
            on_commit(s, Logged(event))


@dataclass(frozen=True, slots=True)
class Logged:
    """An event that was committed and is to be logged."""

    fields: dict[str, Any]
