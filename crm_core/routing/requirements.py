"""What a waiting contact requires of operators, as its row has it, and how that is dropped when it has waited so long.

A contact in the queue has `needs`, the tags that count now, and `drops_at`, when the next one is dropped. A choice, and
the order in which the queue is given out, read these; a periodic job looks for moments that have come. A contact that
an operator holds has neither: what it requires is worked out again if it goes back to the queue, as for a new wait.

Only working time of the source counts: over a night nobody could have had the contact, whatever their skills.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor
from crm_core.routing import giving_out, offers, queue, skills, working_time
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import lock_team
from crm_core.routing.skills import Required
from crm_core.routing.source_facts import WAITS, WAITS_SINCE, SourceFacts, source_facts
from crm_core.routing.working_time import ALWAYS, WorkingTime
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Source

_contact = Contact.__table__
_DUE = Prepared(
    select(_contact.c.id, _contact.c.source_id)
    .where(
        *WAITS,
        _contact.c.drops_at.is_not(None),
        _contact.c.drops_at <= bindparam("now", type_=_contact.c.drops_at.type),
    )
    .order_by(_contact.c.id)
)
_STATE = select(_contact.c.id, _contact.c.source_id, _contact.c.needs, _contact.c.skills, WAITS_SINCE.label("since"))
_SOURCE_SKILLS = select(Source.skills).where(Source.id == bindparam("source_id"))


def of_new(s: Session, source: SourceFacts, *, own: str | None, now: datetime) -> dict[str, Any]:
    """The columns of a new contact that waits: what it needs, and when that changes.

    Args:
        own: what it requires itself, as it is stored.
    """
    required = skills.required_by(source.skills, own)
    return _values(required, since=now, time=_time(s, source.id, required))


def _values(left: Required, *, since: datetime, time: WorkingTime) -> dict[str, Any]:
    minutes = [after for after in left.values() if after is not None]
    drops_at = time.after(since, _minutes(min(minutes))) if minutes else None
    return {"needs": skills.write(dict.fromkeys(left)), "drops_at": drops_at}


def _time(s: Session, source_id: int, *required: Required) -> WorkingTime:
    """The working time of a source; it is read only where one of these requirements has minutes."""
    if all(after is None for one in required for after in one.values()):
        return ALWAYS
    return working_time.of_sources(s, [source_id])[source_id]


def queue_again(s: Session, *, contact_id: int, source_id: int, actor: Actor, now: datetime) -> None:
    """A contact goes back to the queue from its operator.

    From one who had it for good, all that it requires counts again; after an offer, what it has waited for long enough
    is dropped.
    """
    row = execute(s, _STATE.where(_contact.c.id == contact_id)).one()
    source = execute(s, _SOURCE_SKILLS, {"source_id": source_id}).scalar_one()
    if row.skills or source:
        required = skills.required_by(source, row.skills)
        _drop(s, row, required, time=_time(s, source_id, required), actor=actor, now=now)


def _drop(s: Session, contact: Row[Any], required: Required, *, time: WorkingTime, actor: Actor, now: datetime) -> None:
    """Writes what a contact that waits needs, without what it has waited for long enough."""
    over = _over(required, time, since=contact.since, now=now)
    _write(s, contact, skills.only(required, required.keys() - over), time)
    _record(s, contact, over, actor=actor, now=now)


def _write_all(s: Session, source_id: int, changed: Sequence[tuple[Row[Any], Required]]) -> None:
    """Writes what each of these contacts of a source needs now; its hours are read once for all."""
    time = _time(s, source_id, *(left for _, left in changed))
    for contact, left in changed:
        _write(s, contact, left, time)


def _write(s: Session, contact: Row[Any], left: Required, time: WorkingTime) -> None:
    values = _values(left, since=contact.since, time=time)
    execute(s, update(_contact).where(_contact.c.id == contact.id).values(values))


def _over(required: Required, time: WorkingTime, *, since: datetime, now: datetime) -> set[str]:
    """What is dropped by now of what a contact requires."""
    waited = time.worked(since, now)
    return {tag for tag, after in required.items() if after is not None and _minutes(after) <= waited}


def _record(s: Session, contact: Row[Any], over: Collection[str], *, actor: Actor, now: datetime) -> None:
    if over:
        data = {"skills": sorted(over)}
        events.record(s, [events.of_contact(events.SKILLS_DROPPED, contact, actor=actor.label, now=now, data=data)])


def seen_by(s: Session, contact: Row[Any], *, now: datetime) -> SourceFacts:
    """The source of a contact as that sees it now: with the skills that it requires, and who had it before.

    Args:
        contact: its row; of one with an operator, what it required when it came to them, or requires now that it is
            only offered; of one that sleeps on without its operator, everything, since it wakes to a new wait.
    """
    source = queue.as_seen_by(
        source_facts(s, contact.source_id),
        chat_id=contact.chat_id,
        needs=contact.needs,
        since=contact.waits_since or contact.created_at,
        bot_id=contact.bot_id,
    )
    if contact.operator_id is None and contact.wakes_at is not None:
        source = replace(source, needs=frozenset(skills.required_by(source.skills, contact.skills)))
    elif contact.operator_id is not None and (contact.skills or source.skills):
        required = skills.required_by(source.skills, contact.skills)
        until = now if contact.offered_at is not None else contact.current_assigned_at or now
        time = _time(s, contact.source_id, required)
        over = _over(required, time, since=contact.waits_since or contact.created_at, now=until)
        source = replace(source, needs=frozenset(required) - over)
    return offers.with_asked(s, source, contact.id) if contact.is_asked else source


def source_changed(s: Session, *, source_id: int, before: str | None, after: str | None) -> None:
    """What waits at a source requires what that says now; what was dropped stays dropped.

    The caller has locked the source.

    Args:
        before, after: stored texts of the source.
    """
    changed = []
    for row in execute(s, _STATE.where(*WAITS, _contact.c.source_id == source_id)).all():
        required = skills.required_by(after, row.skills)
        dropped = skills.required_by(before, row.skills).keys() - skills.tags(row.needs)
        changed.append((row, skills.only(required, required.keys() - dropped)))
    _write_all(s, source_id, changed)


def hours_changed(s: Session, *, source_id: int) -> None:
    """What waits at a source drops what it requires by the hours that the source has now, from this moment on.

    The caller has locked the source.
    """
    needy = _STATE.where(*WAITS, _contact.c.source_id == source_id, _contact.c.needs.is_not(None))
    of_source = execute(s, _SOURCE_SKILLS, {"source_id": source_id}).scalar_one()
    changed = [
        (row, skills.only(skills.required_by(of_source, row.skills), skills.tags(row.needs)))
        for row in execute(s, needy).all()
    ]
    _write_all(s, source_id, changed)


def due(s: Session, *, now: datetime) -> list[tuple[int, int]]:
    """The waiting contacts that have waited long enough for less to be required, with their sources."""
    return [(row.id, row.source_id) for row in execute(s, _DUE, {"now": now})]


def drop(s: Session, *, contact_ids: Iterable[int], source_ids: Iterable[int], now: datetime, rng: Rng) -> int:
    """Drops what these contacts have waited for long enough, and gives out what can be given out now.

    Returns how many contacts were assigned.
    """
    wanted = sorted(set(source_ids))
    lock_team(s, wanted)
    texts: dict[int, str | None] = {}
    rows = execute(s, _STATE.where(*WAITS, _contact.c.id.in_(sorted(contact_ids)))).all()
    times = working_time.of_sources(s, {row.source_id for row in rows})
    for row in rows:
        if row.source_id not in texts:
            texts[row.source_id] = execute(s, _SOURCE_SKILLS, {"source_id": row.source_id}).scalar_one()
        required = skills.required_by(texts[row.source_id], row.skills)
        left = skills.only(required, skills.tags(row.needs))
        _drop(s, row, left, time=times[row.source_id], actor=SYSTEM, now=now)
    return giving_out.assign_waiting(s, source_ids=wanted, actor=SYSTEM, now=now, rng=rng).count


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)
