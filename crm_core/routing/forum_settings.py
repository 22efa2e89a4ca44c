"""Which group is the forum of a source: bound and unbound by admins, switched off where Telegram refuses it."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, union
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.errors import NotAForum
from crm_core.messaging import alerts, forum_rows, forum_topics
from crm_core.routing import sources
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Contact, ForumTopic, Source

_source, _contact, _topic = Source.__table__, Contact.__table__, ForumTopic.__table__


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


def unbind(s: Session, *, chat_id: int, bot_id: int | None = None, actor: Actor, now: datetime) -> list[str]:
    """A group is no source's forum any more; its topics stay as they are. Returns of which sources it was.

    Args:
        bot_id: only where this bot writes there; by default whichever does.

    Raises NotAllowed.
    """
    access_admin(s, actor)
    here = select(_source.c.id, _source.c.name).where(_source.c.forum_chat_id == chat_id).order_by(_source.c.id)
    found = execute(s, here if bot_id is None else here.where(_source.c.forum_bot_id == bot_id)).all()
    for source in found:
        set_forum(s, source_id=source.id, forum=None, actor=actor, now=now)
    return [source.name for source in found]


def set_forum(s: Session, *, source_id: int, forum: Mapping[str, Any] | None, actor: Actor, now: datetime) -> None:
    """Sets the forum of a source, as `SourceListed.forum` has it; None for none. Nobody is asked whether it can be one.

    The open contacts of the source get their topics one after the other, and what has a topic there already is brought
    up to date. Topics of an earlier forum stay as they are, unless it is that of another source: there they are over.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    _set(s, source_id, forum, actor, now)
    to_do = [tuple(row) for row in execute(s, _LEFT_OPEN, {"source_id": source_id})]
    if forum is not None:
        contact_ids = execute(s, _TO_SHOW, {"source_id": source_id, "chat_id": forum["chat_id"]}).scalars().all()
        to_do = [*to_do, *((contact_id, forum["bot_id"], forum["chat_id"]) for contact_id in contact_ids)]
    for contact_id, bot_id, chat_id in to_do:
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)


_TO_SHOW = union(
    select(_contact.c.id).where(_contact.c.source_id == bindparam("source_id"), _contact.c.status != "closed"),
    select(_topic.c.contact_id).where(_topic.c.chat_id == bindparam("chat_id"), _topic.c.is_closed.is_(False)),
    select(_contact.c.id)
    .join(_topic, _topic.c.contact_id == _contact.c.id)
    .where(
        _contact.c.source_id == bindparam("source_id"),
        _topic.c.chat_id == bindparam("chat_id"),
        forum_topics.behind_a_closed_contact(),
    ),
).order_by("id")
# Topics of a source's contacts in groups that are forums of other sources: they are over there.
_LEFT_OPEN = (
    select(_topic.c.contact_id, _source.c.forum_bot_id, _topic.c.chat_id)
    .distinct()
    .select_from(_topic)
    .join(_source, _source.c.forum_chat_id == _topic.c.chat_id)
    .join(_contact, _contact.c.id == _topic.c.contact_id)
    .where(
        _contact.c.source_id == bindparam("source_id"),
        _source.c.id != bindparam("source_id"),
        _topic.c.is_closed.is_(False),
    )
    .order_by(_topic.c.contact_id, _topic.c.chat_id, _source.c.forum_bot_id)
)


def of_group(s: Session, chat_ids: Collection[int]) -> list[int]:
    """The sources whose forum is one of these groups."""
    found = execute(s, select(_source.c.id).where(_source.c.forum_chat_id.in_(chat_ids)).order_by(_source.c.id))
    return list(found.scalars())


def switch_off(s: Session, *, bot_id: int, chat_id: int, why: str, now: datetime) -> None:
    """Telegram refuses a group as a whole: it is no source's forum any more, and admins are told once for each.

    Args:
        bot_id: the bot that it refuses; where another one writes in that group, nothing changes.
        why: Telegram's reason, as a code.
    """
    here = select(_source.c.id, _source.c.name).where(
        _source.c.forum_chat_id == chat_id, _source.c.forum_bot_id == bot_id
    )
    for source_id, name in execute(s, here.order_by(_source.c.id)).all():
        _set(s, source_id, None, SYSTEM, now, why=why)
        # Each time is news: somebody has bound it anew meanwhile.
        alerts.notify_admins(
            s,
            cause=f"forum:{source_id}",
            code="forum_off",
            now=now,
            bot_id=bot_id,
            quiet=timedelta(0),
            source=name,
            why=why,
        )


def _set(
    s: Session, source_id: int, forum: Mapping[str, Any] | None, actor: Actor, now: datetime, **further: str
) -> None:
    before = sources.one(s, source_id=source_id).forum
    columns = {f"forum_{name}": None if forum is None else forum[name] for name in sources.FORUM}
    sources.change_row(s, source_id, **columns)
    data = {"forum": forum, "before": {"forum": before}, **further}
    sources.record(s, source_id, "forum", actor, now, data=data)
