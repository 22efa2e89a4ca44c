"""Which group is the forum of a source: bound and unbound by admins, switched off where Telegram refuses it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.errors import NotAForum
from crm_core.messaging import alerts, forum_rows
from crm_core.routing import sources
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Contact, Source

_source, _contact = Source.__table__, Contact.__table__


def bind(
    s: Session,
    *,
    source_id: int,
    bot_id: int,
    chat_id: int,
    is_forum: bool,
    can_manage: bool,
    language: str | None,
    actor: Actor,
    now: datetime,
) -> str:
    """Makes a group the forum of a source; its open contacts get their topics one after the other.

    Args:
        bot_id: the bot that writes there.
        is_forum: whether the group has topics; `can_manage`: whether the bot may make some.
        language: of what it writes there.

    Returns the source's name. Raises NotAllowed, SourceNotFound, NotAForum.
    """
    access_admin(s, actor)
    name = sources.one(s, source_id=source_id).name
    if not is_forum or not can_manage:
        raise NotAForum(is_forum=is_forum)
    forum = {"chat_id": chat_id, "bot_id": bot_id, "language": language}
    set_forum(s, source_id=source_id, forum=forum, actor=actor, now=now)
    return name


def unbind(s: Session, *, bot_id: int, chat_id: int, actor: Actor, now: datetime) -> list[str]:
    """A group is no source's forum any more; its topics stay as they are. Returns of which sources it was.

    Raises NotAllowed.
    """
    access_admin(s, actor)
    here = (_source.c.forum_chat_id == chat_id, _source.c.forum_bot_id == bot_id)
    found = execute(s, select(_source.c.id, _source.c.name).where(*here).order_by(_source.c.id)).all()
    for source in found:
        set_forum(s, source_id=source.id, forum=None, actor=actor, now=now)
    return [source.name for source in found]


def set_forum(s: Session, *, source_id: int, forum: Mapping[str, Any] | None, actor: Actor, now: datetime) -> None:
    """Sets the forum of a source, as `SourceListed.forum` has it; None for none. Nobody is asked whether it can be one.

    The open contacts of the source get their topics one after the other; topics of an earlier forum stay as they are.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    _set(s, source_id, forum, actor, now)
    if forum is None:
        return
    theirs = select(_contact.c.id).where(_contact.c.source_id == source_id, _contact.c.status != "closed")
    for contact_id in execute(s, theirs.order_by(_contact.c.id)).scalars().all():
        forum_rows.add(s, contact_id, bot_id=forum["bot_id"], chat_id=forum["chat_id"], now=now)


def switch_off(s: Session, source_id: int, *, bot_id: int, chat_id: int, why: str, now: datetime) -> None:
    """Telegram refuses the forum of a source as a whole: it is none any more, and admins are told once.

    Args:
        bot_id, chat_id: of that forum; of another one by now, nothing changes.
        why: Telegram's reason, as a code.
    """
    here = select(_source.c.name).where(_source.c.id == source_id, _source.c.forum_chat_id == chat_id)
    name = execute(s, here).scalar_one_or_none()
    if name is None:
        return
    _set(s, source_id, None, SYSTEM, now, why=why)
    alerts.notify_admins(s, cause=f"forum:{source_id}", code="forum_off", now=now, bot_id=bot_id, source=name, why=why)


def _set(
    s: Session, source_id: int, forum: Mapping[str, Any] | None, actor: Actor, now: datetime, **further: str
) -> None:
    before = sources.one(s, source_id=source_id).forum
    columns = {f"forum_{name}": None if forum is None else forum[name] for name in sources.FORUM}
    sources.change_row(s, source_id, **columns)
    data = {"forum": forum, "before": {"forum": before}, **further}
    sources.record(s, source_id, "forum", actor, now, data=data)
