"""Why a contact is where it is: every choice of an operator for it, with what each was made from."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_reader
from crm_core.routing.candidates import operator_names
from crm_core.routing.decisions import Decision, read
from crm_core.routing.origins import NONE, Origins, origins
from crm_core.routing.waiting_now import Waits, why_it_waits_now
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event, Lead, Source

_KINDS = (
    events.CONTACT_ASSIGNED,
    events.CONTACT_QUEUED,
    events.CONTACT_HELD_BACK,
    events.CONTACT_TRANSFERRED,
    events.CONTACT_MOVED,
    events.SKILLS_DROPPED,
)
_MADE = (
    select(
        Event.at,
        Event.kind,
        Event.actor,
        Event.reason,
        Event.operator_id,
        Event.decision,
        Event.data,
        Event.source_id,
    )
    .where(
        Event.contact_id == bindparam("contact_id"),
        Event.kind.in_(_KINDS),
    )
    .order_by(Event.id)
)


@dataclass(frozen=True, slots=True)
class Explained:
    """What was decided about a contact.

    Attributes:
        is_assigned: whether it got an operator; else it waited from then on.
        actor: who decided, as in events: `system`, or by hand `tg:<Telegram id>`, `api:<key>`.
        reason: `random`, `exact` or `by_hand`; of a contact that waited, what excluded everybody (`full+offline`), why
            it was queued (`source_off`, `others_first`), or why it went back (`crm_core.routing.returns`); of one that
            a ramp held back, `ramp`.
        operator_id: who got it, or from whom it went back to the queue.
        dropped: the skills that it required no longer from then on, having waited so long; then nothing was decided.
        from_operator_id: who had it when it was handed on by hand.
        moved_to: the source to whose queue it was moved then; then nothing was decided.
        is_held_back: whether it went on waiting for a ramp alone (`crm_core.routing.holding_back`).
        decision: what it was decided from; None where nothing was chosen, and from versions that did not keep it.
    """

    at: datetime
    is_assigned: bool
    actor: str
    reason: str | None
    operator_id: int | None
    decision: Decision | None
    dropped: tuple[str, ...] = ()
    from_operator_id: int | None = None
    moved_to: int | None = None
    is_held_back: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether somebody was chosen then, or nobody was found."""
        return not self.dropped and self.moved_to is None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that was decided about a contact, in order.

    Attributes:
        lead: the client's name.
        names: of every operator who occurs in it, by id, of removed ones too.
        origins: what it requires and how far it is ahead in the queue, and where that comes from.
        sources: the names of those to which it was moved, by id.
        waits: why it waits now; None for one that does not, and for one that is just being given out.
    """

    lead: str | None
    decided: tuple[Explained, ...]
    names: dict[int, str]
    origins: Origins = NONE
    sources: dict[int, str] = field(default_factory=dict)
    waits: Waits | None = None


def explain(s: Session, *, contact_id: int, actor: Actor) -> Explanation:
    """For an admin, the operator who has the contact, or had it when it was closed, or an API key that administers.

    Raises NotAllowed, ContactNotFound (also where it is somebody else's).
    """
    contact = access_reader(s, actor, contact_id).contact
    lead = execute(s, select(Lead.full_name).where(Lead.id == contact.lead_id)).scalar_one_or_none()
    decided: list[Explained] = []
    for row in execute(s, _MADE, {"contact_id": contact_id}):
        if row.kind == events.CONTACT_TRANSFERRED:  # says more of the assignment before it
            if decided:
                decided[-1] = replace(decided[-1], from_operator_id=row.data["from_operator"])
        else:
            decided.append(_explained(row))
    ids = {each for one in decided for each in (one.operator_id, one.from_operator_id) if each is not None}
    waits = why_it_waits_now(s, contact_id=contact_id)
    choices = [*(one.decision for one in decided), None if waits is None else waits.decision]
    ids |= {each.operator_id for one in choices if one is not None for each in one.candidates}
    moved = {one.moved_to for one in decided if one.moved_to is not None}
    named = execute(s, select(Source.id, Source.name).where(Source.id.in_(sorted(moved)))) if moved else ()
    came = origins(s, contact_id=contact_id)
    return Explanation(lead, tuple(decided), operator_names(s, ids), came, {row.id: row.name for row in named}, waits)


def _explained(row: Row[Any]) -> Explained:
    return Explained(
        row.at,
        row.kind == events.CONTACT_ASSIGNED,
        row.actor,
        row.reason,
        row.operator_id,
        None if row.decision is None else read(row.decision),
        tuple(row.data["skills"]) if row.kind == events.SKILLS_DROPPED else (),
        moved_to=row.source_id if row.kind == events.CONTACT_MOVED else None,
        is_held_back=row.kind == events.CONTACT_HELD_BACK,
    )
