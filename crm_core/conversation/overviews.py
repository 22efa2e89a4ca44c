"""The pinned overview in each operator's chat: how many clients wait, how many requests are in progress, a button each.

It is a message that is edited in place, and only derived: a periodic job compares what it shows with what is so. It
changes nothing in the transactions of clients and operators, and what is lost of it is put right by the next look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_operator
from crm_core.conversation.waiting import by_wait
from crm_core.messaging import outbox
from crm_core.messaging.answers import WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import dialect_insert, execute, execute_count
from crm_core.storage.tables import Contact, Lead, Overview, Staff, StaffChat

SENT_AGAIN = timedelta(minutes=10)  # a new message in place of one that is gone, at most so often

_contact, _overview = Contact.__table__, Overview.__table__


@dataclass(frozen=True, slots=True)
class Line:
    """An open request of an operator in one bot's chat; `waits_since` is None if its client does not wait."""

    contact_id: int
    lead_name: str | None
    waits_since: datetime | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an overview shows, those first who wait; `is_kept` is False for one that is kept no longer."""

    lines: tuple[Line, ...] = ()
    is_kept: bool = True

    def digest(self, *, now: datetime, zone: ZoneInfo) -> str:
        """Tells apart what is shown; no two overviews that look different have the same.

        A clock time has its date unless that is today, and its year unless that is this one: so the day counts, too.
        """
        today = now.astimezone(zone).date()
        said = [str(self.is_kept)]
        for one in self.lines:
            since = one.waits_since and one.waits_since.astimezone(zone).date()
            how = since and (since == today, since.year == today.year)
            said.append(f"{one.contact_id} {one.lead_name} {one.waits_since} {how}")
        return sha256("\n".join(said).encode()).hexdigest()


_LINES = (
    select(
        Staff.telegram_id,
        StaffChat.bot_id,
        _contact.c.id,
        Lead.full_name,
        WAITS_SINCE.label("waits_since"),
    )
    .select_from(Staff)
    .join(_contact, _contact.c.operator_id == Staff.operator_id)
    .join(StaffChat, and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == _contact.c.bot_id))
    .join(Lead, Lead.id == _contact.c.lead_id)
    .where(OPEN, _contact.c.wakes_at.is_(None), StaffChat.is_reachable)
)
_ONE = _LINES.where(Staff.telegram_id == bindparam("chat_id"), StaffChat.bot_id == bindparam("in_bot"))
_STORED = (
    select(
        _overview,
        Staff.operator_id,
        StaffChat.is_reachable,
    )
    .outerjoin(Staff, Staff.telegram_id == _overview.c.chat_id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == _overview.c.chat_id, StaffChat.bot_id == _overview.c.bot_id))
)

Place = tuple[int, int]
"""A chat and the bot that writes there."""


def outdated(s: Session, *, now: datetime, zone: ZoneInfo) -> list[Place]:
    """The chats whose overview does not show what is so; also those of somebody who is no longer an operator.

    Args:
        zone: by whose clocks times are shown.
    """
    lines = _by_place(execute(s, _LINES).all())
    stored = {(row.chat_id, row.bot_id): row for row in execute(s, _STORED)}
    found = [place for place, shown in lines.items() if place not in stored]
    for place, row in stored.items():
        if row.is_off or row.is_reachable is False:
            continue
        shown = lines.get(place, Shown()) if row.operator_id is not None else Shown(is_kept=False)
        is_missing = row.message_id is None and shown.is_kept
        if is_missing and (not shown.lines or _is_too_soon(row, now)):
            continue
        if shown.digest(now=now, zone=zone) != row.digest:
            found.append(place)
    return found


def _by_place(rows: Any) -> dict[Place, Shown]:
    found: dict[Place, list[Line]] = {}
    for row in rows:
        found.setdefault((row.telegram_id, row.bot_id), []).append(Line(row.id, row.full_name, row.waits_since))
    return {place: Shown(tuple(by_wait(lines))) for place, lines in found.items()}


def now_shown(s: Session, *, bot_id: int, chat_id: int) -> Shown:
    """What the overview in a chat should show at this moment."""
    state = execute(s, _MINE, {"chat_id": chat_id, "in_bot": bot_id}).one_or_none()
    if state is None or state.operator_id is None or state.is_off:
        return Shown(is_kept=False)
    return _by_place(execute(s, _ONE, {"chat_id": chat_id, "in_bot": bot_id})).get((chat_id, bot_id), Shown())


_MINE = (
    select(_overview, Staff.operator_id)
    .outerjoin(Staff, Staff.telegram_id == _overview.c.chat_id)
    .where(_overview.c.chat_id == bindparam("chat_id"), _overview.c.bot_id == bindparam("in_bot"))
)


def _here(bot_id: int, chat_id: int) -> tuple[ColumnElement[bool], ...]:
    return _overview.c.chat_id == chat_id, _overview.c.bot_id == bot_id


def _locked(s: Session, *, bot_id: int, chat_id: int) -> Row[Any]:
    """The row of a chat, made if there is none, and locked until the transaction ends."""
    fresh = dialect_insert(s, _overview).values(chat_id=chat_id, bot_id=bot_id, digest="", is_off=False)
    execute(s, fresh.on_conflict_do_nothing())
    return execute(s, _MINE.with_for_update(of=_overview), {"chat_id": chat_id, "in_bot": bot_id}).one()


def refresh(s: Session, *, bot_id: int, chat_id: int, now: datetime, zone: ZoneInfo) -> bool:
    """Queues the overview of a chat, new or as an edit, unless it shows what is so. Returns whether it was queued.

    Args:
        zone: by whose clocks times are shown.
    """
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    shown = now_shown(s, bot_id=bot_id, chat_id=chat_id)
    digest = shown.digest(now=now, zone=zone)
    if row.is_off or digest == row.digest:
        return False
    if not shown.is_kept:
        execute(s, delete(_overview).where(*_here(bot_id, chat_id)))
        _end(s, row, now)
        return row.message_id is not None
    if row.message_id is None and (not shown.lines or _is_too_soon(row, now)):
        return False
    at = {} if row.message_id is not None else {"sent_at": now}
    execute(s, update(_overview).where(*_here(bot_id, chat_id)).values(digest=digest, **at))
    _queue(s, row, now)
    return True


def _end(s: Session, row: Row[Any], now: datetime) -> None:
    """An overview is kept no longer: its message says so, and is not pinned any more."""
    if row.message_id is not None:
        _queue(s, row, now)
        payload = {"message_id": row.message_id, "is_off": True}
        outbox.add(s, [outbox.OutboxEntry(outbox.PIN, row.bot_id, row.chat_id, payload=payload)], now=now)


def _is_too_soon(row: Row[Any], now: datetime) -> bool:
    return row.sent_at is not None and row.sent_at <= now < row.sent_at + SENT_AGAIN


def _queue(s: Session, row: Row[Any], now: datetime) -> None:
    """Queues what is shown from now on; it is rendered from the newest state."""
    payload = {} if row.message_id is None else {"message_id": row.message_id}
    key = f"overview:{row.bot_id}:{row.chat_id}:{row.message_id or 0}"
    entry = outbox.OutboxEntry(outbox.OVERVIEW, row.bot_id, row.chat_id, payload=payload, dedup_key=key)
    outbox.add(s, [entry], now=now)


def note_sent(s: Session, *, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """The overview is in its chat: its message is stored, and pinned without a sound."""
    if execute_count(
        s, update(_overview).where(*_here(bot_id, chat_id), _overview.c.is_off.is_(False)).values(message_id=message_id)
    ):
        pin = outbox.OutboxEntry(outbox.PIN, bot_id, chat_id, payload={"message_id": message_id})
        outbox.add(s, [pin], now=now)


def forget_message(s: Session, *, bot_id: int, chat_id: int, message_id: int | None) -> None:
    """The overview's message is gone, or nobody knows what it shows: the next look sends it, or edits it, anew."""
    if message_id is None:
        execute(s, update(_overview).where(*_here(bot_id, chat_id), _overview.c.message_id.is_(None)).values(digest=""))
    else:
        lost = update(_overview).where(*_here(bot_id, chat_id), _overview.c.message_id == message_id)
        execute(s, lost.values(message_id=None, digest=""))


def toggle(s: Session, *, bot_id: int, actor: Actor, now: datetime, zone: ZoneInfo) -> Shown:
    """The operator switches their overview in a bot's chat off, or on again: then it is sent, if anything is open.

    Returns what it shows now; one that is off is not kept. Raises NotAllowed.
    """
    access_operator(s, actor)
    chat_id = actor.telegram_id
    assert chat_id is not None
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    values = {"is_off": not row.is_off, "digest": "", "message_id": None, "sent_at": None}
    execute(s, update(_overview).where(*_here(bot_id, chat_id)).values(values))
    _end(s, row, now)
    refresh(s, bot_id=bot_id, chat_id=chat_id, now=now, zone=zone)
    return now_shown(s, bot_id=bot_id, chat_id=chat_id)
