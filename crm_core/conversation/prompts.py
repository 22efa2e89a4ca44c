"""Questions that a bot has asked a member of staff: his next words in that chat answer them, after a restart too."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.messaging import messages
from crm_core.storage.execute import dialect_insert
from crm_core.storage.tables import Prompt

ANSWERED_WITHIN = timedelta(minutes=15)  # words of tomorrow are no answer to a question of today

_prompt = Prompt.__table__


@dataclass(frozen=True, slots=True)
class OpenPrompt:
    """A question that waits for its answer: which one, and what it was about (ids)."""

    question: str
    data: dict[str, Any]


def ask(
    s: Session, *, bot_id: int, chat_id: int, question: str, data: dict[str, Any], actor: Actor, now: datetime
) -> None:
    """Notes a question; an earlier one in the same chat is forgotten. Raises NotAllowed."""
    access_admin(s, actor)
    values = {"question": question, "data": data, "created_at": now}
    statement = dialect_insert(s, _prompt).values(bot_id=bot_id, chat_id=chat_id, **values)
    s.execute(statement.on_conflict_do_update(index_elements=["bot_id", "chat_id"], set_=values))


def waiting(s: Session, *, bot_id: int, chat_id: int, now: datetime, reply_to: int | None = None) -> OpenPrompt | None:
    """The question that words in this chat would answer, None for none.

    Args:
        reply_to: Telegram's id of the message that the words reply to. What replies to a message of a contact is for
            its client, whatever was asked meanwhile.
    """
    row = s.execute(
        select(_prompt.c.question, _prompt.c.data, _prompt.c.created_at).where(
            _prompt.c.bot_id == bot_id, _prompt.c.chat_id == chat_id
        )
    ).one_or_none()
    if row is None or row.created_at <= now - ANSWERED_WITHIN:
        return None
    if reply_to is not None and messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=reply_to):
        return None
    return OpenPrompt(row.question, row.data)


def forget(s: Session, *, bot_id: int, chat_id: int) -> None:
    """The question is answered, or not wanted any more."""
    s.execute(_prompt.delete().where(_prompt.c.bot_id == bot_id, _prompt.c.chat_id == chat_id))
