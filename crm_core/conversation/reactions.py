"""Reactions: what one side sets on a message shows at the other side's copy of it, as the bot's own.

Best effort, by Telegram's rules: a bot has one reaction on a message, and only emoji that everybody may use. Nothing
is stored of a reaction, and it is no answer. It shows in a team's forum, too, where the message stands by itself; what
is set there stays there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.conversation import copies, forum_lines
from crm_core.conversation.copies import Chat
from crm_core.messaging import giving_up, messages, outbox
from crm_core.messaging.messages import NotRecordedYet
from crm_core.storage.execute import execute
from crm_core.storage.tables import Message, Posted

_message, _posted = Message.__table__, Posted.__table__


def react(s: Session, *, bot_id: int, chat_id: int, message_id: int, emoji: Sequence[str], now: datetime) -> int | None:
    """Somebody changed their reactions on a message; the newest one shows at the other side, none takes it away.

    Args:
        bot_id, chat_id, message_id: Telegram's, of the message as they see it: their own, a copy, or a card.
        emoji: what they have set on it now, in their order; none of these for a reaction of another kind.

    Returns the contact, None where it is no message of one that is between these two, or not known to be yet.
    """
    try:
        target = messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=message_id)
    except NotRecordedYet:  # nobody waits for a reaction
        return None
    if target is None:
        return None
    sides = copies.sides(s, target.contact_id)
    others = {sides.client: sides.operator, sides.operator: sides.client}
    other = others.get((bot_id, chat_id))
    if other is None:  # of an operator who had it before, or without a chat
        return None
    message_ref = target.message_ref or _on_card(s, target.contact_id, (bot_id, chat_id), message_id)
    if message_ref is None:
        return None
    there = _shown_at(s, message_ref, target.contact_id, other)
    places = [*([] if there is None else [(*other, there)]), *forum_lines.alone(s, message_ref)]
    for place in places:
        key = ":".join(map(str, ("reaction", *place)))
        giving_up.give_up_keyed(s, dedup_key=key, outcome="changed", now=now)
        payload = {"message_id": place[2], "emoji": emoji[-1] if emoji else None}
        entry = outbox.OutboxEntry(outbox.REACTION, *place[:2], target.contact_id, payload=payload, dedup_key=key)
        outbox.add(s, [entry], now=now)
    return target.contact_id if places else None


_FIRST = select(func.min(_message.c.id)).where(
    _message.c.contact_id == bindparam("contact_id"), _message.c.author == "client"
)
_IS_CARD = select(_posted.c.is_card).where(
    _posted.c.bot_id == bindparam("bot_id"),
    _posted.c.chat_id == bindparam("chat_id"),
    _posted.c.message_id == bindparam("message_id"),
)
_WRITTEN = select(_message.c.message_id).where(
    _message.c.id == bindparam("ref"),
    _message.c.bot_id == bindparam("bot_id"),
    _message.c.chat_id == bindparam("chat_id"),
)
# `+ 0` keeps SQLite from the key (bot, chat, message), which it prefers for its order: it would read a whole chat.
_COPY = select(func.max(_posted.c.message_id)).where(
    _posted.c.message_ref == bindparam("ref"),
    _posted.c.bot_id + 0 == bindparam("bot_id"),
    _posted.c.chat_id == bindparam("chat_id"),
)
_CARD = select(func.max(_posted.c.message_id)).where(
    _posted.c.contact_id == bindparam("contact_id"),
    _posted.c.bot_id + 0 == bindparam("bot_id"),
    _posted.c.chat_id == bindparam("chat_id"),
    _posted.c.is_card.is_(True),
)


def _on_card(s: Session, contact_id: int, place: Chat, message_id: int) -> int | None:
    """The message that a card shows: the client's first one; None where it is no card."""
    at = {"bot_id": place[0], "chat_id": place[1], "message_id": message_id}
    if not execute(s, _IS_CARD, at).scalar_one_or_none():
        return None
    first: int | None = execute(s, _FIRST, {"contact_id": contact_id}).scalar_one()
    return first


def _shown_at(s: Session, message_ref: int, contact_id: int, place: Chat) -> int | None:
    """Telegram's id of a message in a chat: as it was written there, of its copy, or of the card that shows it."""
    at: dict[str, Any] = {"ref": message_ref, "bot_id": place[0], "chat_id": place[1]}
    found: int | None = execute(s, _WRITTEN, at).scalar_one_or_none() or execute(s, _COPY, at).scalar_one()
    if found is None and execute(s, _FIRST, {"contact_id": contact_id}).scalar_one() == message_ref:
        where = {"contact_id": contact_id, "bot_id": place[0], "chat_id": place[1]}
        found = execute(s, _CARD, where).scalar_one()
    return found
