"""What clients write after their contact was closed: a thank-you is no new request, a further question is one.

For `late_hours` of its source, such a message joins the closed contact, and whoever had it sees it there and says what
it is: they open the contact again, or it is not needed. If they are not there, or say nothing for `DECIDED_WITHIN`, it
opens a new contact by the usual rules, theirs if possible, so that nobody waits in vain. Until then the client is told
nothing.

`contacts.late_from` is the first message of which nothing was decided. Whoever decides clears it, under the contact's
lock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.contacts import cards, lifecycle, reopening
from crm_core.contacts.checks import check_former
from crm_core.contacts.lifecycle import ClientChat, LateWords, Opened
from crm_core.conversation import forum_lines
from crm_core.errors import LateSettled, LateUnseen, OperatorNotFound
from crm_core.messaging import card_edits, forum_rows, giving_up, messages, outbox
from crm_core.messaging.messages import MessageContent
from crm_core.routing import queue, relief
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import one_candidate
from crm_core.routing.choose import Exclusion, exclusion
from crm_core.routing.duty import BUSY
from crm_core.routing.source_facts import source_facts
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_contact, lock_sources
from crm_core.storage.tables import Contact, Message, Source

DECIDED_WITHIN = timedelta(minutes=5)
AT_ONCE = 50  # contacts that one run of the job looks at

_contact, _message, _source = Contact.__table__, Message.__table__, Source.__table__
_said_at = _message.c.created_at


@dataclass(frozen=True, slots=True)
class Closed:
    """The contact that a client's message would join though it is closed."""

    id: int
    version: int
    source_id: int
    operator_id: int | None
    late_from: int | None
    bot_id: int
    chat_id: int


_NEWEST = (
    select(
        _contact.c.id,
        _contact.c.version,
        _contact.c.source_id,
        _contact.c.operator_id,
        _contact.c.late_from,
        _contact.c.closed_at,
        _source.c.late_hours,
    )
    .join(_source, _source.c.id == _contact.c.source_id)
    .where(
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.bot_id == bindparam("bot_id"),
        _contact.c.chat_id == bindparam("chat_id"),
        _contact.c.status == "closed",
    )
    .order_by(_contact.c.closed_at.desc())
    .limit(1)
)


def closed_lately(s: Session, *, lead_id: int, bot_id: int, chat_id: int, now: datetime) -> Closed | None:
    """The contact of a client's chat that was closed last, unless that is longer ago than its source's `late_hours`."""
    row = execute(s, _NEWEST, {"lead_id": lead_id, "bot_id": bot_id, "chat_id": chat_id}).one_or_none()
    if row is None or row.closed_at is None or row.closed_at <= now - timedelta(hours=row.late_hours):
        return None
    return Closed(row.id, row.version, row.source_id, row.operator_id, row.late_from, bot_id, chat_id)


def join(s: Session, closed: Closed, content: MessageContent, *, now: datetime) -> bool | None:
    """Adds a message to a closed contact, and shows it to who had it.

    Returns False where it opens a new contact instead, since they are not there and nothing else waits for them; None
    if the contact was changed meanwhile, and is to be read again.
    """
    chat_id = _chat_of_who_had_it(s, closed)
    if chat_id is None and closed.late_from is None:
        return False
    if not lock_contact(s, closed.id, version=closed.version):
        return None
    contact = access_contact(s, closed.id)
    if contact.late_from != closed.late_from:  # which changes no version: what waited has just been decided
        return None
    original = messages.store(s, content, contact_id=closed.id, author="client", now=now)
    is_first = closed.late_from is None
    if is_first:
        _settle(s, contact, late_from=original.id)
    if chat_id is not None:
        to = (contact.bot_id, chat_id, closed.id)
        # No card changes before it is there: it folds the earlier one.
        card = [outbox.OutboxEntry(outbox.CARD, *to)] if is_first else []
        outbox.add(s, [*card, messages.copy(outbox.TO_OPERATOR, original, *to)], now=now)
    forum_rows.add_known(s, closed.id, now=now)
    return True


_CAN_READ = frozenset({Exclusion.OFFLINE, Exclusion.OFF_SHIFT, Exclusion.NO_SKILL}) | BUSY


def _chat_of_who_had_it(s: Session, closed: Closed) -> int | None:
    """The chat of the operator who had a contact; None if they are gone, off, offline, off shift, unreachable or full.

    Where words are before them already, they get further ones though they are offline, off shift or full: they are not
    to decide about what they have not seen.
    """
    if closed.operator_id is None:
        return None
    source = queue.as_seen_by(source_facts(s, closed.source_id), chat_id=closed.chat_id, bot_id=closed.bot_id)
    try:
        had_it = one_candidate(s, source, operator_id=closed.operator_id).candidate
    except OperatorNotFound:
        return None
    why_not = exclusion(had_it)
    is_there = why_not is None or (closed.late_from is not None and why_not in _CAN_READ)
    return had_it.chat_id if is_there else None


