"""Which clients wait for an answer, and since when: the rule, and the open contacts of operators as lists show them.

A client waits from their first message that no operator has answered. Where there is no chat (a form, another system)
nobody can answer in writing: such a client waits until somebody takes their contact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select, type_coerce
from sqlalchemy.orm import Session, aliased

from crm_core.access.actors import Actor, access_operator
from crm_core.messaging.answers import LAST_WORDS, WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute
from crm_core.storage.tables import Bot, Contact, Lead, Message, Source

_contact, _lead, _source = Contact.__table__, Lead.__table__, Source.__table__
NEVER = datetime.min.replace(tzinfo=UTC)
_instant = _contact.c.created_at.type


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
        protect_content: whether its source lets what its clients send be neither forwarded nor saved.
        wakes_at: until when it sleeps; None if it does not. While it sleeps, nobody is to answer its client.
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
    wakes_at: datetime | None = None
    protect_content: bool = False


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
    type_coerce(case((_contact.c.wakes_at.is_(None), WAITS_SINCE)), _instant),
    _last.created_at,
    func.coalesce(_last.operator_id == _contact.c.operator_id, False),
    type_coerce(func.coalesce(_contact.c.current_assigned_at, _contact.c.assigned_at, _contact.c.created_at), _instant),
    _contact.c.wakes_at,
    _source.c.protect_content,
)


def _with_words(query: Any) -> Any:
    """A query of contacts with everything that `_TALK` is read from."""
    return (
        query.join(_lead, _lead.c.id == _contact.c.lead_id)
        .join(_source, _source.c.id == _contact.c.source_id)
        .outerjoin(Bot, Bot.id == _contact.c.bot_id)
        .outerjoin(_said, _said.id == LAST_WORDS)
        .outerjoin(_last, _last.id == _last_told)
        .where(OPEN)
    )


_MINE = _with_words(select(*_TALK).select_from(_contact)).where(_contact.c.operator_id == bindparam("operator_id"))


def open_talks(s: Session, *, actor: Actor) -> list[Talk]:
    """The open contacts of an operator: who waits for an answer first, the longest wait first; what sleeps at the end.

    Raises NotAllowed.
    """
    operator = access_operator(s, actor)
    found = by_wait(Talk(*row) for row in execute(s, _MINE, {"operator_id": operator.id}))
    return sorted(found, key=lambda one: (one.wakes_at is not None, one.wakes_at or NEVER))


def by_wait(talks: Iterable[Any]) -> list[Any]:
    """Open contacts (each with `waits_since` and `contact_id`) in the order in which they need an answer."""
    return sorted(talks, key=lambda one: (one.waits_since is None, one.waits_since or NEVER, one.contact_id))
