"""Edits of the cards of a contact that stand in operators' chats, as rows of the outbox."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Posted

_posted = Posted.__table__
_CARDS = Prepared(
    select(_posted.c.bot_id, _posted.c.chat_id, _posted.c.message_id, _posted.c.is_brief).where(
        _posted.c.contact_id == bindparam("contact_id"), _posted.c.is_card.is_(True)
    )
)


def refresh_all(s: Session, *, contact_id: int, now: datetime, only_brief: bool = False) -> None:
    """Queues an edit of every card of a contact, those of operators who held it before included.

    Args:
        only_brief: only of cards that were shown again, which have the last messages.
    """
    for bot_id, chat_id, message_id, is_brief in execute(s, _CARDS, {"contact_id": contact_id}):
        if only_brief and not is_brief:
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
