"""What a waiting contact requires of operators, as its row has it, and how that is dropped when it has waited so long.

A contact in the queue has `needs`, the tags that count now, and `drops_at`, when the next one is dropped. A choice, and
the order in which the queue is given out, read these; a periodic job looks for moments that have come. A contact that
an operator holds has neither: what it requires is worked out again if it goes back to the queue, as for a new wait.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor
from crm_core.routing import offers, queue, skills
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import WAITS, WAITS_SINCE, SourceFacts, source_facts
from crm_core.routing.operator_locks import lock_team
from crm_core.routing.skills import Required
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Source

_contact = Contact.__table__
_DUE = (
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


def waiting_values(required: Required, *, queued: datetime | None, dropped: Collection[str] = ()) -> dict[str, Any]:
    """The columns of a contact that waits: what it needs, and when that changes.

    Args:
        required: by its source and by itself.
        queued: since when it waits; None where it has an operator, and needs nothing.
        dropped: what was dropped already.
    """
    left = {} if queued is None else {tag: after for tag, after in required.items() if tag not in dropped}
    moments = [queued + _minutes(after) for after in left.values() if after is not None and queued is not None]
    return {"needs": skills.write(dict.fromkeys(left)), "drops_at": min(moments, default=None)}


def queue_again(s: Session, *, contact_id: int, source_id: int, actor: Actor, now: datetime) -> None:
    """A contact goes back to the queue from its operator.

    From one who had it for good, all that it requires counts again; after an offer, what it has waited for long enough
    is dropped.
    """
    row = execute(s, _STATE.where(_contact.c.id == contact_id)).one()
    source = execute(s, _SOURCE_SKILLS, {"source_id": source_id}).scalar_one()
    if row.skills or source:
        required = skills.required_by(source, row.skills)
        over = _over(required, since=row.since, now=now)
        values = waiting_values(required, queued=row.since, dropped=over)
        execute(s, update(_contact).where(_contact.c.id == contact_id).values(values))
        _record(s, row, over, actor=actor, now=now)


def _over(required: Required, *, since: datetime, now: datetime) -> set[str]:
    """What is dropped by now of what a contact requires."""
    return {tag for tag, after in required.items() if after is not None and since + _minutes(after) <= now}


def _record(s: Session, contact: Row[Any], over: Collection[str], *, actor: Actor, now: datetime) -> None:
    if over:
        data = {"skills": sorted(over)}
        events.record(s, [events.of_contact(events.SKILLS_DROPPED, contact, actor=actor.label, now=now, data=data)])


def seen_by(s: Session, contact: Row[Any], *, now: datetime) -> SourceFacts:
    """The source of a contact as that sees it now: with the skills that it requires, and who had it before.

    Args:
        contact: its row; of one with an operator, what it required when it came to them, or requires now that it is
            only offered.
    """
    source = queue.as_seen_by(
        source_facts(s, contact.source_id),
        chat_id=contact.chat_id,
        needs=contact.needs,
        since=contact.waits_since or contact.created_at,
        bot_id=contact.bot_id,
    )
    if contact.operator_id is not None and (contact.skills or source.skills):
        required = skills.required_by(source.skills, contact.skills)
        until = now if contact.offered_at is not None else contact.current_assigned_at or now
        over = _over(required, since=contact.waits_since or contact.created_at, now=until)
        source = replace(source, needs=frozenset(required) - over)
    return offers.with_asked(s, source, contact.id) if contact.is_asked else source


def source_changed(s: Session, *, source_id: int, before: str | None, after: str | None) -> None:
    """What waits at a source requires what that says now; what was dropped stays dropped.

    The caller has locked the source.

    Args:
        before, after: stored texts of the source.
    """
    for row in execute(s, _STATE.where(*WAITS, _contact.c.source_id == source_id)).all():
        dropped = skills.required_by(before, row.skills).keys() - skills.tags(row.needs)
        values = waiting_values(skills.required_by(after, row.skills), queued=row.since, dropped=dropped)
        execute(s, update(_contact).where(_contact.c.id == row.id).values(values))


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
    for row in execute(s, _STATE.where(*WAITS, _contact.c.id.in_(sorted(contact_ids)))).all():
        if row.source_id not in texts:
            texts[row.source_id] = execute(s, _SOURCE_SKILLS, {"source_id": row.source_id}).scalar_one()
        required = skills.required_by(texts[row.source_id], row.skills)
        left = skills.only(required, skills.tags(row.needs))
        over = _over(left, since=row.since, now=now)
        values = waiting_values(left, queued=row.since, dropped=over)
        execute(s, update(_contact).where(_contact.c.id == row.id).values(values))
        _record(s, row, over, actor=SYSTEM, now=now)
    return queue.assign_waiting(s, source_ids=wanted, actor=SYSTEM, now=now, rng=rng).count


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)
