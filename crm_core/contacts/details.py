"""One contact as the API shows it: with its messages, whether they were delivered, and its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm_core.access.actors import access_contact
from crm_core.contacts import lists
from crm_core.messaging import outbox
from crm_core.routing.waiting_now import Waits, why_it_waits_now
from crm_core.storage.execute import execute
from crm_core.storage.paging import Page
from crm_core.storage.tables import Event, Message, OutboxRow, Posted

_message, _event = Message.__table__, Event.__table__
_outbox, _posted = OutboxRow.__table__, Posted.__table__


@dataclass(frozen=True, slots=True)
class MessageShown:
    """A message of a contact.

    Attributes:
        delivery: of an operator's message to a client in Telegram: `pending`, `sent`, `uncertain`, `failed`. None for
            other messages, and where it is not known any more.
        reason: why it failed.
    """

    id: int
    author: str
    operator_id: int | None
    kind: str
    text: str | None
    forwarded_from: str | None
    created_at: datetime
    delivery: str | None = None
    reason: str | None = None


def message(s: Session, *, contact_id: int, message_id: int) -> MessageShown:
    """One message of a contact, as it is now."""
    page = _page(s, select(*_SHOWN).where(_message.c.id == message_id), _message, contact_id, 0, 1, newest_first=True)
    found: MessageShown = _with_deliveries(s, contact_id, page).rows[0]
    return found


_SHOWN = [_message.c[name] for name in ("id", "author", "operator_id", "kind", "text", "forwarded_from", "created_at")]
_DELIVERY = {"pending": "pending", "sending": "pending", "sent": "sent", "uncertain": "uncertain", "dead": "failed"}


def messages(s: Session, *, contact_id: int, skip: int, limit: int, newest_first: bool = False) -> Page:
    """A page of a contact's messages, oldest first by default. Raises ContactNotFound."""
    return _with_deliveries(s, contact_id, _page(s, select(*_SHOWN), _message, contact_id, skip, limit, newest_first))


def _with_deliveries(s: Session, contact_id: int, found: Page) -> Page:
    chat_id = access_contact(s, contact_id).chat_id
    ids = [row.id for row in found.rows if row.author == "operator"]
    sent = _deliveries(s, contact_id, chat_id, ids) if chat_id is not None and ids else {}
    return Page([MessageShown(*row, *sent.get(row.id, (None, None))) for row in found.rows], found.total)


def _deliveries(
    s: Session, contact_id: int, chat_id: int, message_ids: Sequence[int]
) -> dict[int, tuple[str, str | None]]:
    """By message, its delivery to the client and why it failed.

    Settled outbox rows are deleted after a week; that a message was sent is known from `posted` for good.
    """
    posted = select(_posted.c.message_ref).where(
        _posted.c.contact_id == contact_id, _posted.c.chat_id == chat_id, _posted.c.message_ref.in_(message_ids)
    )
    found: dict[int, tuple[str, str | None]] = dict.fromkeys(execute(s, posted).scalars(), ("sent", None))
    tried = select(_outbox.c.message_ref, _outbox.c.state, _outbox.c.outcome).where(
        _outbox.c.contact_id == contact_id, _outbox.c.kind == outbox.TO_CLIENT, _outbox.c.message_ref.in_(message_ids)
    )
    for ref, state, outcome in execute(s, tried):
        found[ref] = _DELIVERY[state], outcome if state == "dead" else None
    withdrawn = select(_message.c.id).where(_message.c.id.in_(message_ids), _message.c.withdrawn_at.is_not(None))
    return found | dict.fromkeys(execute(s, withdrawn).scalars(), ("failed", "withdrawn"))


def history(s: Session, *, contact_id: int, skip: int, limit: int, newest_first: bool = False) -> Page:
    """A page of a contact's events (who, when, what, why), oldest first by default. Raises ContactNotFound."""
    access_contact(s, contact_id)
    columns = (_event.c[name] for name in ("id", "at", "kind", "actor", "source_id", "operator_id", "reason", "data"))
    return _page(s, select(*columns), _event, contact_id, skip, limit, newest_first)


def _page(
    s: Session, statement: Select[Any], table: Any, contact_id: int, skip: int, limit: int, newest_first: bool
) -> Page:
    of_contact = table.c.contact_id == contact_id
    order = table.c.id.desc() if newest_first else table.c.id
    rows = execute(s, statement.where(of_contact).order_by(order).offset(skip).limit(limit)).all()
    return Page(rows, execute(s, select(func.count()).select_from(table).where(of_contact)).scalar_one())


SHOWN_AT_ONCE = 100
"""How many of its newest messages and of its newest events come with a contact; the rest is in their own lists."""


@dataclass(frozen=True, slots=True)
class Details:
    """A contact with its newest messages and events, each oldest first, and the number of all of them.

    Attributes:
        waits: why it waits now; None for one that does not, and for one that is just being given out.
    """

    contact: Any
    messages: Sequence[MessageShown]
    messages_count: int
    events: Sequence[Any]
    events_count: int
    waits: Waits | None


def details(s: Session, *, contact_id: int) -> Details:
    """A contact with its newest messages and events. Raises ContactNotFound."""
    last: dict[str, Any] = {"contact_id": contact_id, "skip": 0, "limit": SHOWN_AT_ONCE, "newest_first": True}
    said, done = messages(s, **last), history(s, **last)
    contact, waits = lists.one(s, contact_id=contact_id), why_it_waits_now(s, contact_id=contact_id)
    return Details(contact, said.rows[::-1], said.total, done.rows[::-1], done.total, waits)
