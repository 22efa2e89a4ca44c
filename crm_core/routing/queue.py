"""The queue: open contacts without an operator, oldest first.

`assign_waiting` is the one function that gives contacts from the queue to operators. Its caller has locked the sources
first, as does every transaction that queues a contact or frees a place: `crm_core.routing.assignment` says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor
from crm_core.errors import ContactNotFound
from crm_core.messaging import alerts, messages
from crm_core.routing import assignment
from crm_core.routing.assignment import Reservation, Rng
from crm_core.routing.candidates import SourceFacts, candidates, source_facts
from crm_core.routing.choose import Exclusion, SourceExclusion, choose
from crm_core.routing.operator_locks import lock_team
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.tables import Contact, Lead, Operator, Source

_contact = Contact.__table__
# In the words of the index: SQLite uses a partial index only for the very condition that it was made with.
WAITS = (_contact.c.operator_id.is_(None), text("contacts.status = 'new'"))
OPEN = text("contacts.status <> 'closed'")

_OLDEST = (
    select(_contact.c.id, _contact.c.source_id, _contact.c.version, _contact.c.chat_id)
    .where(*WAITS, _contact.c.source_id.in_(bindparam("source_ids", expanding=True)))
    .order_by(_contact.c.id)
    .limit(1)
)
_OLDEST_WITHOUT_CHAT = _OLDEST.where(_contact.c.chat_id.is_(None))
_ASSIGN = (
    update(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.version == bindparam("seen"),
        _contact.c.operator_id.is_(None),
        _contact.c.status == "new",
    )
    .values(assignment.ASSIGNED_VALUES)
)


def assign_waiting(s: Session, *, source_ids: Iterable[int], actor: Actor, now: datetime, rng: Rng) -> int:
    """Assigns waiting contacts of these sources, oldest first, to operators who are free now.

    Called in the transaction of everything that may free a place: a close, a raised limit, an activation, a new
    weight, coming online. Nobody waits while somebody eligible is free.

    The caller has locked these sources and whoever works there, by `operator_locks.hold_operators` or `lock_team`.

    Returns how many contacts were assigned.
    """
    still = set(source_ids)
    given, not_in_telegram = _assign_waiting(s, _OLDEST, still, actor=actor, now=now, rng=rng)
    # Operators who are free but not in Telegram can work on what came through the API, though not on a client's chat.
    more, _ = _assign_waiting(s, _OLDEST_WITHOUT_CHAT, not_in_telegram, actor=actor, now=now, rng=rng)
    return given + more


def _assign_waiting(
    s: Session, oldest_of: Select[Any], still: set[int], *, actor: Actor, now: datetime, rng: Rng
) -> tuple[int, set[int]]:
    """Assigns until nothing waits at these sources or nobody is free.

    Returns how many were assigned, and the sources where a client in Telegram waits because of unreachable operators.
    """
    given, not_in_telegram = 0, set()
    while still:
        oldest = execute(s, oldest_of, {"source_ids": sorted(still)}).one_or_none()
        if oldest is None:
            break
        source = as_seen_by(source_facts(s, oldest.source_id), chat_id=oldest.chat_id)
        place = assignment.reserve_operator(s, source, rng=rng) if source.is_active else None
        if not isinstance(place, Reservation):
            still.discard(source.id)
            if place and oldest.chat_id is not None and Exclusion.UNREACHABLE in {why for _, why in place.excluded}:
                not_in_telegram.add(source.id)
            continue
        assign(s, contact_id=oldest.id, version=oldest.version, source=source, place=place, actor=actor, now=now)
        given += 1
    return given, not_in_telegram


def as_seen_by(source: SourceFacts, *, chat_id: int | None) -> SourceFacts:
    """A source as a contact sees it: a contact from the API can be worked on through the API, at a bot's source too.

    So operators without a Telegram account are eligible for it. Those who have one get its card from the bot.
    """
    return source if chat_id is not None else replace(source, bot_id=None)


def assign(
    s: Session,
    *,
    contact_id: int,
    version: int,
    source: SourceFacts,
    place: Reservation,
    actor: Actor,
    now: datetime,
) -> None:
    """Gives a waiting contact to the operator whose place was reserved, with all that was said meanwhile."""
    values = {"contact_id": contact_id, "seen": version, "to_operator": place.operator_id, "at": now}
    if execute_count(s, _ASSIGN, values) != 1:
        raise RuntimeError("a waiting contact changed under its source's lock")
    said = messages.said_by_client(s, contact_id)
    assignment.announce_assignment(
        s, contact_id=contact_id, source=source, place=place, actor=actor.label, now=now, said=said
    )


_AHEAD = (
    select(func.count())
    .select_from(_contact)
    .where(*WAITS, _contact.c.source_id == bindparam("source_id"), _contact.c.id <= bindparam("contact_id"))
)


def position_of(s: Session, *, contact_id: int, source_id: int) -> int:
    """The position of a waiting contact in the queue of its source, from 1."""
    ahead: int = execute(s, _AHEAD, {"source_id": source_id, "contact_id": contact_id}).scalar_one()
    return ahead


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact in the queue, as a list shows it; `operator` and `is_closed` in case it has left the queue."""

    id: int
    source_name: str
    lead_name: str | None
    message: str | None
    since: datetime
    version: int
    operator: str | None = None
    is_closed: bool = False