_SETTLE = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"), _contact.c.version == bindparam("seen"))
    .values(late_from=bindparam("late"))  # no new version: buttons of before mean what they meant
)


def _settle(s: Session, contact: Row[Any], *, late_from: int | None) -> None:
    """Stores from which message on something is undecided, None for nothing. Raises LateSettled."""
    values = {"contact_id": contact.id, "seen": contact.version, "late": late_from}
    change_one(s, _SETTLE, values, otherwise=LateSettled(contact=contact.id))


def dismiss(s: Session, *, contact_id: int, actor: Actor, now: datetime) -> None:
    """The operator says that what came after closing needs nothing. It counts nowhere; it stays in the history.

    Raises NotAllowed, ContactNotFound, ContactHeld, LateSettled; LateUnseen while some of it is on its way to them.
    """
    operator = access_operator(s, actor)
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    check_former(s, contact, operator.id)
    if contact.late_from is None:
        raise LateSettled(contact=contact_id)
    if giving_up.is_on_its_way(s, contact_id=contact_id):
        raise LateUnseen(contact=contact_id)
    _settle(s, contact, late_from=None)
    dismissed = events.of_contact(events.LATE_DISMISSED, contact, actor=actor.label, now=now, operator_id=operator.id)
    events.record(s, [dismissed])
    card_edits.refresh_all(s, contact_id=contact_id, now=now)


# What follows a contact that was moved is a new one where the client writes.
_CAME_IN_AT = func.coalesce(_contact.c.first_source_id, _contact.c.source_id)
_DUE = (
    select(_contact.c.id, _CAME_IN_AT.label("source_id"))
    .join(_message, _message.c.id == _contact.c.late_from)
    .where(_contact.c.late_from.is_not(None), _said_at <= bindparam("due", type_=_said_at.type))
    .order_by(_contact.c.late_from)
    .limit(AT_ONCE)
)


def due(s: Session, *, now: datetime) -> list[tuple[int, int]]:
    """Closed contacts whose late messages have waited long enough, oldest first: (contact, source)."""
    return [(row.id, row.source_id) for row in execute(s, _DUE, {"due": now - DECIDED_WITHIN})]


def renew(s: Session, *, contact_id: int, source_id: int, now: datetime, rng: Rng) -> Opened | None:
    """Opens a new contact of what came after closing, unless somebody has decided meanwhile.

    If the client has opened another one there meanwhile, the messages join that one; None is returned then.

    Args:
        source_id: where the closed one came in.
    """
    lock_sources(s, [source_id])
    lock_contact(s, contact_id)
    contact = access_contact(s, contact_id)
    if contact.late_from is None:
        return None
    said = messages.said(s, contact_id, first=contact.late_from)
    _settle(s, contact, late_from=None)
    _drop_waiting(s, contact, now=now)
    card_edits.refresh_all(s, contact_id=contact_id, now=now)
    other = reopening.open_there(s, contact, source_id=source_id)
    if other is not None:
        _join(s, other, said, now=now)
        return None
    return lifecycle.open_contact(
        s,
        source=source_facts(s, source_id),
        lead_id=contact.lead_id,
        content=None,
        chat=ClientChat(contact.bot_id, contact.chat_id),
        now=now,
        rng=rng,
        late=LateWords(said, contact.operator_id),
    )


def _drop_waiting(s: Session, contact: Row[Any], *, now: datetime) -> None:
    """Late words come again with the contact that they open; of what was not shown before closing, the line remains."""
    missed = giving_up.drop_contact(s, contact_id=contact.id, outcome="renewed", now=now)
    missed -= giving_up.given_up_since(s, contact_id=contact.id, first=contact.late_from)
    if contact.operator_id is not None:
        lifecycle.tell_missed(s, contact, missed, operator_id=contact.operator_id, now=now)


def _join(s: Session, other: Row[Any], said: list[messages.Original], *, now: datetime) -> None:
    """Late messages join an open contact, and its operator gets them."""
    lock_contact(s, other.id)
    messages.move(s, said, contact_id=other.id)
    forum_lines.show(s, [one.id for one in said], contact_id=other.id, now=now)
    relief.settle(s, other.id)
    holder = cards.holder(s, contact_id=other.id)
    if holder is not None:
        outbox.add(s, [messages.copy(outbox.TO_OPERATOR, one, *holder, other.id) for one in said], now=now)
