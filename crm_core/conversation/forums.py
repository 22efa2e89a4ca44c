"""The team's forum of a source: a topic for each open contact, where everybody reads and whoever holds it can answer.

A forum shows what is stored elsewhere, and nothing waits for it. What a topic is behind with is not stored as so many
messages: a row of the outbox says that a contact has changed (`messaging.forum_rows`), and each attempt of such a row
takes one step from what the topic shows towards how the contact is now. Then the next row is added, if there is more.
So what changes several times while the group may not be written to is shown once.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from crm_core import events
from crm_core.access.actors import Actor
from crm_core.conversation import forum_lines
from crm_core.conversation.forum_steps import KEPT, Behind, Facts, Forum, Kind, Line, Shown, Step, next_step
from crm_core.messaging import forum_rows, forum_topics
from crm_core.routing import forum_settings
from crm_core.routing.working_time import OF_SOURCES
from crm_core.storage.execute import execute
from crm_core.storage.prepared import prepared_upsert
from crm_core.storage.tables import Contact, Event, ForumTopic, Message, Operator, Source, Staff

_topic, _source, _contact = ForumTopic.__table__, Source.__table__, Contact.__table__
_event = Event.__table__

# Why a step that writes words is given up alone; any other refusal is of the forum as a whole.
NOT_IN_GROUP = "not_in_group"
OF_THE_FORUM = frozenset(
    {
        NOT_IN_GROUP,
        "blocked",
        "deactivated",
        "not_started",
        "chat_not_found",
        "migrated",
        "no_rights",
        "not_forum",
        "topic_closed",  # which no admin is told
    }
)
GONE = "topic_gone"


# --- what a row is claimed with ---------------------------------------------------------------------------------------

_forum = aliased(Source)  # a source whose forum it is; that of the contact first, which may be another
_STATE = (
    select(
        _contact.c.source_id.label("of_contact"),
        _source.c.forum_chat_id,
        _forum.id.label("source_id"),
        _forum.forum_language,
        _topic.c.topic_id,
        _topic.c.name,
        _topic.c.head,
        _topic.c.is_closed,
        _topic.c.shown_to,
    )
    .select_from(_contact)
    .join(_source, _source.c.id == _contact.c.source_id)
    .join(_forum, and_(_forum.forum_chat_id == bindparam("chat_id"), _forum.forum_bot_id == bindparam("bot_id")))
    .outerjoin(_topic, and_(_topic.c.contact_id == _contact.c.id, _topic.c.chat_id == bindparam("chat_id")))
    .where(_contact.c.id == bindparam("contact_id"))
    .order_by(_forum.id != _contact.c.source_id, _forum.id)
    .limit(1)
)


def claimed_step(
    s: Session,
    *,
    contact_id: int,
    bot_id: int,
    chat_id: int,
    contact: Facts,
    no_album: bool = False,
    no_copy: bool = False,
    is_again: bool = False,
) -> Step | None:
    """The next step of the topic of a contact in a forum; None if there is none, or it is no forum of this bot now.

    Args:
        no_album: as in `Forum`; `is_again`: as in `Step`.
        no_copy: whether a file from another group, if that comes next, is named: the bot is not there any more.
    """
    found: Any = execute(s, _STATE, {"contact_id": contact_id, "chat_id": chat_id, "bot_id": bot_id}).one_or_none()
    if found is None:
        return None
    is_here = found.source_id == found.of_contact
    if not is_here and found.forum_chat_id == chat_id:
        return None  # another bot writes there for the source of the contact
    contact = replace(contact, is_here=is_here)
    shown = Shown()
    if found.topic_id is not None:
        shown = Shown(found.topic_id, found.name, found.head, found.is_closed, found.shown_to)
    behind = _behind(s, contact_id, chat_id, shown, is_here=is_here)
    if no_copy and behind.lines and _is_in_group(behind.lines[0]):
        behind = replace(behind, lines=(replace(behind.lines[0], can_copy=False), *behind.lines[1:]))
    step = next_step(Forum(found.source_id, bot_id, no_album), shown, contact, behind)
    if step is None:
        return None
    if step.in_doubt is not None:
        # Before the request leaves, so that it is known even if this process ends meanwhile.
        here = (_topic.c.contact_id == contact_id, _topic.c.chat_id == chat_id)
        execute(s, update(_topic).where(*here).values(name=step.in_doubt))
    return replace(step, language=found.forum_language, is_again=is_again)


def _behind(s: Session, contact_id: int, chat_id: int, shown: Shown, *, is_here: bool) -> Behind:
    """What a topic does not show as it is; where its contact has been moved on, nothing new of that."""
    stale = forum_lines.stale(s, contact_id=contact_id, chat_id=chat_id, is_here=is_here)
    which = forum_topics.unsaid(contact_id, chat_id, shown.topic_id or 0, shown.upto)
    total = execute(s, select(func.count()).select_from(Message).where(which)).scalar_one() if is_here else 0
    lines = _newest(s, which, chat_id) if total else ()
    return Behind(lines, total) if stale is None else Behind(lines, total, stale.posted, stale.has_more)


def _newest(s: Session, which: ColumnElement[bool], chat_id: int) -> tuple[Line, ...]:
    newest = (
        select(*forum_lines.COLUMNS)
        .outerjoin(Operator, Operator.id == Message.operator_id)
        .where(which)
        .order_by(Message.id.desc())
        .limit(KEPT)
    )
    lines = [forum_lines.line_of(row) for row in execute(s, newest)][::-1]
    # Whatever was written in this very group is gone with its topic, and cannot be copied.
    return tuple(replace(line, can_copy=line.can_copy and line.chat_id != chat_id) for line in lines)


# --- what follows from an attempt -------------------------------------------------------------------------------------

_STORE = prepared_upsert(
    _topic,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["contact_id", "chat_id"],
        set_={name: insert.excluded[name] for name in ("topic_id", "name", "head", "is_closed", "shown_to")},
    ),
)
Place = tuple[int, int]
"""A forum: the bot that writes there, and the chat."""


def taken(s: Session, step: Step, *, contact_id: int, place: Place, made: Sequence[int], now: datetime) -> None:
    """A step was taken: stores what the topic shows now, and has the next one taken, if there is one.

    Args:
        made: Telegram's ids of what it made: of the topic, of a message, or of those of an album.
    """
    bot_id, chat_id = place
    topic_id = step.after.topic_id
    if step.kind is Kind.OPEN:
        topic_id = made[0] if made else None
    if topic_id is None:
        return
    after = step.after
    values = {
        "contact_id": contact_id,
        "chat_id": chat_id,
        "topic_id": topic_id,
        "name": after.name,
        "head": after.head,
        "is_closed": after.is_closed,
        "shown_to": after.upto,
    }
    is_stale = forum_lines.note(s, step, contact_id=contact_id, chat_id=chat_id, made=made)
    execute(s, _STORE, [values])
    if is_stale or not step.is_last:
        is_again = step.is_again and step.kind is Kind.OPEN
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now, is_again=is_again)


def refused(s: Session, step: Step, *, contact_id: int, place: Place, why: str, now: datetime) -> None:
    """Telegram refused a step.

    A topic that somebody deleted is made again, but once only if nothing has ever stood there. A file from a group that
    the bot has left is named; any other message that cannot be shown is left out, and so is a name; an album is shown
    part by part; one that cannot be changed stays as it is. Whatever else is refused is refused for the whole forum: it
    is switched off, and admins are told once.
    """
    bot_id, chat_id = place
    is_unused = why == GONE and _is_unused(s, contact_id, chat_id)
    if why == GONE and step.kind is not Kind.OPEN and not (is_unused and step.is_again):
        execute(s, delete(_topic).where(_topic.c.contact_id == contact_id, _topic.c.chat_id == chat_id))
        forum_lines.forget_topic(s, contact_id=contact_id, chat_id=chat_id)
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now, is_again=is_unused)
    elif why == NOT_IN_GROUP and _is_from_another_group(step, chat_id):
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now, no_copy=True)
    elif why in OF_THE_FORUM or why == GONE or step.kind is Kind.OPEN:
        forum_settings.switch_off(s, bot_id=bot_id, chat_id=chat_id, why=why, now=now)
    elif step.kind is Kind.ALBUM:
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now, no_album=True)
    else:
        left_out(s, step, contact_id=contact_id, place=place, now=now)


def left_out(s: Session, step: Step, *, contact_id: int, place: Place, now: datetime) -> None:
    """A topic goes on without a step: it was refused, or tried too often, and nobody knows whether it was taken.

    A topic that was to be made is tried again when something changes.
    """
    if step.kind is not Kind.OPEN:
        forum_lines.forget(s, step, chat_id=place[1])
        taken(s, replace(step, lines=()), contact_id=contact_id, place=place, made=(), now=now)


def _is_from_another_group(step: Step, chat_id: int) -> bool:
    """Whether a step copies from a forum of before: that the bot is not there any more says nothing of this one."""
    return step.kind is Kind.COPY and any(_is_in_group(one) and one.chat_id != chat_id for one in step.lines)


def _is_in_group(line: Line) -> bool:
    return (line.chat_id or 0) < 0


def _is_unused(s: Session, contact_id: int, chat_id: int) -> bool:
    """Whether nothing was ever said in the topic of a contact: one that is gone at once would be made for ever."""
    is_blank = (_topic.c.head == "", _topic.c.shown_to == 0, _topic.c.is_closed.is_(False))
    place = (_topic.c.contact_id == contact_id, _topic.c.chat_id == chat_id)
    return execute(s, select(_topic.c.topic_id).where(*place, *is_blank)).first() is not None


# --- who writes there -------------------------------------------------------------------------------------------------

_HELD = (
    select(_contact.c.id, _contact.c.operator_id)
    .join(_topic, _topic.c.contact_id == _contact.c.id)
    .join(_source, _source.c.id == _contact.c.source_id)
    .where(
        _topic.c.chat_id == bindparam("chat_id"),
        _topic.c.topic_id == bindparam("topic_id"),
        _source.c.forum_chat_id == bindparam("chat_id"),
        _source.c.forum_bot_id == bindparam("bot_id"),
    )
)


def held_in(s: Session, *, bot_id: int, chat_id: int, topic_id: int, operator_id: int) -> int | None:
    """The contact of a topic, if this operator holds it. What anybody else writes there is the team's own talk."""
    place = {"bot_id": bot_id, "chat_id": chat_id, "topic_id": topic_id}
    found: Any = execute(s, _HELD, place).one_or_none()
    return int(found.id) if found is not None and found.operator_id == operator_id else None


