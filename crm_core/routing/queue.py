"""The queue: open contacts without an operator, by minutes waited plus head start (`crm_core.routing.priority`).

Here is who comes first, and whom a contact would find. `giving_out` gives contacts to operators, `waiting_list` shows
who waits, `wait_alerts` notifies admins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select, text, tuple_
from sqlalchemy.orm import Session

from crm_core.routing import offers, priority
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import Choice, choose
from crm_core.routing.skills import tags
from crm_core.routing.source_facts import WAITS, WAITS_SINCE, SourceFacts, source_facts
from crm_core.storage.execute import execute, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact

_contact = Contact.__table__
# In the words of the index, like `WAITS`.
OPEN = text("contacts.status <> 'closed'")

LINE = (_contact.c.order_at, _contact.c.id)


def has_room(s: Session, source: SourceFacts) -> bool:
    """Whether somebody is eligible for the next contact of a source."""
    return choice_now(s, source).operator is not None


def choice_now(s: Session, source: SourceFacts) -> Choice:
    """Whom a contact would find now, though nothing is given out, or why nobody.

    Args:
        source: as the contact sees it (`as_seen_by`).
    """
    if source.why_nobody is not None:
        return Choice(None, source.why_nobody.value, ())
    return choose(candidates(s, source), 0.0)


def as_seen_by(
    source: SourceFacts,
    *,
    chat_id: int | None,
    needs: str | None = None,
    since: datetime | None = None,
    bot_id: int | None = None,
) -> SourceFacts:
    """A source as a contact sees it: a contact from the API can be worked on through the API, at a bot's source too.

    So operators without a Telegram account are eligible for it. Those who have one get its card from the bot.
    Whoever is the client of a contact is never eligible for it.

    Args:
        needs: the skills that the contact requires, as its row has it.
        since: since when it waits; None for a new one.
        bot_id: the bot that its client writes to: another one than the source's where it was moved here. That bot goes
            on talking to the client, and so to the operator. None: it was not moved.
    """
    waits = since if source.has_ramps else None
    if chat_id is None:
        return replace(source, bot_id=None, needs=tags(needs), since=waits)
    if bot_id in (None, source.bot_id):
        return replace(source, client_chat=chat_id, needs=tags(needs), since=waits)
    moved = replace(source, bot_id=bot_id, card_bot_id=bot_id, has_other_bot=True)
    return replace(moved, client_chat=chat_id, needs=tags(needs), since=waits)


_MOVED_WITH_BOT = case((_contact.c.first_source_id.is_not(None), _contact.c.bot_id)).label("moved_with_bot")
_FIRST_IN_LINE = Prepared(
    select(
        _contact.c.id,
        _contact.c.chat_id,
        _contact.c.needs,
        _contact.c.is_asked,
        WAITS_SINCE.label("since"),
        _MOVED_WITH_BOT,
    )
    .where(*WAITS, _contact.c.source_id == bindparam("source_id"))
    .order_by(*LINE)
    .limit(1)
)
# Contacts that may find another operator than the first one does; without those that somebody had before, each of whom
# may find others still.
_KINDS = (
    select(
        func.max(_contact.c.chat_id).label("chat_id"),
        _contact.c.needs,
        func.max(WAITS_SINCE).label("since"),
        _MOVED_WITH_BOT,
    )
    .where(*WAITS, _contact.c.source_id == bindparam("source_id"), _contact.c.is_asked.is_(False))
    .group_by(_contact.c.needs, _contact.c.chat_id.is_(None), _MOVED_WITH_BOT)
)


def prefetch_line(s: Session, source_id: int) -> None:
    """Announces what `is_behind_others` reads first, for a caller who has not read the source's `has_line`."""
    prefetch(s, _FIRST_IN_LINE, {"source_id": source_id})


