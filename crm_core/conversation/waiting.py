"""Which clients wait for an answer, and since when: the rule, and the open contacts of operators as lists show them.

A client waits from their first message that no operator has answered. Where there is no chat (a form, another system)
nobody can answer in writing: such a client waits until somebody takes their contact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, case, func, null, select, type_coerce
from sqlalchemy.orm import Session, aliased

from crm_core.access.actors import Actor, access_operator
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute
from crm_core.storage.tables import Bot, Contact, Lead, Message

_contact, _lead = Contact.__table__, Lead.__table__
NEVER = datetime.min.replace(tzinfo=UTC)
_instant = _contact.c.created_at.type

_any, _first, _answer = aliased(Message), aliased(Message), aliased(Message)
LAST_WORDS = (
    select(_any.id)
    .where(_any.contact_id == _contact.c.id, _any.author == "client")
    .order_by(_any.id.desc())
    .limit(1)
    .scalar_subquery()
)
"""Of a row of contacts, the last message of its client, by its id."""

_last_answer = (
    select(func.max(_answer.id))
    .where(_answer.contact_id == _first.contact_id, _answer.author == "operator", _answer.withdrawn_at.is_(None))
    .scalar_subquery()
)
_unanswered = (
    select(_first)
    .where(_first.contact_id == _contact.c.id, _first.author == "client", _first.id > func.coalesce(_last_answer, 0))
    .order_by(_first.id)
    .limit(1)
)
UNANSWERED = _unanswered.with_only_columns(_first.id).scalar_subquery()
"""Of a row of contacts, the first message of its client that is unanswered, by its id."""

WAITS_SINCE = type_coerce(
    case(
        (_contact.c.chat_id.is_not(None), _unanswered.with_only_columns(_first.created_at).scalar_subquery()),
        (_contact.c.status == "new", _contact.c.created_at),
        else_=null(),
    ),
    _instant,
)
"""Of a row of contacts, since when its client waits for an answer; NULL if they do not."""


@dataclass(frozen=True, slots=True)
class Talk:
    """An open contact as its operator sees it in a list.

    Attributes:
        bot_id, bot: the bot in whose chat it is, and its username.
        kind, text: of the last message of its client; None where the client has written nothing.
        is_new: whether nobody has taken it yet.
        waits_since: since when its client waits for an answer; None if they do not.
        answered_at: when it was answered last, and whether that was its present operator.
        held_since: since when it is with its operator.
    """

    contact_id: int
    operator_id: int
    bot_id: int | None
    bot: str | None
    lead_name: str | None
    kind: str | None
    text: str | None
    is_new: bool
    waits_since: datetime | None
    answered_at: datetime | None
    is_own_answer: bool
    held_since: datetime


_said, _last, _told = aliased(Message), aliased(Message), aliased(Message)
_last_told = (
    select(func.max(_told.id))
    .where(_told.contact_id == _contact.c.id, _told.author == "operator", _told.withdrawn_at.is_(None))
    .scalar_subquery()
)
_TALK = (
    _contact.c.id,
    _contact.c.operator_id,
    _contact.c.bot_id,
    Bot.username,
    _lead.c.full_name,
    _said.kind,
    _said.text,
    _contact.c.status == "new",
    WAITS_SINCE,
    _last.created_at,
    func.coalesce(_last.operator_id == _contact.c.operator_id, False),
    type_coerce(func.coalesce(_contact.c.current_assigned_at, _contact.c.assigned_at, _contact.c.created_at), _instant),
)


def _with_words(query: Any) -> Any:
    """A query of contacts with everything that `_TALK` is read from."""
    return (
        query.join(_lead, _lead.c.id == _contact.c.lead_id)
        .outerjoin(Bot, Bot.id == _contact.c.bot_id)
        .outerjoin(_said, _said.id == LAST_WORDS)
        .outerjoin(_last, _last.id == _last_told)
        .where(OPEN)
    )


_MINE = _with_words(select(*_TALK).select_from(_contact)).where(_contact.c.operator_id == bindparam("operator_id"))


def open_talks(s: Session, *, actor: Actor) -> list[Talk]:
    """The open contacts of an operator: who waits for an answer first, the longest wait first. Raises NotAllowed."""
    operator = access_operator(s, actor)
    return by_wait(Talk(*row) for row in execute(s, _MINE, {"operator_id": operator.id}))


def by_wait(talks: Iterable[Any]) -> list[Any]:
    """Open contacts (each with `waits_since` and `contact_id`) in the order in which they need an answer."""
    return sorted(talks, key=lambda one: (one.waits_since is None, one.waits_since or NEVER, one.contact_id))
