"""What of a contact's messages stands where in topics of a team's forum: so what is edited or taken back shows there.

An edit marks the lines that show it as stale, and adds a row for their topic (`mark`); a later step of that topic
brings a message of the bot's up to date, with all lines that are in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from crm_core.conversation.forum_steps import NOWHERE, Above, Kind, Line, Posted, Shape, Step
from crm_core.conversation.history import Said
from crm_core.messaging import forum_rows
from crm_core.messaging.messages import Target
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact
from crm_core.storage.prepared import PreparedForIds, prepared_upsert
from crm_core.storage.tables import Contact, ForumLine, ForumTopic, Message, Operator, Source

_line, _topic = ForumLine.__table__, ForumTopic.__table__

COLUMNS = (
    Message.id,
    Message.created_at,
    Message.kind,
    Message.text,
    Message.entities,
    Message.forwarded_from,
    Message.about,
    Message.media,
    Message.album,
    Message.bot_id,
    Message.chat_id,
    Message.message_id,
    Message.can_copy,
    Message.withdrawn_at,
    Operator.name.label("operator"),
)
"""What `line_of` needs of a message and of who wrote it."""


def line_of(row: Any) -> Line:
    """A message as a line of a topic."""
    is_withdrawn = row.withdrawn_at is not None
    said = Said(row.created_at, row.operator, row.kind, row.text, is_withdrawn, row.forwarded_from, row.about)
    return Line(
        row.id,
        said,
        row.entities,
        row.bot_id,
        row.chat_id,
        row.message_id,
        row.can_copy,
        media=row.media,
        album=row.album,
    )


# --- what is stale ----------------------------------------------------------------------------------------------------

_SHOWN = PreparedForIds(
    lambda ids: (
        select(_line.c.contact_id, _line.c.chat_id, Source.forum_bot_id)
        .distinct()
        .outerjoin(Source, Source.forum_chat_id == _line.c.chat_id)
        .where(_line.c.message_ref.in_(ids))
        .order_by(_line.c.contact_id, _line.c.chat_id, Source.forum_bot_id)
    )
)


def mark(s: Session, refs: Sequence[int], *, now: datetime) -> None:
    """Messages were edited or taken back: forums that show them are brought up to date. Their contacts are locked.

    A group that is no forum now, or is that of another bot, is brought up to date when it becomes one again.
    """
    found = execute(s, _SHOWN, {"ids": list(refs)}).all() if refs else []
    if found:
        execute(s, update(_line).where(_line.c.message_ref.in_(refs)).values(is_stale=True))
    for contact_id, chat_id, bot_id in found:
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)


_TOPICS = (
    select(_topic.c.chat_id, _topic.c.shown_to, Source.forum_bot_id)
    .join(Contact, Contact.id == _topic.c.contact_id)
    .outerjoin(Source, and_(Source.id == Contact.source_id, Source.forum_chat_id == _topic.c.chat_id))
    .where(_topic.c.contact_id == bindparam("contact_id"))
)


def show(s: Session, refs: Sequence[int], *, contact_id: int, now: datetime) -> None:
    """Messages are those of another contact now, in whose topic newer ones may stand: they are shown there, too.

    Where its group is no forum of its source now, they are when it becomes one again.
    """
    for chat_id, shown_to, bot_id in execute(s, _TOPICS, {"contact_id": contact_id}).all():
        place = {"contact_id": contact_id, "chat_id": chat_id, "posted_id": NOWHERE, "above": None, "is_stale": True}
        rows = [{"message_ref": ref, "shape": Shape.WORDS.value, **place} for ref in refs if ref <= shown_to]
        if rows:
            execute(s, _STORE, rows)
        forum_rows.add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)


_STALE = (
    select(_line.c.posted_id)
    .distinct()
    .where(
        _line.c.contact_id == bindparam("contact_id"),
        _line.c.chat_id == bindparam("chat_id"),
        _line.c.is_stale.is_(True),
        _line.c.posted_id >= bindparam("first"),
    )
    .order_by(_line.c.posted_id)
    .limit(2)
)
_IN_IT = (
    select(_line.c.shape, _line.c.above, *COLUMNS)
    .select_from(_line)
    .join(Message, Message.id == _line.c.message_ref)
    .outerjoin(Operator, Operator.id == Message.operator_id)
    .where(
        _line.c.contact_id == bindparam("contact_id"),
        _line.c.chat_id == bindparam("chat_id"),
        _line.c.posted_id == bindparam("posted_id"),
    )
    .order_by(Message.id)
)


@dataclass(frozen=True, slots=True)
class Stale:
    """A message of a forum that is to be brought up to date, and whether there are others."""

    posted: Posted
    has_more: bool


def stale(s: Session, *, contact_id: int, chat_id: int, is_here: bool) -> Stale | None:
    """The first message in a topic that shows what is not so any more; None if there is none.

    Args:
        is_here: whether the forum is that of the contact's source; otherwise nothing comes there that is not there yet.
    """
    which = {"contact_id": contact_id, "chat_id": chat_id, "first": NOWHERE if is_here else NOWHERE + 1}
    ids = execute(s, _STALE, which).scalars().all()
    if not ids:
        return None
    rows = execute(s, _IN_IT, {"contact_id": contact_id, "chat_id": chat_id, "posted_id": ids[0]}).all()
    above = Above(**(rows[0].above or {}))
    posted = Posted(ids[0], Shape(rows[0].shape), above, tuple(line_of(row) for row in rows))
    return Stale(posted, has_more=len(ids) > 1)


_OTHER = _line.alias()
_ALONE = (
    select(Source.forum_bot_id, _line.c.chat_id, _line.c.posted_id)
    .distinct()
    .join(Source, Source.forum_chat_id == _line.c.chat_id)
    .where(
        _line.c.message_ref == bindparam("ref"),
        ~exists().where(
            _OTHER.c.chat_id == _line.c.chat_id,
            _OTHER.c.posted_id == _line.c.posted_id,
            _OTHER.c.message_ref != _line.c.message_ref,
        ),
    )
)
_WRITTEN = (
    select(Source.forum_bot_id, Message.chat_id, Message.message_id)
    .distinct()
    .join(Source, Source.forum_chat_id == Message.chat_id)
    .where(Message.id == bindparam("ref"), Source.forum_bot_id == Message.bot_id)
)


def alone(s: Session, message_ref: int) -> list[tuple[int, int, int]]:
    """Where a message stands in forums by itself, as its writer wrote it there or as a bot shows it.

    Returns bots, chats, and Telegram's ids of the messages.
    """
    found = execute(s, _WRITTEN, {"ref": message_ref}).all() or execute(s, _ALONE, {"ref": message_ref}).all()
    return [(bot_id, chat_id, message_id) for bot_id, chat_id, message_id in found]


def stands_at(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> Target | None:
    """The message of a contact that one in a forum is, or shows by itself; None for anything else."""
    place = {"chat_id": chat_id, "number": message_id}
    written = execute(s, _WRITTEN_THERE, {**place, "bot_id": bot_id}).one_or_none()
    found = execute(s, _SHOWN_THERE, place).all() if written is None else [written]
    return Target(*found[0]) if len(found) == 1 else None


_WRITTEN_THERE = select(Message.contact_id, Message.id).where(
    Message.bot_id == bindparam("bot_id"),
    Message.chat_id == bindparam("chat_id"),
    Message.message_id == bindparam("number"),
)
_SHOWN_THERE = (
    select(_line.c.contact_id, _line.c.message_ref)
    .where(_line.c.chat_id == bindparam("chat_id"), _line.c.posted_id == bindparam("number"))
    .limit(2)
)


# --- what stands there now --------------------------------------------------------------------------------------------

_STORE = prepared_upsert(
    _line,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["message_ref", "chat_id"],
        set_={name: insert.excluded[name] for name in ("contact_id", "posted_id", "shape", "above", "is_stale")},
    ),
)
_NOW = PreparedForIds(
    lambda ids: (
        select(*COLUMNS)
        .select_from(Message)
        .outerjoin(Operator, Operator.id == Message.operator_id)
        .where(Message.id.in_(ids))
    )
)


def note(s: Session, step: Step, *, contact_id: int, chat_id: int, made: Sequence[int]) -> bool:
    """A step was taken that shows messages, or changes how they are shown: stores where they stand now.

    Args:
        made: Telegram's ids of what it made, of an album in its order; if they are not known, nothing is stored.

    Returns whether something of it was edited, or taken back, while it was under way: then that is stale at once.
    """
    if step.kind is Kind.UNSAY:
        forget(s, step, chat_id=chat_id)
        return False
    places = made if step.posted_id is None else [step.posted_id]
    if not step.lines or len(places) not in (1, len(step.lines)):
        return False
    lock_contact(s, contact_id)  # whoever edits one of them at this moment sees these lines, or is seen here
    is_now = {row.id: line_of(row) for row in execute(s, _NOW, {"ids": [line.id for line in step.lines]})}
    rows = [
        {
            "message_ref": line.id,
            "chat_id": chat_id,
            "contact_id": contact_id,
            "posted_id": places[place if len(places) > 1 else 0],
            "shape": step.shape_at(place).value,
            "above": step.above.stored() if place == 0 else None,
            "is_stale": line.id in is_now and is_now[line.id].content != line.content,
        }
        for place, line in enumerate(step.lines)
        if line.id in is_now
    ]
    execute(s, _STORE, rows)
    return any(row["is_stale"] for row in rows)


def forget(s: Session, step: Step, *, chat_id: int) -> None:
    """What a step was about is not shown any more, or cannot be changed: it is left as it is."""
    refs = [line.id for line in step.lines]
    if refs:
        execute(s, delete(_line).where(_line.c.chat_id == chat_id, _line.c.message_ref.in_(refs)))


def forget_topic(s: Session, *, contact_id: int, chat_id: int) -> None:
    """A topic is gone, with all that stood there."""
    execute(s, delete(_line).where(_line.c.contact_id == contact_id, _line.c.chat_id == chat_id))
