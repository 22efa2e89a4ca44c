"""Which group is the forum of a source: bound and unbound by admins, switched off where Telegram refuses it."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import NotAForum
from crm_core.messaging import alerts, forum_rows
from crm_core.storage.execute import execute, execute_count
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

    Returns the source's name. Raises NotAllowed, NotAForum.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    name: str = execute(s, select(_source.c.name).where(_source.c.id == source_id)).scalar_one()
    if not is_forum or not can_manage:
        raise NotAForum(is_forum=is_forum)
    forum = {"forum_chat_id": chat_id, "forum_bot_id": bot_id, "forum_language": language}
    execute(s, update(_source).where(_source.c.id == source_id).values(**forum))
    _record(s, source_id, actor.label, now, is_on=True)
    theirs = select(_contact.c.id).where(_contact.c.source_id == source_id, _contact.c.status != "closed")
    for contact_id in execute(s, theirs.order_by(_contact.c.id)).scalars().all():
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)
    return name


def unbind(s: Session, *, bot_id: int, chat_id: int, actor: Actor, now: datetime) -> list[str]:
    """A group is no source's forum any more; its topics stay as they are. Returns of which sources it was.

    Raises NotAllowed.
    """
    access_admin(s, actor)
    here = (_source.c.forum_chat_id == chat_id, _source.c.forum_bot_id == bot_id)
    found = execute(s, select(_source.c.id, _source.c.name).where(*here).order_by(_source.c.id)).all()
    for source in found:
        execute(s, update(_source).where(_source.c.id == source.id).values(forum_chat_id=None, forum_bot_id=None))
        _record(s, source.id, actor.label, now, is_on=False)
    return [source.name for source in found]


def switch_off(s: Session, source_id: int, *, bot_id: int, chat_id: int, why: str, now: datetime) -> None:
    """Telegram refuses the forum of a source as a whole: it is none any more, and admins are told once.

    Args:
        bot_id, chat_id: of that forum; of another one by now, nothing changes.
        why: Telegram's reason, as a code.
    """
    here = update(_source).where(_source.c.id == source_id, _source.c.forum_chat_id == chat_id)
    if not execute_count(s, here.values(forum_chat_id=None, forum_bot_id=None)):
        return
    name = execute(s, select(_source.c.name).where(_source.c.id == source_id)).scalar_one()
    _record(s, source_id, events.SYSTEM, now, is_on=False, why=why)
    alerts.notify_admins(s, cause=f"forum:{source_id}", code="forum_off", now=now, bot_id=bot_id, source=name, why=why)


def _record(s: Session, source_id: int, actor: str, now: datetime, *, is_on: bool, **further: str) -> None:
    data = {"forum": is_on, **further}
    events.record_one(s, events.SOURCE_CHANGED, actor=actor, now=now, source_id=source_id, reason="forum", data=data)
