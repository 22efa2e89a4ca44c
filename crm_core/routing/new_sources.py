"""New sources: a bot's own, a link under it, or another system that brings contacts through the API."""

from datetime import datetime

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.errors import SlugTaken
from crm_core.names import check_description, check_free_name, check_slug, normalise
from crm_core.routing import absence, ramps, sources, weights
from crm_core.routing.operator_locks import lock_team
from crm_core.routing.source_details import SourceDetails, details
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Source

_source = Source.__table__


def add_link(s: Session, *, bot_id: int, slug: str, name: str, actor: Actor, now: datetime) -> int:
    """A source of its own under a bot, reached by the link `?start=src_<slug>`, with the bot's weights. Returns its id.

    Raises NotAllowed, BadSlug, BadName, SlugTaken, NameTaken.
    """
    access_admin(s, actor)
    checked = check_slug(slug)
    if s.execute(select(_source.c.id).where(_source.c.slug == checked)).first():
        raise SlugTaken(slug=checked)
    free = check_free_name(name, sources.names(s))
    main_id = s.execute(select(_source.c.id).where(_source.c.bot_id == bot_id, _source.c.slug.is_(None))).scalar_one()
    lock_team(s, [main_id], operator_ids=list(weights.of_source(s, main_id)))
    source_id = _insert(s, name=free, slug=checked, bot_id=bot_id, actor=actor, now=now)
    weights.inherit(s, source_id=main_id, heir_id=source_id, actor=actor, now=now)
    return source_id


def add(s: Session, *, name: str, description: str | None, actor: Actor, now: datetime) -> int:
    """A source without a bot: another system that brings contacts through the API. Returns its id.

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    access_admin(s, actor)
    described = check_description(description or "")
    source_id = _insert(s, name=check_free_name(name, sources.names(s)), slug=None, bot_id=None, actor=actor, now=now)
    if described is not None:
        sources.change_row(s, source_id, description=described)
    return source_id


def new_link(s: Session, *, bot_id: int, slug: str, name: str, actor: Actor, now: datetime) -> SourceDetails:
    """The same as `add_link`, returning what the new source's screen shows."""
    return details(s, source_id=add_link(s, bot_id=bot_id, slug=slug, name=name, actor=actor, now=now))


def ensure_main(s: Session, *, bot_id: int, username: str, actor: Actor, now: datetime) -> int:
    """The bot's own source, created at its first start and named after its @username. Returns its id."""
    found = execute(s, _MAIN, {"of_bot": bot_id}).scalar_one_or_none()
    if found is not None:
        return int(found)
    is_taken = normalise(username) in map(normalise, sources.names(s))
    name = f"{username} {bot_id}" if is_taken else username
    return _insert(s, name=name, slug=None, bot_id=bot_id, actor=actor, now=now)


_MAIN = Prepared(select(_source.c.id).where(_source.c.bot_id == bindparam("of_bot"), _source.c.slug.is_(None)))


def _insert(s: Session, *, name: str, slug: str | None, bot_id: int | None, actor: Actor, now: datetime) -> int:
    values = {"name": name, "slug": slug, "bot_id": bot_id, "is_active": True, "strategy": "random", "created_at": now}
    values["ramp"] = ramps.USUAL
    away = {"handover": absence.Handover.HAND_OVER.value, "away_minutes": absence.DEFAULT_MINUTES}
    source_id: int = s.execute(insert(_source).returning(_source.c.id), {**values, **away}).scalar_one()
    sources.record(s, source_id, "added", actor, now, data=away)
    return source_id