def is_behind_others(s: Session, source: SourceFacts) -> bool:
    """Whether somebody waits who would get the place that a new contact of this source could take.

    That is so between two slices of a long queue, and after a process has ended there.

    Args:
        source: as the new contact sees it (`as_seen_by`).
    """
    first = execute(s, _FIRST_IN_LINE, {"source_id": source.id}).one_or_none()
    if first is None:
        return False
    waiting = _as_waiting(source, first)
    if has_room(s, offers.with_asked(s, waiting, first.id) if first.is_asked else waiting):
        return True
    is_alike = first.needs is None and source.ramp is None and first.moved_with_bot is None
    if not first.is_asked and is_alike and (first.chat_id is None or source.bot_id is not None):
        return False  # what has no place for the first has none for the new one
    return any(has_room(s, _as_waiting(source, kind)) for kind in execute(s, _KINDS, {"source_id": source.id}))


def _as_waiting(source: SourceFacts, waiting: Any) -> SourceFacts:
    """A source, given as a new contact sees it, as one in the queue does (its `chat_id`, `needs`, `since` and bot)."""
    if waiting.chat_id is None:
        return replace(source, needs=tags(waiting.needs), since=waiting.since if source.has_ramps else None)
    its_own, other = replace(source, bot_id=source.card_bot_id), waiting.moved_with_bot
    return as_seen_by(its_own, chat_id=waiting.chat_id, needs=waiting.needs, since=waiting.since, bot_id=other)


def why_it_waits(s: Session, source_id: int, *, contact_id: int) -> str | None:
    """What excludes everybody from a waiting contact: the reason of a `Choice`, or a `SourceExclusion`.

    None if somebody is free for it.
    """
    choice = choice_now(s, as_it_waits(s, source_id, contact_id=contact_id))
    return choice.reason if choice.operator is None else None


def as_it_waits(s: Session, source_id: int, *, contact_id: int) -> SourceFacts:
    """A source as one contact in its queue sees it."""
    source = source_facts(s, source_id)
    if source.why_nobody is not None:
        return source
    columns = (
        _contact.c.chat_id,
        _contact.c.needs,
        _contact.c.is_asked,
        WAITS_SINCE.label("since"),
        _MOVED_WITH_BOT,
    )
    waits = execute(s, select(*columns).where(_contact.c.id == contact_id)).one()
    asked = offers.asked_of(s, contact_id) if waits.is_asked else {}
    since = waits.since if source.has_ramps else None
    if waits.chat_id is not None:
        source = as_seen_by(source, chat_id=waits.chat_id, bot_id=waits.moved_with_bot)
    return replace(source, needs=tags(waits.needs), asked=asked, since=since)


# Those that nobody had before, alike ones once; each of the others may find somebody else.
_OLDER_KINDS = (
    select(
        _contact.c.source_id,
        func.max(_contact.c.chat_id).label("chat_id"),
        _contact.c.needs,
        func.max(WAITS_SINCE).label("since"),
        _MOVED_WITH_BOT,
        case((_contact.c.is_asked, _contact.c.id)).label("asked_id"),
    )
    .where(
        *WAITS,
        _contact.c.source_id.in_(bindparam("source_ids", expanding=True)),
        tuple_(*LINE) < tuple_(bindparam("order", type_=_contact.c.order_at.type), bindparam("than")),
    )
    .group_by(_contact.c.source_id, _contact.c.needs, _contact.c.chat_id.is_(None), _MOVED_WITH_BOT, "asked_id")
)


def older_kinds(s: Session, *, source_ids: Iterable[int], than: int) -> Iterator[SourceFacts]:
    """Sources as contacts see them that wait there and come before this one, wherever this one is.

    Without sources where nobody can get anything now.
    """
    values = {"source_ids": sorted(source_ids), "than": than, "order": priority.order_of(s, than)}
    for row in execute(s, _OLDER_KINDS, values).all():
        source, other = source_facts(s, row.source_id), row.moved_with_bot
        source = as_seen_by(source, chat_id=row.chat_id, needs=row.needs, since=row.since, bot_id=other)
        if source.why_nobody is None:
            yield source if row.asked_id is None else offers.with_asked(s, source, row.asked_id)


def first_in_line(s: Session, source_id: int) -> int | None:
    """The contact that is given out next at a source."""
    first = execute(s, _FIRST_IN_LINE, {"source_id": source_id}).one_or_none()
    return None if first is None else int(first.id)
