"""Setting the targets of a source."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.routing import sources
from crm_core.service.targets import Targets, check, from_json, to_json
from crm_core.service.terms import TARGETS
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Source
from crm_core.team import undoing
from crm_core.team.undoing import Change, Undoable

_source = Source.__table__


def set_targets(s: Session, *, source_id: int, targets: Targets, actor: Actor, now: datetime) -> None:
    """Sets how many minutes of a source's working hours a reply, and a whole contact, may take.

    They hold for what begins from now on: what was late before stays late, and what was not stays in time.

    Raises NotAllowed, SourceNotFound, BadTargets.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    before = sources.one(s, source_id=source_id)
    stored = to_json(check(targets))
    if stored == before.sla:
        return
    changed = update(_source).where(_source.c.id == source_id)
    execute(s, changed.values(sla=stored, terms=_source.c.terms + 1))
    events.record_one(
        s,
        events.SOURCE_CHANGED,
        actor=actor.label,
        now=now,
        source_id=source_id,
        reason=TARGETS,
        data={"before": before.sla, "sla": stored},
    )


def _put_back(s: Session, change: Change) -> None:
    set_targets(s, source_id=change.source_id, targets=from_json(change.before), **change.who)


undoing.known(
    Undoable("sla", events.SOURCE_CHANGED, (TARGETS,), lambda event, before: (event.data or {}).get("sla"), _put_back)
)
