"""The queue: open contacts without an operator, oldest first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor
from crm_core.errors import ContactNotFound
from crm_core.messaging import alerts, messages
from crm_core.routing import assignment, choose
from crm_core.routing.assignment import Reservation, Rng, SourceFacts
from crm_core.routing.choose import Exclusion
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Contact, Lead, Operator, Source

_contact = Contact.__table__
# Said as the index says it: SQLite uses a partial index only for the very condition that it was made with.
WAITS = (_contact.c.operator_id.is_(None), text("contacts.status = 'new'"))
OPEN = text("contacts.status <> 'closed'")

UNREACHABLE = Exclusion.UNREACHABLE

_OLDEST = (
    select(_contact.c.id, _contact.c.source_id, _contact.c.version, _contact.c.chat_id)
    .where(*WAITS, _contact.c.source_id.in_(bindparam("source_ids", expanding=True)))
    .order_by(_contact.c.id)
    .limit(1)
)
_OLDEST_REQUEST = _OLDEST.where(_contact.c.chat_id.is_(None))
_ASSIGN = (
    update(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.version == bindparam("seen"),
        _contact.c.operator_id.is_(None),
        _contact.c.status == "new",
    )
    .values(
        operator_id=bindparam("to_operator"),
        version=_contact.c.version + 1,
        queued_at=None,
        assigned_at=func.coalesce(_contact.c.assigned_at, bindparam("at", type_=_contact.c.assigned_at.type)),
    )
)


def assign_waiting(s: Session, *, source_ids: Iterable[int], actor: Actor, now: datetime, rng: Rng) -> int:
    """Gives waiting contacts of these sources, oldest first, to whoever is free now. Returns how many found somebody.

    Called in the transaction of everything that may free a place: a close, a raised limit, an activation, a new
    weight, coming online. Nobody waits while somebody eligible is free.
    """
    still = set(source_ids)
    lock_sources(s, still)
    given, not_in_telegram = _assign_waiting(s, _OLDEST, still, actor=actor, now=now, rng=rng)
    # Where those who are free cannot be reached in Telegram, a request of another system may do better than a client.
    more, _ = _assign_waiting(s, _OLDEST_REQUEST, not_in_telegram, actor=actor, now=now, rng=rng)
    return given + more


def _assign_waiting(
    s: Session, oldest_of: Select[Any], still: set[int], *, actor: Actor, now: datetime, rng: Rng
) -> tuple[int, set[int]]:
    """Returns how many found somebody, and the sources where a client of Telegram met operators without Telegram."""
    given, not_in_telegram = 0, set()
    while still:
        oldest = execute(s, oldest_of, {"source_ids": sorted(still)}).one_or_none()
        if oldest is None:
            break
        source = as_seen_by(assignment.source_facts(s, oldest.source_id), chat_id=oldest.chat_id)
        place = assignment.reserve_operator(s, source, rng=rng) if source.is_active else None
        if not isinstance(place, Reservation):
            still.discard(source.id)
            if place and oldest.chat_id is not None and UNREACHABLE in {why for _, why in place.excluded}:
                not_in_telegram.add(source.id)
            continue
        assign(s, contact_id=oldest.id, version=oldest.version, source=source, place=place, actor=actor, now=now)
        given += 1
    return given, not_in_telegram


def as_seen_by(source: SourceFacts, *, chat_id: int | None) -> SourceFacts:
    """A source as a contact sees it: one that came through the API can be worked on there, at a bot's source too.

    So operators who have no account in Telegram are eligible for it. The bot speaks to those who have one.
    """
    return source if chat_id is not None else replace(source, bot_id=None)


def assign(
    s: Session,
    *,
    contact_id: int,
    version: int,
    source: assignment.SourceFacts,
    place: Reservation,
    actor: Actor,
    now: datetime,
) -> None:
    """Puts a waiting contact into a claimed place and announces it, with all that was said meanwhile."""
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
    """Which place a waiting contact has in the queue of its source, from 1."""
    ahead: int = execute(s, _AHEAD, {"source_id": source_id, "contact_id": contact_id}).scalar_one()
    return ahead


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact in the queue, as a list shows it; `operator` and `is_closed` where it has left the queue meanwhile."""

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
    """One contact, in the queue or not, as an admin sees it who is about to give it by hand. Raises ContactNotFound."""
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
    """Tells admins of contacts that went back to the queue and found nobody, once per source and ten minutes, with why.

    Returns how many of these contacts wait.
    """
    ids = sorted(set(contact_ids))
    left = s.execute(select(_contact.c.id, _contact.c.source_id).where(*WAITS, _contact.c.id.in_(ids))).all()
    oldest = {source_id: contact_id for contact_id, source_id in sorted(left, reverse=True)}
    for source_id, contact_id in oldest.items():
        source = assignment.source_facts(s, source_id)
        why = choose.choose(assignment.candidates(s, source), 0.0).reason if source.is_active else "source_off"
        alerts.notify_admins(
            s,
            cause=f"waits:{source_id}",
            code="contact_waits",
            now=now,
            bot_id=source.speaker_id,
            contact=contact_id,
            source=source.name,
            why=why,
        )
    return len(left)


def sweep(s: Session, *, now: datetime, rng: Rng) -> int:
    """The net under `fill`: looks at every source where somebody waits. Returns how many found an operator.

    Nothing should ever be left for it; it exists for what changes without us, such as the clock.
    """
    source_ids = s.execute(select(_contact.c.source_id).where(*WAITS).distinct()).scalars().all()
    return assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
