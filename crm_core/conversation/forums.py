"""The team's forum of a source: a topic for each open contact, where everybody reads and whoever holds it can answer.

A forum shows what is stored elsewhere, and nothing waits for it. What a topic is behind with is not stored as so many
messages: a row of the outbox says that a contact has changed (`messaging.forum_rows`), and each attempt of such a row
takes one step from what the topic shows towards how the contact is now. Then the next row is added, if there is more.
So what changes several times while the group may not be written to is shown once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.conversation.history import Said
from crm_core.errors import NotAForum
from crm_core.messaging import alerts, forum_rows
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import lock_sources
from crm_core.storage.prepared import prepared_upsert
from crm_core.storage.tables import Contact, ForumTopic, Message, Operator, Source

_topic, _source, _contact = ForumTopic.__table__, Source.__table__, Contact.__table__

KEPT = 12  # messages that a topic is behind with at most; those before them are counted in a line
COPIED = frozenset({"photo", "video", "animation", "document", "audio", "voice"})  # have room for whose they are
# Why a step that writes words is given up alone; any other refusal is of the forum as a whole.
OF_THE_FORUM = frozenset(
    {"blocked", "deactivated", "not_started", "chat_not_found", "migrated", "no_rights", "not_forum"}
)
GONE = "topic_gone"


class Kind(StrEnum):
    """What one step does."""

    OPEN = "open"
    RENAME = "rename"
    REOPEN = "reopen"
    SAY = "say"
    COPY = "copy"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a topic shows.

    Attributes:
        topic_id: Telegram's `message_thread_id`; None while there is none.
        name, head: digests of its name, and of the line that says who has the contact; empty for none yet.
        upto: the newest message that it shows.
    """

    topic_id: int | None = None
    name: str = ""
    head: str = ""
    is_closed: bool = False
    upto: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A message that a topic is to show, and where its original is."""

    id: int
    said: Said
    entities: list[dict[str, Any]] | None
    bot_id: int | None
    chat_id: int | None
    message_id: int | None
    can_copy: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The next step of a topic.

    Attributes:
        after: what the topic shows when it is taken.
        with_head: whether the words begin with who has the contact.
        skipped: how many messages before these are only counted.
        lines: the messages; of a copy, one.
        language: of its words; None: the installation's.
        is_last: whether the topic shows all then; what changes from now on has a row of its own.
    """

    kind: Kind
    source_id: int
    after: Shown
    with_head: bool = False
    skipped: int = 0
    lines: tuple[Line, ...] = ()
    is_last: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A contact as its topic shows it."""

    state: str
    lead: str | None
    source: str
    operator: str | None

    @property
    def name(self) -> str:
        return _digest(self.state, self.lead)

    @property
    def head(self) -> str:
        return _digest(self.source, self.operator)


def _digest(*parts: str | None) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]


def state_of(status: str, *, is_asleep: bool) -> str:
    """What the mark of a topic says: `new`, `in_progress`, `snoozed` or `closed`."""
    return "snoozed" if is_asleep and status != "closed" else status


def next_step(
    source_id: int, shown: Shown, contact: Facts, lines: Sequence[Line], *, total: int, bot_id: int
) -> Step | None:
    """The step from what a topic shows towards how its contact is; None if it shows that.

    Args:
        lines: the newest messages that it does not show, oldest first; `total`: how many there are.
        bot_id: of the bot that writes there, which can copy only what was written to itself.
    """
    step = _step(source_id, shown, contact, lines, total=total, bot_id=bot_id)
    if step is None or step.kind is Kind.OPEN:
        return step
    is_said = step.kind in (Kind.SAY, Kind.COPY)
    rest = [line for line in lines if line.id > step.after.upto]
    left = len(rest) if is_said else total
    further = _step(source_id, step.after, contact, rest, total=left, bot_id=bot_id)
    return replace(step, is_last=further is None)


def _step(
    source_id: int, shown: Shown, contact: Facts, lines: Sequence[Line], *, total: int, bot_id: int
) -> Step | None:
    is_closed = contact.state == "closed"
    if shown.topic_id is None:
        return None if is_closed else Step(Kind.OPEN, source_id, Shown(name=contact.name, upto=shown.upto))
    if shown.is_closed and not is_closed:
        return Step(Kind.REOPEN, source_id, replace(shown, is_closed=False))
    if shown.name != contact.name:
        return Step(Kind.RENAME, source_id, replace(shown, name=contact.name))
    with_head = shown.head != contact.head and not is_closed
    if with_head or lines:
        return _words(source_id, shown, contact, lines, total=total, bot_id=bot_id, with_head=with_head)
    return Step(Kind.CLOSE, source_id, replace(shown, is_closed=True)) if is_closed and not shown.is_closed else None


def _words(
    source_id: int,
    shown: Shown,
    contact: Facts,
    lines: Sequence[Line],
    *,
    total: int,
    bot_id: int,
    with_head: bool,
) -> Step:
    """Who has the contact and all words up to the first file, or that file."""
    head = contact.head if with_head else shown.head
    skipped = total - len(lines)
    words: list[Line] = []
    for line in lines:
        if _is_copied(line, bot_id):
            break
        words.append(line)
    if words or with_head or skipped:
        upto = words[-1].id if words else lines[0].id - 1 if skipped else shown.upto
        after = replace(shown, head=head, upto=upto)
        return Step(Kind.SAY, source_id, after, with_head=with_head, skipped=skipped, lines=tuple(words))
    return Step(Kind.COPY, source_id, replace(shown, upto=lines[0].id), lines=(lines[0],))


def _is_copied(line: Line, bot_id: int) -> bool:
    return line.said.kind in COPIED and line.can_copy and line.bot_id == bot_id and line.message_id is not None


# --- what a row is claimed with ---------------------------------------------------------------------------------------

_STATE = (
    select(
        _contact.c.source_id,
        _source.c.forum_language,
        _topic.c.topic_id,
        _topic.c.name,
        _topic.c.head,
        _topic.c.is_closed,
        _topic.c.shown_to,
    )
    .select_from(_contact)
    .join(_source, _source.c.id == _contact.c.source_id)
    .outerjoin(_topic, (_topic.c.contact_id == _contact.c.id) & (_topic.c.chat_id == _source.c.forum_chat_id))
    .where(
        _contact.c.id == bindparam("contact_id"),
        _source.c.forum_chat_id == bindparam("chat_id"),
        _source.c.forum_bot_id == bindparam("bot_id"),
    )
)


def _unsaid(contact_id: int, upto: int, chat_id: int) -> tuple[Any, ...]:
    return (
        Message.contact_id == contact_id,
        Message.id > upto,
        Message.withdrawn_at.is_(None),
        func.coalesce(Message.chat_id, 0) != chat_id,  # what was written in the forum itself stands there
    )


def claimed_step(s: Session, *, contact_id: int, bot_id: int, chat_id: int, contact: Facts) -> Step | None:
    """The next step of the topic of a contact in a forum; None if there is none, or the forum is no longer its own."""
    found: Any = execute(s, _STATE, {"contact_id": contact_id, "chat_id": chat_id, "bot_id": bot_id}).one_or_none()
    if found is None:
        return None
    shown = Shown()
    if found.topic_id is not None:
        shown = Shown(found.topic_id, found.name, found.head, found.is_closed, found.shown_to)
    which = _unsaid(contact_id, shown.upto, chat_id)
    total = execute(s, select(func.count()).select_from(Message).where(*which)).scalar_one()
    lines = _newest(s, which) if total else []
    step = next_step(found.source_id, shown, contact, lines, total=total, bot_id=bot_id)
    return None if step is None else replace(step, language=found.forum_language)


def _newest(s: Session, which: tuple[Any, ...]) -> list[Line]:
    newest = (
        select(
            Message.id,
            Message.created_at,
            Message.kind,
            Message.text,
            Message.entities,
            Message.forwarded_from,
            Message.about,
            Message.bot_id,
            Message.chat_id,
            Message.message_id,
            Message.can_copy,
            Operator.name.label("operator"),
        )
        .outerjoin(Operator, Operator.id == Message.operator_id)
        .where(*which)
        .order_by(Message.id.desc())
        .limit(KEPT)
    )
    found = [
        Line(
            row.id,
            Said(row.created_at, row.operator, row.kind, row.text, False, row.forwarded_from, row.about),
            row.entities,
            row.bot_id,
            row.chat_id,
            row.message_id,
            row.can_copy,
        )
        for row in execute(s, newest)
    ]
    return found[::-1]


# --- what follows from an attempt -------------------------------------------------------------------------------------

_STORE = prepared_upsert(
    _topic,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["contact_id"],
        set_={name: insert.excluded[name] for name in ("chat_id", "topic_id", "name", "head", "is_closed", "shown_to")},
    ),
)
Place = tuple[int, int]
"""A forum: the bot that writes there, and the chat."""


def taken(s: Session, step: Step, *, contact_id: int, place: Place, made: int | None, now: datetime) -> None:
    """A step was taken: stores what the topic shows now, and has the next one taken, if there is one.

    Args:
        made: Telegram's id of what it made: of a topic, if it opened one.
    """
    bot_id, chat_id = place
    topic_id = made if step.kind is Kind.OPEN else step.after.topic_id
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
    execute(s, _STORE, [values])
    if not step.is_last:
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)


def refused(s: Session, step: Step, *, contact_id: int, place: Place, why: str, now: datetime) -> None:
    """Telegram refused a step.

    A topic that somebody deleted is made again; a message that cannot be shown is left out, and so is a name. Whatever
    else is refused is refused for the whole forum: it is switched off, and admins are told once.
    """
    bot_id, chat_id = place
    if why == GONE and step.kind is not Kind.OPEN and not _is_unused(s, contact_id):
        execute(s, delete(_topic).where(_topic.c.contact_id == contact_id))
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)
    elif why in OF_THE_FORUM or why == GONE or step.kind is Kind.OPEN:
        _switch_off(s, step.source_id, place, why, now)
    else:
        taken(s, step, contact_id=contact_id, place=place, made=None, now=now)


def _is_unused(s: Session, contact_id: int) -> bool:
    """Whether nothing was ever said in the topic of a contact: one that is gone at once would be made for ever."""
    head = execute(s, select(_topic.c.head).where(_topic.c.contact_id == contact_id)).scalar_one_or_none()
    return not head


def _switch_off(s: Session, source_id: int, place: Place, why: str, now: datetime) -> None:
    bot_id, chat_id = place
    here = update(_source).where(_source.c.id == source_id, _source.c.forum_chat_id == chat_id)
    if not execute_count(s, here.values(forum_chat_id=None, forum_bot_id=None)):
        return
    name = execute(s, select(_source.c.name).where(_source.c.id == source_id)).scalar_one()
    _record(s, source_id, events.SYSTEM, now, is_on=False, why=why)
    alerts.notify_admins(s, cause=f"forum:{source_id}", code="forum_off", now=now, bot_id=bot_id, source=name, why=why)


# --- the setting ------------------------------------------------------------------------------------------------------


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


def _record(s: Session, source_id: int, actor: str, now: datetime, *, is_on: bool, **further: str) -> None:
    data = {"forum": is_on, **further}
    events.record_one(s, events.SOURCE_CHANGED, actor=actor, now=now, source_id=source_id, reason="forum", data=data)


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
