"""Sources: channels that contacts come from. What each is set to, their names, and removing one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import SourceInUse, SourceNotFound
from crm_core.names import Lookup, check_description, check_free_name, normalise
from crm_core.storage.execute import change_one, execute
from crm_core.storage.locks import lock_sources
from crm_core.storage.paging import Page
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import ApiKey, Bot, Chat, Contact, Source, Weight

_source, _weight = Source.__table__, Weight.__table__


FORUM = ("chat_id", "bot_id", "language")
"""What a forum is, by the columns of its source that begin with `forum_`."""


@dataclass(frozen=True, slots=True)
class SourceListed:
    """A source as lists and screens show it. `bot` is the username of its bot, None for another system."""

    id: int
    name: str
    description: str | None
    slug: str | None
    is_active: bool
    strategy: str
    bot: str | None
    late_hours: int = 24
    sticky_days: int = 0
    sticky_mode: str = "charged"
    offer_seconds: int = 0
    offer_rounds: int = 3
    miss_limit: int = 3
    duty_operator_id: int | None = None
    hours: dict[str, Any] | None = None
    is_open: bool = True
    sla: dict[str, Any] | None = None
    skills: str | None = None
    priority_minutes: int = 0
    keywords: str | None = None
    ramp: int | None = None
    waiting_load: int = 100
    catch_up: int = 0
    handover: str = "keep"
    away_minutes: int = 30
    protect_content: bool = False
    forum_chat_id: int | None = None
    forum_bot_id: int | None = None
    forum_language: str | None = None

    @property
    def forum(self) -> dict[str, Any] | None:
        """The team's forum by `FORUM`: the group, the bot that writes there, in which language; None without one."""
        if self.forum_chat_id is None:
            return None
        return {"chat_id": self.forum_chat_id, "bot_id": self.forum_bot_id, "language": self.forum_language}


def page(s: Session, *, skip: int, limit: int) -> Page:
    """A page of all sources, also inactive ones, oldest first: (id, name, description)."""
    columns = (_source.c.id, _source.c.name, _source.c.description)
    rows = s.execute(select(*columns).order_by(_source.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_source)).scalar_one())


_LISTING = Prepared(
    select(
        _source.c.id,
        _source.c.name,
        _source.c.description,
        _source.c.slug,
        _source.c.is_active,
        _source.c.strategy,
        Bot.username,
        _source.c.late_hours,
        _source.c.sticky_days,
        _source.c.sticky_mode,
        _source.c.offer_seconds,
        _source.c.offer_rounds,
        _source.c.miss_limit,
        _source.c.duty_operator_id,
        _source.c.hours,
        _source.c.is_open,
        _source.c.sla,
        _source.c.skills,
        _source.c.priority_minutes,
        _source.c.keywords,
        _source.c.ramp,
        _source.c.waiting_load,
        _source.c.catch_up,
        _source.c.handover,
        _source.c.away_minutes,
        _source.c.protect_content,
        _source.c.forum_chat_id,
        _source.c.forum_bot_id,
        _source.c.forum_language,
    )
    .outerjoin(Bot, Bot.id == _source.c.bot_id)
    .order_by(_source.c.id)
)


def listing(s: Session) -> list[SourceListed]:
    """Every source, in order of creation."""
    return [SourceListed(*row) for row in execute(s, _LISTING)]


_lookup: Lookup[SourceListed] = Lookup(SourceNotFound, also=lambda one, text: normalise(text) == one.slug)
pick, missed = _lookup.pick, _lookup.missed


def one(s: Session, *, source_id: int) -> SourceListed:
    """One source. Raises SourceNotFound."""
    return _lookup.one(listing(s), source_id)


def find(s: Session, *, name: str) -> SourceListed:
    """The source of a name, link word or number, as an admin types it. Raises SourceNotFound with close names."""
    return _lookup.find(listing(s), name)


def names(s: Session, *, besides: int = 0) -> Sequence[str]:
    """The names of all sources besides one."""
    return execute(s, _NAMES, {"besides": besides}).scalars().all()


_NAMES = Prepared(select(_source.c.name).where(_source.c.id != bindparam("besides")))


def rename(s: Session, *, source_id: int, name: str, actor: Actor, now: datetime) -> str:
    """Renames a source. Returns the name as stored. Raises NotAllowed, SourceNotFound, BadName, NameTaken."""
    access_admin(s, actor)
    checked = check_free_name(name, names(s, besides=source_id))
    change_row(s, source_id, name=checked)
    record(s, source_id, "renamed", actor, now)
    return checked


def describe(s: Session, *, source_id: int, description: str, actor: Actor, now: datetime) -> str | None:
    """Sets what a source is, in a line for staff. Raises NotAllowed, SourceNotFound, BadValue."""
    access_admin(s, actor)
    checked = check_description(description)
    change_row(s, source_id, description=checked)
    record(s, source_id, "described", actor, now)
    return checked


def remove(s: Session, *, source_id: int, actor: Actor, now: datetime) -> None:
    """Removes a source that no contact has come from, with its weights.

    Raises NotAllowed, SourceNotFound, and SourceInUse if it is a bot's own, has contacts, or is used by a form's key.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    # A contact that is being created at it waits for this row, and then finds that the source is gone.
    s.execute(select(_source.c.id).where(_source.c.id == source_id).with_for_update())
    source = one(s, source_id=source_id)
    is_main = source.bot is not None and source.slug is None
    if is_main or _is_in_use(s, source_id):
        raise SourceInUse(source=source.name)
    s.execute(_weight.delete().where(_weight.c.source_id == source_id))
    s.execute(update(Chat).where(Chat.source_id == source_id).values(source_id=None))
    s.execute(_source.delete().where(_source.c.id == source_id))
    record(s, source_id, "removed", actor, now)


def _is_in_use(s: Session, source_id: int) -> bool:
    has_contacts = exists().where(Contact.source_id == source_id)
    had_contacts = exists().where(Contact.first_source_id == source_id)
    has_form = exists().where(ApiKey.source_id == source_id)
    return bool(s.execute(select(or_(has_contacts, had_contacts, has_form))).scalar_one())


def change_row(s: Session, source_id: int, **values: Any) -> None:
    """Stores columns of a source. Raises SourceNotFound."""
    changed = update(_source).where(_source.c.id == source_id).values(values)
    change_one(s, changed, otherwise=_lookup.unknown(source_id))


def record(
    s: Session, source_id: int, reason: str, actor: Actor, now: datetime, *, data: dict[str, Any] | None = None
) -> None:
    """Records that a source was changed."""
    events.record_one(
        s, events.SOURCE_CHANGED, actor=actor.label, now=now, source_id=source_id, reason=reason, data=data
    )
