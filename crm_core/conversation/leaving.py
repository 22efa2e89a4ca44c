"""What operators still hold when they go: at the end of a shift, or when they go offline."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_operator
from crm_core.contacts import offering, transfer
from crm_core.conversation.waiting import by_wait
from crm_core.messaging.answers import WAITS_SINCE
from crm_core.routing import offers
from crm_core.routing.absence import Handover
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import Asked
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.queue import OPEN
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.tables import Contact, Lead, Source, Staff

_contact = Contact.__table__


@dataclass(frozen=True, slots=True)
class Held:
    """An open contact of an operator who goes.

    Attributes:
        is_taken: whether they have taken it: the others are not closed without a question.
        waits_since: since when its client waits for an answer; None if they do not.
        handed_over_after: minutes of absence after which somebody else gets it while its client waits; None: never.
    """

    contact_id: int
    version: int
    lead_name: str | None
    is_taken: bool
    waits_since: datetime | None
    handed_over_after: int | None


_HELD = (
    select(
        _contact.c.id,
        _contact.c.version,
        Lead.full_name,
        _contact.c.status,
        WAITS_SINCE.label("waits_since"),
        Source.handover,
        Source.away_minutes,
    )
    .select_from(_contact)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .join(Source, Source.id == _contact.c.source_id)
    .where(OPEN, _contact.c.offered_at.is_(None), _contact.c.wakes_at.is_(None))
)
_OF_OPERATOR = _HELD.where(_contact.c.operator_id == bindparam("operator_id"))
_IN_CHAT = _HELD.join(Staff, Staff.operator_id == _contact.c.operator_id).where(
    Staff.telegram_id == bindparam("chat_id")
)
_STILL_WAITS = select(_contact.c.id).where(
    _contact.c.id == bindparam("contact_id"),
    _contact.c.operator_id == bindparam("operator_id"),
    OPEN,
    _contact.c.wakes_at.is_(None),
    WAITS_SINCE.is_not(None),
)


def mine(s: Session, *, actor: Actor) -> list[Held]:
    """What the operator of an account holds, who waits for an answer first. Raises NotAllowed."""
    operator = access_operator(s, actor)
    return by_wait(_held(row) for row in execute(s, _OF_OPERATOR, {"operator_id": operator.id}))


def in_chat(s: Session, *, chat_id: int) -> list[Held]:
    """The same for whoever has this chat with the bots."""
    return by_wait(_held(row) for row in execute(s, _IN_CHAT, {"chat_id": chat_id}))


def _held(row: Row[int, int, str | None, str, datetime | None, str, int]) -> Held:
    after = row.away_minutes if row.handover == Handover.HAND_OVER else None
    return Held(row.id, row.version, row.full_name, row.status == "in_progress", row.waits_since, after)


def give_back_unanswered(s: Session, *, actor: Actor, now: datetime, rng: Rng) -> int:
    """An operator returns all contacts of theirs to the queue whose client waits for an answer.

    As with `giving_back.give_back`, each comes to them again only where nobody else is there for it. Returns how many
    were returned. Raises NotAllowed.
    """
    operator = access_operator(s, actor)
    source_ids = hold_operators(s, [operator.id], gives_back=True)
    waiting = [one.contact_id for one in mine(s, actor=actor) if one.waits_since is not None]
    returned = []
    for contact_id in sorted(waiting):
        lock_contact(s, contact_id)
        this = {"contact_id": contact_id, "operator_id": operator.id}
        if execute(s, _STILL_WAITS, this).first() is None:
            continue
        offers.note_asked(s, contact_id=contact_id, operator_id=operator.id, outcome=Asked.RETURNED)
        transfer.return_contact(s, **this, reason=ReturnReason.RETURNED, actor=actor, now=now)
        returned.append(contact_id)
    offering.give_out(s, source_ids=source_ids, contact_ids=returned, actor=actor, now=now, rng=rng)
    return len(returned)
