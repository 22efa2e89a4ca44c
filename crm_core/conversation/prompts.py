"""Prompts: questions of a bot that are answered by the next text message in the chat, after a restart too.

Admins, operators and clients can be asked. A prompt belongs to one account in one role: nobody else answers it, and it
ends with that role.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin, access_client, access_operator
from crm_core.errors import NotAllowed, PromptEnded
from crm_core.messaging import messages
from crm_core.storage.database import on_commit
from crm_core.storage.execute import change_one, dialect_insert, execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Prompt

ANSWERED_WITHIN = timedelta(minutes=15)  # a message of tomorrow is no answer to a question of today

_prompt = Prompt.__table__


class Role(StrEnum):
    """As what somebody is asked: the role that they need when they are asked and when they answer."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class OpenPrompt:
    """A question that waits for its answer.

    Attributes:
        question: its name, by which a handler finds the answers that are for it.
        data: what it is about (ids).
        asked_at: when it was asked; with the chat, this identifies it.
    """

    question: str
    data: dict[str, Any]
    role: Role
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Handed to listeners after the commit: a question waits in this chat."""

    bot_id: int
    chat_id: int


def ask(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    question: str,
    data: dict[str, Any],
    role: Role,
    actor: Actor,
    now: datetime,
) -> None:
    """Stores a question; an earlier one in the same chat ends. The caller sends its text.

    Args:
        question: a name of at most 64 characters.
        data: what it is about: ids, as JSON.
        role, actor: the Telegram account that is asked, and as what.

    Raises NotAllowed if the account does not have this role.
    """
    access_role(s, actor, role, bot_id=bot_id)
    if actor.telegram_id is None:
        raise NotAllowed(role=role.value)  # the system and API keys have no chat in which they could answer
    values = {
        "question": question,
        "data": data,
        "role": role.value,
        "person_id": actor.telegram_id,
        "created_at": now,
    }
    statement = dialect_insert(s, _prompt).values(bot_id=bot_id, chat_id=chat_id, **values)
    s.execute(statement.on_conflict_do_update(index_elements=["bot_id", "chat_id"], set_=values))
    on_commit(s, Asked(bot_id, chat_id))


def access_role(s: Session, actor: Actor, role: Role, *, bot_id: int) -> None:
    """Raises NotAllowed unless the actor has this role now, a client's role at this bot."""
    match role:
        case Role.ADMIN:
            access_admin(s, actor)
        case Role.OPERATOR:
            access_operator(s, actor)
        case Role.CLIENT:
            access_client(s, actor, bot_id=bot_id)


def waiting(
    s: Session, *, bot_id: int, chat_id: int, actor: Actor, now: datetime, reply_to: int | None = None
) -> OpenPrompt | None:
    """The question that a message of this actor in this chat would answer, None for none.

    There is none if it was asked too long ago, if somebody else was asked, or if they have lost the role.

    Args:
        reply_to: Telegram's id of the message that it replies to. A reply to a message of a contact belongs to that
            contact, whatever was asked in the meantime.

    Raises NotRecordedYet where it is not known yet what the message replies to.
    """
    columns = (_prompt.c.question, _prompt.c.data, _prompt.c.role, _prompt.c.created_at, _prompt.c.person_id)
    row = s.execute(select(*columns).where(*_in_chat(bot_id, chat_id))).one_or_none()
    if row is None or row.created_at <= now - ANSWERED_WITHIN or row.person_id != actor.telegram_id:
        return None
    prompt = OpenPrompt(row.question, row.data, Role(row.role), row.created_at)
    try:
        access_role(s, actor, prompt.role, bot_id=bot_id)
    except NotAllowed:
        return None
    if reply_to is not None and messages.reply_target(s, bot_id=bot_id, chat_id=chat_id, message_id=reply_to):
        return None
    return prompt


def _in_chat(bot_id: int, chat_id: int) -> tuple[Any, ...]:
    return (_prompt.c.bot_id == bot_id, _prompt.c.chat_id == chat_id)


def end_answered(s: Session, *, prompt: OpenPrompt, bot_id: int, chat_id: int) -> None:
    """Ends a question in the transaction of what its answer changes, so that it is answered once.

    Raises PromptEnded if it was answered, replaced or cancelled since it was read.
    """
    this = _prompt.delete().where(*_in_chat(bot_id, chat_id), _prompt.c.created_at == prompt.asked_at)
    change_one(s, this, otherwise=PromptEnded())


def end(s: Session, *, bot_id: int, chat_id: int) -> None:
    """Ends the question of a chat without an answer, if there is one."""
    s.execute(_prompt.delete().where(*_in_chat(bot_id, chat_id)))


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Deletes questions that were asked too long ago to be answered, at most so many. Returns how many."""
    return delete_batch(s, _prompt, _prompt.c.created_at <= now - ANSWERED_WITHIN, at_most=at_most)


def chats(s: Session) -> set[tuple[int, int]]:
    """Every chat with a question, as (bot_id, chat_id); `waiting` says whether it can still be answered."""
    return {(row.bot_id, row.chat_id) for row in execute(s, _CHATS)}


_CHATS = Prepared(select(_prompt.c.bot_id, _prompt.c.chat_id))
