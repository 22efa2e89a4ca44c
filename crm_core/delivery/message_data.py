"""Reads what copies need: the messages themselves, what they reply to in their new chat, and their albums."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from crm_core.delivery.claimed_rows import AlbumData, MessageData
from crm_core.messaging import outbox
from crm_core.messaging.outbox_attempts import Claimed
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import Contact, Lead, Message, Operator, OutboxRow, Posted, Source

ANSWERED = aliased(Message)


def _newest_there(*conditions: Any) -> Any:
    """Telegram's id of the newest of these messages of ours in the chat where a row goes.

    `+ 0` keeps SQLite from using the key (bot, chat, message), which it prefers for its order: it would read everything
    that was ever posted in the chat.
    """
    place = (Posted.bot_id + 0 == OutboxRow.bot_id, Posted.chat_id == OutboxRow.chat_id)
    return select(func.max(Posted.message_id)).where(*conditions, *place).scalar_subquery()


_MESSAGES = PreparedForIds(
    lambda ids: (
        select(
            OutboxRow.id.label("row_id"),
            Message.id,
            Message.kind,
            Message.text,
            Message.entities,
            Message.chat_id,
            Message.message_id,
            Message.can_copy,
            func.coalesce(
                # The message that is replied to, if it was written in the chat where this copy goes …
                select(ANSWERED.message_id)
                .where(
                    ANSWERED.id == Message.reply_to,
                    ANSWERED.bot_id == OutboxRow.bot_id,
                    ANSWERED.chat_id == OutboxRow.chat_id,
                )
                .scalar_subquery(),
                # … or our copy of it there. Some have it only in a talk (`_with_more`).
                _newest_there(Posted.message_ref == Message.reply_to),
            ).label("answered_there"),
            Message.reply_to.label("answered"),
            # In an operator's chat every copy replies at least to the card. Clients have no cards.
            _newest_there(Posted.contact_id == OutboxRow.contact_id, Posted.is_card.is_(True)).label("card_id"),
            _newest_there(Posted.message_ref == Message.id).label("copy_id"),
            Message.withdrawn_at.is_not(None).label("is_withdrawn"),
            Message.forwarded_from,
            Message.about,
            Message.media,
            Operator.name.label("operator"),
            Source.protect_content,
        )
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == Message.contact_id)
        .join(Source, Source.id == Contact.source_id)
        .outerjoin(Operator, Operator.id == Message.operator_id)
        .where(OutboxRow.id.in_(ids))
    )
)
# Two levels down, SQLAlchemy takes the row of the outbox for a table of the query's own.
_NEWEST_OF_CONTACT = _newest_there(Posted.contact_id == OutboxRow.contact_id).correlate(OutboxRow)
SIBLING, SIBLING_COPY, LATER = aliased(Message), aliased(Posted), aliased(Posted)
_ALBUMS = PreparedForIds(
    lambda ids: (
        select(
            OutboxRow.id.label("row_id"),
            select(func.min(SIBLING_COPY.message_id))
            .select_from(SIBLING)
            .join(SIBLING_COPY, SIBLING_COPY.message_ref == SIBLING.id)
            .where(
                SIBLING.contact_id == Message.contact_id,
                SIBLING.album == Message.album,
                SIBLING_COPY.bot_id + 0 == OutboxRow.bot_id,  # see `_newest_there`
                SIBLING_COPY.chat_id == OutboxRow.chat_id,
            )
            .scalar_subquery()
            .label("begun"),
            select(LATER.message_id)
            .where(
                LATER.bot_id == OutboxRow.bot_id,
                LATER.chat_id == OutboxRow.chat_id,
                LATER.message_id > func.coalesce(_NEWEST_OF_CONTACT, 0),
            )
            .exists()
            .label("is_parted"),
            Lead.full_name.label("client"),
        )
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == OutboxRow.contact_id)
        .join(Lead, Lead.id == Contact.lead_id)
        .where(OutboxRow.id.in_(ids))
    )
)


def of_rows(s: Session, ids: list[int]) -> dict[int, MessageData]:
    """The messages that rows of the outbox copy, by the rows' ids."""
    if not ids:
        return {}
    found = [row._asdict() for row in execute(s, _MESSAGES, {"ids": ids})]
    return {columns.pop("row_id"): _message_data(columns) for columns in found}


def _message_data(columns: dict[str, Any]) -> MessageData:
    answered_there, card_id = columns.pop("answered_there"), columns.pop("card_id")
    reply_to = card_id if answered_there is None else answered_there
    return MessageData(**columns, reply_to=reply_to, is_exact=answered_there is not None)


def of_albums(s: Session, rows: Sequence[Claimed], messages: dict[int, MessageData]) -> dict[int, AlbumData]:
    """What parts of albums need, by the rows' ids.

    A part that is late replies to the first copy, whether it comes alone or with others: its message is replaced.
    """
    parts = [(_album(row), row.id) for row in rows if outbox.ALBUM in row.payload and row.id in messages]
    if not parts:
        return {}
    asked = dict(parts)  # one part of each album, as the answer is the same for all of them
    found = {one.row_id: one for one in execute(s, _ALBUMS, {"ids": list(asked.values())})}
    return {
        row_id: _album_data(found[asked[album]], row_id, messages) for album, row_id in parts if asked[album] in found
    }


def _album(row: Claimed) -> tuple[Any, ...]:
    return row.bot_id, row.chat_id, row.contact_id, row.payload[outbox.ALBUM]


def _album_data(about: Any, row_id: int, messages: dict[int, MessageData]) -> AlbumData:
    message = messages[row_id]
    reply_to = None if message.answered is None else message.reply_to
    if about.begun is not None and message.copy_id is None:
        reply_to = about.begun
        messages[row_id] = replace(message, reply_to=reply_to)
    return AlbumData(reply_to=reply_to, is_beneath=not about.is_parted, client=about.client)
