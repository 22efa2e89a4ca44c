"""Why a contact waits at this moment. What is recorded says why it waited when it came, or when it was held back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.routing import queue, ramps
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import choose, held_back
from crm_core.routing.decisions import Decision
from crm_core.routing.source_facts import WAITS, SourceFacts
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Source

_contact = Contact.__table__
_WAITING = select(_contact.c.source_id).where(*WAITS, _contact.c.id == bindparam("contact_id"))
_WITH_RAMP = select(_contact.c.id).where(
    *WAITS,
    _contact.c.id.in_(bindparam("ids", expanding=True)),
    _contact.c.source_id.in_(select(Source.id).where(Source.ramp.is_not(None))),
)


@dataclass(frozen=True, slots=True)
class Waits:
    """Why nobody gets a waiting contact now.

    Attributes:
        reason: what excludes everybody, as its event would have it (`full+offline`, `source_closed`).
        until: where a ramp alone holds it back from somebody, when the next ones go out; several may be before it.
        decision: of everybody with a weight at the source; None where nobody can get anything there.
    """

    reason: str
    until: datetime | None
    decision: Decision | None


def why_it_waits_now(s: Session, *, contact_id: int) -> Waits | None:
    """Why nobody gets a contact; None for one that does not wait, and for one that is just being given out."""
    source_id = execute(s, _WAITING, {"contact_id": contact_id}).scalar_one_or_none()
    if source_id is None:
        return None
    return _waits(s, queue.as_it_waits(s, source_id, contact_id=contact_id))


def _waits(s: Session, source: SourceFacts) -> Waits | None:
    if source.why_nobody is not None:
        return Waits(source.why_nobody.value, None, None)
    pool = candidates(s, source)
    choice = choose(pool, 0.0)
    if choice.operator is not None:
        return None
    until = ramps.goes_on_at(s, held_back(pool))
    return Waits(choice.reason, until, Decision(source.strategy, tuple(pool)))


def held_until(s: Session, *, contact_ids: Iterable[int]) -> dict[int, datetime]:
    """Of these contacts, those that a ramp alone holds back, and when the next ones go out."""
    found = {}
    for contact_id in execute(s, _WITH_RAMP, {"ids": sorted(contact_ids)}).scalars().all():
        waits = why_it_waits_now(s, contact_id=contact_id)
        if waits is not None and waits.until is not None:
            found[contact_id] = waits.until
    return found
