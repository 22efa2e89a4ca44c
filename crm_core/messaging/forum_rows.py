"""The rows by which the topic of a contact in its team's forum is brought up to date: one of each contact waits."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.outbox import OutboxEntry


def entry(contact_id: int, *, bot_id: int | None, chat_id: int | None) -> list[OutboxEntry]:
    """The row of a contact; none where its source has no forum.

    Args:
        bot_id, chat_id: of the forum.
    """
    if bot_id is None or chat_id is None:
        return []
    return [OutboxEntry(outbox.FORUM, bot_id, chat_id, contact_id, dedup_key=f"forum:{contact_id}")]


def add(s: Session, contact_id: int, *, bot_id: int | None, chat_id: int | None, now: datetime) -> None:
    """Has the topic of a contact brought up to date, if its source has a forum: it will show the newest state."""
    if chat_id is not None:
        outbox.add(s, entry(contact_id, bot_id=bot_id, chat_id=chat_id), now=now)
