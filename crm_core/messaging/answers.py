"""Which clients wait for an answer, and since when: the rule.

A client waits from their first message that no operator has answered. Where there is no chat (a form, another system)
nobody can answer in writing: such a client waits until somebody takes their contact.
"""

from sqlalchemy import case, func, null, select, type_coerce
from sqlalchemy.orm import aliased

from crm_core.storage.tables import Contact, Message

_contact = Contact.__table__
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
