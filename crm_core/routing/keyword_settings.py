"""The keyword rules of sources, as admins set them. They hold for what comes from then on."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.routing import keywords, sources
from crm_core.routing.keywords import Rule
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Source

_source = Source.__table__
Change = Callable[[tuple[Rule, ...]], Sequence[Rule]]


def set_rules(s: Session, *, source_id: int, rules: Sequence[Rule], actor: Actor, now: datetime) -> None:
    """Replaces the rules of a source. Raises NotAllowed, SourceNotFound, BadKeywords."""
    access_admin(s, actor)
    _change(s, [source_id], lambda before: rules, actor, now)


def add_rule(s: Session, *, source_id: int | None, rule: Rule, actor: Actor, now: datetime) -> None:
    """Adds a rule behind the others; one with the same words is replaced.

    Args:
        source_id: None for all sources that there are.

    Raises NotAllowed, SourceNotFound, and BadKeywords where there are too many then.
    """
    access_admin(s, actor)
    known = s.execute(select(_source.c.id).order_by(_source.c.id)).scalars().all() if source_id is None else [source_id]
    _change(s, known, lambda before: [*(one for one in before if one.words != rule.words), rule], actor, now)


def remove_rule(s: Session, *, source_id: int, handle: str, actor: Actor, now: datetime) -> None:
    """Removes the rule of this handle; nothing if it is gone or changed. Raises NotAllowed, SourceNotFound."""
    access_admin(s, actor)
    _change(s, [source_id], lambda before: [one for one in before if one.handle != handle], actor, now)


def _change(s: Session, source_ids: Sequence[int], change: Change, actor: Actor, now: datetime) -> None:
    lock_sources(s, source_ids)
    for source_id in source_ids:
        stored = s.execute(select(_source.c.keywords).where(_source.c.id == source_id)).scalar_one_or_none()
        after = keywords.write(keywords.at_most(change(keywords.read(stored))))
        sources.change_row(s, source_id, keywords=after)
        if after != stored:
            sources.record(s, source_id, "keywords", actor, now, data={"keywords": after})
