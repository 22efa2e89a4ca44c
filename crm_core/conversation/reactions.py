"""Reactions: what one side sets on a message shows at the other side's copy of it, as the bot's own.

Best effort, by Telegram's rules: a bot has one reaction on a message, and only emoji that everybody may use. Nothing
is stored of a reaction, and it is no answer. It shows in a team's forum, too, where the message stands by itself; of
what is set there, only that of whoever has the contact goes to the client.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.conversation import copies, forum_lines, forums
from crm_core.conversation.copies import Chat
from crm_core.messaging import giving_up, messages, outbox
from crm_core.messaging.messages import NotRecordedYet
from crm_core.storage.execute import execute
from crm_core.storage.tables import Message, Posted

_message, _posted = Message.__table__, Posted.__table__

Place = tuple[int, int, int]
"""A message in a chat of a bot: (bot_id, chat_id, message_id)."""


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
    if (bot_id, chat_id) not in others:  # of an operator who had it before
        return None
    other = others[bot_id, chat_id]
    message_ref = target.message_ref or _on_card(s, target.contact_id, (bot_id, chat_id), message_id)
    if message_ref is None:
        return None
    places = [*_shown_at(s, message_ref, target.contact_id, other), *forum_lines.alone(s, message_ref)]
    return _set(s, target.contact_id, places, emoji, now)


def react_in_forum(
    s: Session, *, actor: Actor, bot_id: int, chat_id: int, message_id: int, emoji: Sequence[str], now: datetime
) -> int | None:
    """Somebody changed their reactions on a message in a team's forum; that of whoever has the contact is the client's.

    Args:
        bot_id, chat_id, message_id, emoji: as in `react`.

    Returns the contact, None where it stays in the forum.
    """
    target = forum_lines.stands_at(s, bot_id=bot_id, chat_id=chat_id, message_id=message_id)
    if target is None or target.message_ref is None:
        return None
    if not forums.is_held_by(s, actor, contact_id=target.contact_id, bot_id=bot_id, chat_id=chat_id):
        return None
    client = copies.sides(s, target.contact_id).client
    return _set(s, target.contact_id, _shown_at(s, target.message_ref, target.contact_id, client), emoji, now)


def _set(s: Session, contact_id: int, places: Sequence[Place], emoji: Sequence[str], now: datetime) -> int | None:
    """Has the bot set the newest reaction in these places, or take it away; what waits for one of them is given up."""
    for place in places:
        key = ":".join(map(str, ("reaction", *place)))
        giving_up.give_up_keyed(s, dedup_key=key, outcome="changed", now=now)
        payload = {"message_id": place[2], "emoji": emoji[-1] if emoji else None}
        entry = outbox.OutboxEntry(outbox.REACTION, *place[:2], contact_id, payload=payload, dedup_key=key)
        outbox.add(s, [entry], now=now)
    return contact_id if places else None


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


def _shown_at(s: Session, message_ref: int, contact_id: int, chat: Chat | None) -> list[Place]:
    """Where a message is in a chat: as it was written there, its copy, or the card that shows it; nowhere in none."""
    if chat is None:
        return []
    at: dict[str, Any] = {"ref": message_ref, "bot_id": chat[0], "chat_id": chat[1]}
    found: int | None = execute(s, _WRITTEN, at).scalar_one_or_none() or execute(s, _COPY, at).scalar_one()
    if found is None and execute(s, _FIRST, {"contact_id": contact_id}).scalar_one() == message_ref:
        where = {"contact_id": contact_id, "bot_id": chat[0], "chat_id": chat[1]}
        found = execute(s, _CARD, where).scalar_one()
    return [] if found is None else [(*chat, found)]
