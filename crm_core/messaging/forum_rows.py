"""The rows by which the topic of a contact in a team's forum is brought up to date: one of each topic waits."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.outbox import OutboxEntry
from crm_core.storage.execute import execute
from crm_core.storage.tables import ForumTopic, Source

# In the payload: see `crm_core.conversation.forum_steps.Forum`, `crm_core.conversation.forums` and `Step.is_again`.
NO_ALBUM, NO_COPY, AGAIN = "no_album", "no_copy", "again"


def entry(
    contact_id: int,
    *,
    bot_id: int | None,
    chat_id: int | None,
    no_album: bool = False,
    no_copy: bool = False,
    is_again: bool = False,
) -> list[OutboxEntry]:
    """The row of a contact; none where its source has no forum.

    Args:
        bot_id, chat_id: of the forum.
        no_album: whether an album that it may come to is shown part by part.
        no_copy: whether a file from another group, if that comes next, is named: the bot is not there any more.
        is_again: whether its topic is made again that was gone before anything stood there.
    """
    if bot_id is None or chat_id is None:
        return []
    payload = {name: True for name, is_so in ((NO_ALBUM, no_album), (NO_COPY, no_copy), (AGAIN, is_again)) if is_so}
    key = f"forum:{chat_id}:{contact_id}"
    return [OutboxEntry(outbox.FORUM, bot_id, chat_id, contact_id, payload=payload, dedup_key=key)]


def add(
    s: Session,
    contact_id: int,
    *,
    bot_id: int | None,
    chat_id: int | None,
    now: datetime,
    no_album: bool = False,
    no_copy: bool = False,
    is_again: bool = False,
) -> None:
    """Has the topic of a contact brought up to date, if its source has a forum: it will show the newest state.

    Args: as of `entry`.
    """
    if chat_id is not None:
        rows = entry(contact_id, bot_id=bot_id, chat_id=chat_id, no_album=no_album, no_copy=no_copy, is_again=is_again)
        outbox.add(s, rows, now=now)


_KNOWN = (
    select(Source.forum_bot_id, Source.forum_chat_id)
    .distinct()
    .join(ForumTopic, ForumTopic.chat_id == Source.forum_chat_id)
    .where(ForumTopic.contact_id == bindparam("contact_id"))
    .order_by(Source.forum_chat_id, Source.forum_bot_id)
)


def add_known(s: Session, contact_id: int, *, now: datetime) -> None:
    """Has every topic of a contact brought up to date, those in forums of sources where it was before included."""
    for bot_id, chat_id in execute(s, _KNOWN, {"contact_id": contact_id}).all():
        add(s, contact_id, bot_id=bot_id, chat_id=chat_id, now=now)


_TOPIC = (
    select(ForumTopic.topic_id, Source.forum_language)
    .outerjoin(Source, Source.forum_chat_id == ForumTopic.chat_id)
    .where(ForumTopic.contact_id == bindparam("contact_id"), ForumTopic.chat_id == bindparam("chat_id"))
    .order_by(Source.id)
    .limit(1)
)


def for_notice(s: Session, contact_id: int | None, *, chat_id: int) -> dict[str, Any]:
    """What belongs into the payload of a notice about a contact that goes where its words were written.

    Returns the topic and the language of a team's forum; nothing for a private chat, which has a reader of its own.
    """
    if chat_id > 0:
        return {}
    found = execute(s, _TOPIC, {"contact_id": contact_id, "chat_id": chat_id}).one_or_none()
    return {} if found is None else {outbox.TOPIC: found.topic_id, "language": found.forum_language}
