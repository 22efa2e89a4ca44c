"""The settings of sources that stand in their rows, one action each. Those of offers, handover and words are apart.

What a setting decides is said where it does; a setter checks, locks, stores and records, and gives out what waits
where somebody may get it now who could not before.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.names import check_number
from crm_core.routing import duty, giving_out, priority, ramps, relief, requirements, skills, sources
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import hold_operators, lock_team
from crm_core.routing.skills import Required
from crm_core.storage.locks import lock_sources

LATE_LONGEST = 24 * 31  # hours
STICKY_LONGEST = 3_650  # days
StickyMode = Literal["charged", "apart"]
STICKY_MODES: Mapping[str, StickyMode] = {
    "charged": "charged",
    "apart": "apart",
    "засчитывать": "charged",
    "отдельно": "apart",
}
"""As people type them, in any language."""
CATCH_UP_LARGEST = 1_000


def set_active(s: Session, *, source_id: int, is_active: bool, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Switches a source on or off: whether it takes new contacts and assigns waiting ones. Open ones are not affected.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_team(s, [source_id])
    before = sources.one(s, source_id=source_id)
    opens = is_active and before.is_open and not before.is_active
    sources.change_row(s, source_id, is_active=is_active, **({"opened_at": now} if opens else {}))
    sources.record(s, source_id, "switched_on" if is_active else "switched_off", actor, now)
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_strategy(s: Session, *, source_id: int, strategy: str, actor: Actor, now: datetime) -> None:
    """Sets how a source chooses: `random`, by weighted chance, or `exact`, balancing shares contact by contact.

    Credits stay as they are: a source that was exact before goes on where it was.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_team(s, [source_id])
    sources.change_row(s, source_id, strategy=strategy)
    sources.record(s, source_id, f"strategy_{strategy}", actor, now)


def set_late_hours(s: Session, *, source_id: int, late_hours: int, actor: Actor, now: datetime) -> None:
    """Sets for how many hours after closing a client's message joins the closed contact; 0: every one opens a new one.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(late_hours, field="late_hours", minimum=0, maximum=LATE_LONGEST)
    lock_sources(s, [source_id])
    _set(s, source_id, "late_hours", actor, now, tells_before=True, late_hours=checked)


def set_sticky(
    s: Session,
    *,
    source_id: int,
    actor: Actor,
    now: datetime,
    sticky_days: int | None = None,
    sticky_mode: StickyMode | None = None,
) -> None:
    """Sets for how many days after closing a client's next contact goes to the operator they had, if they can get it.

    Args:
        sticky_days: 0 for never; None leaves it as it is, as for the other.
        sticky_mode: whether that operator pays for it where shares are exact: `charged`, or `apart`.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    values: dict[str, Any] = {}
    if sticky_days is not None:
        values["sticky_days"] = check_number(sticky_days, field="sticky_days", minimum=0, maximum=STICKY_LONGEST)
    if sticky_mode is not None:
        values["sticky_mode"] = sticky_mode
    _set(s, source_id, "sticky", actor, now, **values)


def set_skills(s: Session, *, source_id: int, required: Required, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets what the contacts of a source require of operators, those that wait included.

    Args:
        required: tags, each with the minutes of waiting after which it is dropped, or None; empty: nothing.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadSkills.
    """
    access_admin(s, actor)
    stored = skills.write(skills.check(required))
    lock_team(s, [source_id])
    before = sources.one(s, source_id=source_id).skills
    with duty.watching(s, now=now):
        sources.change_row(s, source_id, skills=stored)
    requirements.source_changed(s, source_id=source_id, before=before, after=stored)
    sources.record(s, source_id, "skills", actor, now, data={"skills": dict(skills.read(stored))})
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_waiting_load(
    s: Session, *, source_id: int, waiting_load: int, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets what a contact counts in its operator's load while it waits for its client, those that do included.

    Args:
        waiting_load: hundredths; 100: like any other.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(waiting_load, field="waiting_load", minimum=0, maximum=relief.WHOLE)
    source_ids = hold_holders(s, source_id)
    _set(s, source_id, "waiting_load", actor, now, waiting_load=checked)
    relief.source_changed(s, source_id)
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def hold_holders(s: Session, source_id: int) -> set[int]:
    """Locks who holds contacts of a source, and where they work."""
    return hold_operators(s, relief.holders(s, source_id), also=[source_id])


def set_priority(s: Session, *, source_id: int, minutes: int, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets the head start of a source's contacts in the queue, those that wait included; it counts between sources.

    Args:
        minutes: 0 for none.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = priority.check_minutes(minutes)
    lock_team(s, [source_id])
    _set(s, source_id, "priority", actor, now, priority_minutes=checked)
    priority.source_changed(s, source_id)
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_ramp(s: Session, *, source_id: int, ramp: int | None, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets how much of what had waited before they come an operator gets in a minute (`crm_core.routing.ramps`).

    What was given in the last minute counts only if some source had a ramp then.

    Args:
        ramp: contacts, at least 1; None for all at once.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = None if ramp is None else check_number(ramp, field="ramp", minimum=1, maximum=ramps.LARGEST)
    lock_team(s, [source_id])
    _set(s, source_id, "ramp", actor, now, tells_before=True, ramp=checked)
    return giving_out.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_catch_up(s: Session, *, source_id: int, catch_up: int, actor: Actor, now: datetime) -> None:
    """Sets how much of a planned absence is credited to an operator who is back, where shares are exact.

    What is missed while it is 0 is not counted.

    Args:
        catch_up: contacts at most; 0: none.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(catch_up, field="catch_up", minimum=0, maximum=CATCH_UP_LARGEST)
    lock_sources(s, [source_id])
    _set(s, source_id, "catch_up", actor, now, catch_up=checked)


def set_protection(s: Session, *, source_id: int, protect_content: bool, actor: Actor, now: datetime) -> None:
    """Sets whether what the clients of a source send can't be forwarded or saved at operators.

    It holds for what is shown from now on: Telegram changes no message that is there.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    _set(s, source_id, "protect_content", actor, now, tells_before=True, protect_content=protect_content)


def _set(
    s: Session,
    source_id: int,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    tells_before: bool = False,
    **values: Any,
) -> None:
    """Stores columns of a source that is locked, and records them by their names.

    Args:
        tells_before: whether the event says what they were, since those of before may not (`replay`, `/undo`).
    """
    told: dict[str, Any] = {}
    if tells_before:
        stands = sources.one(s, source_id=source_id)
        told["before"] = {name: getattr(stands, name) for name in values}
    sources.change_row(s, source_id, **values)
    sources.record(s, source_id, reason, actor, now, data={**values, **told})