_UNTIL = bindparam("until", type_=_event.c.at.type)
_WHOSE = (
    select(_event.c.kind, _event.c.operator_id)
    .where(
        _event.c.contact_id == bindparam("contact_id"),
        _event.c.kind.in_((events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)),
        _event.c.at < _UNTIL,
    )
    .order_by(_event.c.id)
)
_BOUND_SINCE = (
    select(_event.c.id)
    .join(_contact, _contact.c.source_id == _event.c.source_id)
    .where(_contact.c.id == bindparam("contact_id"), OF_SOURCES, _event.c.reason == "forum", _event.c.at >= _UNTIL)
    .limit(1)
)


def was_for_client(s: Session, contact_id: int, *, operator_id: int, written_at: datetime) -> bool:
    """Whether what an operator wrote in the topic of a contact at a moment was for the client then.

    It was the team's own talk while the contact was not theirs, and before the group became the source's forum. A
    closed contact is still theirs: it was said that the words were not sent.

    Args:
        written_at: Telegram's, in whole seconds.
    """
    about = {"contact_id": contact_id, "until": written_at + timedelta(seconds=1)}
    whose = execute(s, _WHOSE, about).all()
    if not whose or tuple(whose[-1]) != (events.CONTACT_ASSIGNED, operator_id):
        return False
    return execute(s, _BOUND_SINCE, about).first() is None


_IS_HELD = (
    select(_contact.c.id)
    .join(_source, _source.c.id == _contact.c.source_id)
    .join(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _source.c.forum_chat_id == bindparam("chat_id"),
        _source.c.forum_bot_id == bindparam("bot_id"),
        Staff.telegram_id == bindparam("telegram_id"),
    )
)


def is_held_by(s: Session, actor: Actor, *, contact_id: int, bot_id: int, chat_id: int) -> bool:
    """Whether this group is the forum of a contact, and the actor is who has it, or had it when it was closed."""
    about = {"contact_id": contact_id, "bot_id": bot_id, "chat_id": chat_id, "telegram_id": actor.telegram_id}
    return execute(s, _IS_HELD, about).first() is not None
