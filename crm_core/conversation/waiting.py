"""Which clients wait for an answer, and since when: the rule, and the open contacts of operators as lists show them.

A client waits from their first message that no operator has answered. Where there is no chat (a form, another system)
nobody can answer in writing: such a client waits until somebody takes their contact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select, type_coerce
from sqlalchemy.orm import Session, aliased

from crm_core.messaging.answers import LAST_WORDS, UNANSWERED, WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Bot, Contact, Lead, Message, ServiceWatch, Source, Staff

_contact, _lead = Contact.__table__, Lead.__table__
_source, _watch = Source.__table__, ServiceWatch.__table__
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
        due_at: when that answer is due, by the targets of its source; None if it has none.
        answered_at: when it was answered last, and whether that was its present operator.
        held_since: since when it is with its operator.
        wakes_at: until when it sleeps; None if it does not. While it sleeps, nobody is to answer its client.
        protect_content: whether its source lets what its clients send be neither forwarded nor saved.
    """

    contact_id: int
    bot_id: int | None
    bot: str | None
    lead_name: str | None
    kind: str | None
    text: str | None
    is_new: bool
    waits_since: datetime | None
    due_at: datetime | None
    answered_at: datetime | None
    is_own_answer: bool
    held_since: datetime
    wakes_at: datetime | None = None
    protect_content: bool = False

    def is_overdue(self, now: datetime) -> bool:
        """Whether its client should have been answered by now."""
        return self.due_at is not None and self.due_at <= now


_said, _last, _told = aliased(Message), aliased(Message), aliased(Message)
_last_told = (
    select(func.max(_told.id))
    .where(_told.contact_id == _contact.c.id, _told.author == "operator", _told.withdrawn_at.is_(None))
    .scalar_subquery()
)
# A watch that was written for other words, or by other targets, is looked at anew within seconds; until then it is old.
_is_watched = and_(_watch.c.contact_id.is_not(None), _source.c.sla.is_not(None), _watch.c.terms == _source.c.terms)
_due_at = case(
    (
        and_(_is_watched, _contact.c.wakes_at.is_(None), _watch.c.message_ref == func.coalesce(UNANSWERED, 0)),
        _watch.c.due_at,
    )
)
_TALK = (
    _contact.c.id,
    _contact.c.bot_id,
    Bot.username,
    _lead.c.full_name,
    _said.kind,
    _said.text,
    (_contact.c.status == "new").label("is_new"),
    type_coerce(case((_contact.c.wakes_at.is_(None), WAITS_SINCE)), _instant).label("waits_since"),
    type_coerce(_due_at, _instant).label("due_at"),
    _last.created_at.label("answered_at"),
    func.coalesce(_last.operator_id == _contact.c.operator_id, False).label("is_own_answer"),
    type_coerce(
        func.coalesce(_contact.c.current_assigned_at, _contact.c.assigned_at, _contact.c.created_at), _instant
    ).label("held_since"),
    _contact.c.wakes_at,
    _source.c.protect_content,
)
_OPEN_TALKS = (
    select(Staff.telegram_id, *_TALK)
    .select_from(Staff)
    .join(_contact, _contact.c.operator_id == Staff.operator_id)
    .join(_source, _source.c.id == _contact.c.source_id)
    .join(_lead, _lead.c.id == _contact.c.lead_id)
    .outerjoin(Bot, Bot.id == _contact.c.bot_id)
    .outerjoin(_watch, _watch.c.contact_id == _contact.c.id)
    .outerjoin(_said, _said.id == LAST_WORDS)
    .outerjoin(_last, _last.id == _last_told)
    .where(OPEN)
)
_OF_ACCOUNT = Prepared(_OPEN_TALKS.where(Staff.telegram_id == bindparam("telegram_id")))


def open_talks(s: Session, *, telegram_id: int) -> list[Talk]:
    """The open contacts of the operator with this account, in the order in which something is due (`by_due`)."""
    return by_due(_talk(row) for row in execute(s, _OF_ACCOUNT, {"telegram_id": telegram_id}))


def all_open_talks(s: Session) -> dict[int, list[Talk]]:
    """The same of every operator, by their account; without those who have nothing open."""
    found: dict[int, list[Talk]] = {}
    for row in execute(s, _OPEN_TALKS):
        found.setdefault(row.telegram_id, []).append(_talk(row))
    return {account: by_due(talks) for account, talks in found.items()}


def _talk(row: Any) -> Talk:
    talk = Talk(*row[1:])
    return replace(talk, due_at=None) if talk.waits_since is None and talk.due_at is not None else talk


def by_due(talks: Iterable[Talk]) -> list[Talk]:
    """First what is overdue or due next, then who has waited longest, then who was answered; at the end what sleeps."""
    return sorted(talks, key=_turn)


def _turn(talk: Talk) -> tuple[int, datetime, int]:
    if talk.wakes_at is not None:
        return 3, talk.wakes_at, talk.contact_id
    if talk.waits_since is None:
        return 2, NEVER, talk.contact_id
    if talk.due_at is None:
        return 1, talk.waits_since, talk.contact_id
    return 0, talk.due_at, talk.contact_id


def by_wait(talks: Iterable[Any]) -> list[Any]:
    """Open contacts (each with `waits_since` and `contact_id`) in the order in which they need an answer."""
    return sorted(talks, key=lambda one: (one.waits_since is None, one.waits_since or NEVER, one.contact_id))