_LISTED = (
    select(
        _contact.c.id,
        Source.name,
        Lead.full_name,
        _contact.c.message,
        _contact.c.created_at,
        _contact.c.version,
        Operator.name,
        _contact.c.status == "closed",
    )
    .join(Source, Source.id == _contact.c.source_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
)


def waiting(s: Session, *, limit: int = 20, skip: int = 0) -> list[Waiting]:
    """The queue over all sources, oldest first."""
    rows = s.execute(_LISTED.where(*WAITS).order_by(_contact.c.id).offset(skip).limit(limit))
    return [Waiting(*row) for row in rows]


def one(s: Session, *, contact_id: int) -> Waiting:
    """One contact, in the queue or not, for an admin who is about to assign it by hand. Raises ContactNotFound."""
    row = s.execute(_LISTED.where(_contact.c.id == contact_id)).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return Waiting(*row)


def length(s: Session, *, source_id: int | None = None) -> int:
    """How many contacts wait, over all sources or at one."""
    statement = select(func.count()).select_from(_contact).where(*WAITS)
    if source_id is not None:
        statement = statement.where(_contact.c.source_id == source_id)
    return s.execute(statement).scalar_one()


def notify_waiting(s: Session, *, contact_ids: Iterable[int], now: datetime) -> int:
    """Notifies admins of contacts that went back to the queue and still wait, with the reason.

    At most once in ten minutes for a source. Returns how many of these contacts wait.
    """
    ids = sorted(set(contact_ids))
    left = s.execute(select(_contact.c.id, _contact.c.source_id).where(*WAITS, _contact.c.id.in_(ids))).all()
    oldest = {source_id: contact_id for contact_id, source_id in sorted(left, reverse=True)}
    for source_id, contact_id in oldest.items():
        source = source_facts(s, source_id)
        notify_contact_waits(s, source, contact_id=contact_id, why=_why_nobody(s, source), now=now)
    return len(left)


def notify_contact_waits(s: Session, source: SourceFacts, *, contact_id: int, why: str, now: datetime) -> None:
    """Notifies admins, at most once in ten minutes for a source, that a contact found no operator.

    Args:
        why: what excluded everybody: the reason of a `Choice`, or a `SourceExclusion`.
    """
    alerts.notify_admins(
        s,
        cause=f"waits:{source.id}",
        code="contact_waits",
        now=now,
        bot_id=source.card_bot_id,
        contact=contact_id,
        source=source.name,
        why=why,
    )


def _why_nobody(s: Session, source: SourceFacts) -> str:
    if not source.is_active:
        return SourceExclusion.SOURCE_OFF.value
    return choose(candidates(s, source), 0.0).reason


def sweep(s: Session, *, now: datetime, rng: Rng) -> int:
    """Assigns what waits at any source. Returns how many contacts were assigned.

    A safety net: `assign_waiting` should never leave anything for it, except after a change that did not go through
    these functions, such as an UPDATE by hand.
    """
    source_ids = s.execute(select(_contact.c.source_id).where(*WAITS).distinct()).scalars().all()
    lock_team(s, source_ids)
    return assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
