"""Edits of the cards of a contact that stand in operators' chats, as rows of the outbox."""

from datetime import datetime

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from crm_core.messaging import forum_rows, outbox
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Posted, Source

_posted = Posted.__table__
_CARDS = Prepared(
    # A row even where there is no card: the forum of its source is read with them.
    select(
        _posted.c.bot_id,
        _posted.c.chat_id,
        _posted.c.message_id,
        _posted.c.is_brief,
        Source.forum_bot_id,
        Source.forum_chat_id,
    )
    .select_from(Contact)
    .join(Source, Source.id == Contact.source_id)
    .outerjoin(_posted, and_(_posted.c.contact_id == Contact.id, _posted.c.is_card.is_(True)))
    .where(Contact.id == bindparam("contact_id"))
)


def refresh_all(s: Session, *, contact_id: int, now: datetime, only_brief: bool = False) -> None:
    """Queues an edit of every card of a contact, those of operators who held it before included, and of its topic.

    Args:
        only_brief: only of cards that were shown again, which have the last messages.
    """
    found = execute(s, _CARDS, {"contact_id": contact_id}).all()
    for forum_bot, forum_chat in {(row.forum_bot_id, row.forum_chat_id) for row in found}:
        forum_rows.add(s, contact_id, bot_id=forum_bot, chat_id=forum_chat, now=now)
    for bot_id, chat_id, message_id, is_brief, *_ in found:
        if message_id is None or (only_brief and not is_brief):
            continue
        refresh(
            s,
            contact_id=contact_id,
            bot_id=bot_id,
            chat_id=chat_id,
            message_id=message_id,
            is_brief=is_brief,
            now=now,
        )


def refresh(
    s: Session,
    *,
    contact_id: int,
    bot_id: int,
    chat_id: int,
    message_id: int,
    now: datetime,
    is_brief: bool = False,
) -> None:
    """Queues an edit of one card; further edits are dropped while it waits, since it will show the newest state.

    Args:
        is_brief: whether it is one that was shown again.
    """
    queue_edit(s, contact_id, (bot_id, chat_id, message_id), now, key=_KEY, is_brief=is_brief)


_KEY = "card"
Place = tuple[int, int, int]
"""Where a card is: the bot, the chat, and Telegram's id of the message."""


def queue_edit(s: Session, contact_id: int, place: Place, now: datetime, *, key: str, **shows: bool) -> None:
    """Queues an edit of a card.

    Args:
        key: edits of one card with the same key are one while they wait.
        shows: what it shows besides the newest state, as `bot.delivery.cards` knows it.
    """
    bot_id, chat_id, message_id = place
    payload = {"message_id": message_id, **{name: True for name, is_shown in shows.items() if is_shown}}
    edit = outbox.OutboxEntry(
        outbox.CARD_EDIT, bot_id, chat_id, contact_id, payload=payload, dedup_key=dedup_key(place, key)
    )
    outbox.add(s, [edit], now=now)


def dedup_key(place: tuple[int, int, int], key: str = _KEY) -> str:
    """The key under which edits of a card are one while they wait; with another word, edits of another kind."""
    return ":".join(map(str, (key, *place)))
