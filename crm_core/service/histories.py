"""What happened to contacts, as far as their clocks depend on it: read from events and messages."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.service.clocks import Happened, Kind
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Event, Message

AT_ONCE = 500  # contacts of one statement
_IDS: BindParameter[list[int]] = bindparam("ids", expanding=True)
_CONTACTS = select(Contact.id, Contact.source_id, Contact.lead_id, Contact.chat_id, Contact.created_at).where(
    Contact.id.in_(_IDS)
)
_SAID = (
    select(Message.contact_id, Message.author, Message.created_at)
    .where(Message.contact_id.in_(_IDS), Message.withdrawn_at.is_(None))
    .order_by(Message.id)
)
_KINDS = (
    events.CONTACT_ASSIGNED,
    events.CONTACT_QUEUED,
    events.CONTACT_TAKEN,
    events.CONTACT_CLOSED,
    events.CONTACT_REOPENED,
    events.CONTACT_SNOOZED,
    events.CONTACT_WOKE,
)
_EVENTS = (
    select(Event.contact_id, Event.at, Event.kind, Event.operator_id, Event.reason)
    .where(Event.contact_id.in_(_IDS), Event.kind.in_(_KINDS))
    .order_by(Event.id)
)


@dataclass(frozen=True, slots=True)
class Held:
    """Who held a contact since a moment; nobody: why it was queued."""

    since: datetime
    operator_id: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class History:
    """A contact, and what happened to it in order."""

    contact_id: int
    source_id: int
    lead_id: int
    happened: tuple[Happened, ...]
    held: tuple[Held, ...]


def of_contacts(s: Session, contact_ids: Sequence[int]) -> Iterator[History]:
    """The histories of these contacts."""
    for start in range(0, len(contact_ids), AT_ONCE):
        yield from _some(s, contact_ids[start : start + AT_ONCE])


def _some(s: Session, contact_ids: Sequence[int]) -> Iterator[History]:
    values = {"ids": list(contact_ids)}
    said, changed = defaultdict[int, list[Any]](list), defaultdict[int, list[Any]](list)
    for row in execute(s, _SAID, values):
        said[row.contact_id].append(row)
    for row in execute(s, _EVENTS, values):
        changed[row.contact_id].append(row)
    for contact in execute(s, _CONTACTS, values):
        mine = changed[contact.id]
        happened = tuple(_in_order(contact, said[contact.id], mine))
        held = tuple(
            Held(row.at, row.operator_id if row.kind == events.CONTACT_ASSIGNED else None, row.reason)
            for row in mine
            if row.kind in (events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)
        )
        yield History(contact.id, contact.source_id, contact.lead_id, happened, held)


def _in_order(contact: Any, said: Iterable[Any], changed: Iterable[Any]) -> Iterator[Happened]:
    """All of it as the clocks take it; of one moment, what was said comes first.

    Where there is no chat nobody can answer in writing: there, whoever takes the contact has replied
    (`crm_core.conversation.waiting`). What a client writes while it is closed counts once it is opened again: only then
    it is somebody's.
    """
    found = [Happened(row.created_at, Kind.WROTE if row.author == "client" else Kind.REPLIED) for row in said]
    kinds = {
        events.CONTACT_CLOSED: Kind.CLOSED,
        events.CONTACT_REOPENED: Kind.REOPENED,
        events.CONTACT_SNOOZED: Kind.SNOOZED,
        events.CONTACT_WOKE: Kind.WOKE,
    }
    if contact.chat_id is None:
        kinds[events.CONTACT_TAKEN] = Kind.REPLIED
    found += [Happened(row.at, kinds[row.kind]) for row in changed if row.kind in kinds]
    found.sort(key=lambda one: one.at)  # stable: messages and events are each in order
    # Messages that came after an earlier contact was closed may have opened this one.
    yield Happened(min([contact.created_at, *(one.at for one in found)]), Kind.OPENED)
    is_closed, wrote_late = False, False
    for one in found:
        match one.kind:
            case Kind.CLOSED:
                is_closed = True
            case Kind.REOPENED:
                is_closed = False
            case _ if is_closed:
                wrote_late = wrote_late or one.kind is Kind.WROTE
                continue
        yield one
        if one.kind is Kind.REOPENED and wrote_late:
            wrote_late = False
            yield Happened(one.at, Kind.WROTE)
