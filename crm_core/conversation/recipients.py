"""Whom an operator's message is for, where it replies to nothing: by a number that they wrote, or by who waits.

The rule stands here alone, and it never guesses: words go by themselves only where one client can be meant.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from crm_core.conversation.waiting import by_wait
from crm_core.messaging.answers import LAST_WORDS, WAITS_SINCE
from crm_core.messaging.messages import MessageContent, utf16_units
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Lead, Message

_contact, _lead = Contact.__table__, Lead.__table__


@dataclass(frozen=True, slots=True)
class Option:
    """An open contact that an operator's message may be for.

    Attributes:
        kind, text: of the last message of its client; None where the client has written nothing.
        is_new: whether nobody has taken it yet.
        waits_since: when its client wrote the first message that is unanswered; None if the last one is answered.
        held_since: when it came to this operator.
    """

    contact_id: int
    lead_name: str | None
    kind: str | None
    text: str | None
    is_new: bool
    waits_since: datetime | None
    held_since: datetime | None


def only_one(options: Sequence[Option]) -> Option | None:
    """The contact that words without a recipient can only be for, None if it is not clear.

    That is the only open one, taken or not, or the only one whose client waits for an answer.
    """
    if len(options) == 1:
        return options[0]
    waiting = [one for one in options if one.waits_since is not None]
    return waiting[0] if len(waiting) == 1 else None


_said = aliased(Message)
_OPEN_HERE = (
    select(
        _contact.c.id,
        _contact.c.status,
        _lead.c.full_name,
        _said.kind,
        _said.text,
        WAITS_SINCE.label("waits_since"),
        _contact.c.current_assigned_at,
    )
    .join(_lead, _lead.c.id == _contact.c.lead_id)
    .outerjoin(_said, _said.id == LAST_WORDS)
    .where(
        _contact.c.operator_id == bindparam("operator_id"),
        OPEN,
        _contact.c.bot_id == bindparam("bot_id"),
        _contact.c.chat_id.is_not(None),
    )
    .order_by(_contact.c.id)
)


def open_here(s: Session, *, operator_id: int, bot_id: int | None) -> list[Option]:
    """An operator's open contacts that one bot speaks for: who waits for an answer first, the longest wait first."""
    rows = execute(s, _OPEN_HERE, {"operator_id": operator_id, "bot_id": bot_id}).all()
    found = [
        Option(
            row.id,
            row.full_name,
            row.kind,
            row.text,
            is_new=row.status == "new",
            waits_since=row.waits_since,
            held_since=row.current_assigned_at,
        )
        for row in rows
    ]
    return by_wait(found)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message that begins with the number of a contact.

    Attributes:
        content: without the number.
        is_bare: whether nothing else was written or sent.
    """

    contact_id: int
    content: MessageContent
    is_bare: bool


_UNSEEN = r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufe0e\ufe0f\ufeff]"  # spaces, joiners and direction marks
# `#6 hello`, `# 6: hello`, `№6, hello`, also in the signs of other keyboards; `#6pack` and `#6.5` are words.
_NUMBER = re.compile(rf"{_UNSEEN}*[#№＃﹟]{_UNSEEN}*(\d{{1,18}})(?:[.,:;)](?={_UNSEEN}|$))?(?:{_UNSEEN}+|$)")
# `#6:hello`, `(#6) hello`, `#6- hello`: a number may be meant, so whom the words are for is not clear.
_LIKE_NUMBER = re.compile(r"\W{0,16}?[#№＃﹟]\W{0,16}(\d{1,18})")


def numbered(content: MessageContent) -> Numbered | None:
    """The number that a text or caption begins with, and what stands after it; None if it begins otherwise."""
    found = _NUMBER.match(content.text or "")
    if found is None:
        return None
    rest = (content.text or "")[found.end() :]
    entities = _shifted(content.entities or [], utf16_units(found[0]))
    stripped = replace(content, text=rest, entities=entities or None, is_rewritten=True)
    return Numbered(int(found[1]), stripped, is_bare=not rest and content.kind == "text")


def may_name_another(content: MessageContent, options: Sequence[Option], meant: Option) -> bool:
    """Whether words begin with what looks like the number of an open contact other than the one that they would go to.

    It is not written as a number is (`numbered`), so it may be a part of the words: the operator knows.
    """
    found = _LIKE_NUMBER.match(content.text or "")
    if found is None or int(found[1]) == meant.contact_id:
        return False
    return any(one.contact_id == int(found[1]) for one in options)


def came_after(content: MessageContent, meant: Option) -> bool:
    """Whether a contact came to its operator only after they had written these words, which wait for their turn."""
    if content.written_at is None or meant.held_since is None:
        return False
    return meant.held_since >= content.written_at + timedelta(seconds=1)


def _shifted(entities: Sequence[dict[str, Any]], by: int) -> list[dict[str, Any]]:
    """Entities of a text whose first `by` UTF-16 units were cut off."""
    kept = []
    for one in entities:
        begins, ends = max(one["offset"] - by, 0), one["offset"] + one["length"] - by
        if ends > begins:
            kept.append({**one, "offset": begins, "length": ends - begins})
    return kept
