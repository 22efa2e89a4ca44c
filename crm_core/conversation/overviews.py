"""The pinned overview in each operator's chat: a line for each of their open requests, sorted by what is due.

It is one message that is edited in place, and only derived: a periodic job compares what it shows with what is so. It
changes nothing in the transactions of clients and operators, and what is lost of it is put right by the next look.

Of a chat's messages, the row knows the one that is its overview. `/my` sends another one below, which takes its place
once it is there, and the earlier one is deleted: so a chat has one, whenever the process ends.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_operator
from crm_core.conversation.overview_pages import Is, Shown
from crm_core.conversation.waiting import Talk, all_open_talks, open_talks
from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.tables import Overview, Staff, StaffChat

SENT_AGAIN = timedelta(minutes=10)  # a new message in place of one that is gone, at most so often

_overview = Overview.__table__

_CHATS = (
    select(StaffChat.telegram_id, StaffChat.bot_id)
    .join(Staff, Staff.telegram_id == StaffChat.telegram_id)
    .where(StaffChat.is_reachable, Staff.operator_id.is_not(None))
)
_STORED = (
    select(_overview, Staff.operator_id, StaffChat.is_reachable)
    .outerjoin(Staff, Staff.telegram_id == _overview.c.chat_id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == _overview.c.chat_id, StaffChat.bot_id == _overview.c.bot_id))
)
_of_chat = (
    select(_overview, Staff.operator_id)
    .outerjoin(Staff, Staff.telegram_id == _overview.c.chat_id)
    .where(_overview.c.chat_id == bindparam("chat_id"), _overview.c.bot_id == bindparam("of_bot"))
)
# Prepared, as the open talks are: they are read for each chat every few seconds, beside everybody's messages.
_MINE, _MINE_LOCKED = Prepared(_of_chat), Prepared(_of_chat.with_for_update(of=_overview))
_NEW = prepared_upsert(_overview, lambda fresh: fresh.on_conflict_do_nothing())

Place = tuple[int, int]
"""A chat and the bot that writes there."""


def outdated(s: Session, *, now: datetime, zone: ZoneInfo) -> list[Place]:
    """The chats whose overview does not show what is so; also those of somebody who is no longer an operator.

    Args:
        zone: by whose clocks times are shown.
    """
    talks = all_open_talks(s)
    stored = {(row.chat_id, row.bot_id): row for row in execute(s, _STORED)}
    chats = (tuple(place) for place in execute(s, _CHATS))
    found = [place for place in chats if place not in stored and _is_wanted(talks.get(place[0], ()), place[1])]
    for place, row in stored.items():
        if row.is_off or row.is_reachable is False:
            continue
        lines = talks.get(row.chat_id, [])
        shown = _of_operator(row, lines) if row.operator_id is not None else Shown(bot_id=row.bot_id, state=Is.OVER)
        if shown.state is Is.KEPT and not _may_be_sent(row, lines, now):
            continue
        if shown.digest(now=now, zone=zone) != row.digest:
            found.append(place)
    return found


def _of_operator(row: Row[Any], lines: Sequence[Talk]) -> Shown:
    can_be_saved = row.message_id is not None and not row.is_protected
    return Shown(bot_id=row.bot_id, lines=tuple(lines), wanted_page=row.page, can_be_saved=can_be_saved)


def _is_wanted(lines: Sequence[Talk], bot_id: int) -> bool:
    """Whether a chat without an overview should have one: once something is open whose card is there."""
    return any(one.bot_id == bot_id for one in lines)


def _may_be_sent(row: Row[Any], lines: Sequence[Talk], now: datetime) -> bool:
    """Whether the overview can be brought up to date now: by an edit, or by a new message if that is wanted."""
    if row.message_id is not None:
        return True
    is_too_soon = row.sent_at is not None and row.sent_at <= now < row.sent_at + SENT_AGAIN
    return _is_wanted(lines, row.bot_id) and not is_too_soon


def now_shown(s: Session, *, bot_id: int, chat_id: int, message_id: int | None = None) -> Shown:
    """What the overview in a chat should show at this moment.

    Args:
        message_id: of the message that is going to show it; one that is no longer the chat's overview says so. None
            for a new one.
    """
    row = execute(s, _MINE, {"chat_id": chat_id, "of_bot": bot_id}).one_or_none()
    if row is None or row.operator_id is None or row.is_off:
        return Shown(bot_id=bot_id, state=Is.OVER)
    if message_id is not None and message_id != row.message_id:
        return Shown(bot_id=bot_id, state=Is.OVER if row.message_id is None else Is.BELOW)
    shown = _of_operator(row, open_talks(s, telegram_id=chat_id))
    return replace(shown, can_be_saved=shown.can_be_saved and message_id is not None)


def is_overview(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a message is the overview of its chat."""
    row = execute(s, _MINE, {"chat_id": chat_id, "of_bot": bot_id}).one_or_none()
    return row is not None and row.message_id == message_id


def _here(bot_id: int, chat_id: int) -> tuple[ColumnElement[bool], ...]:
    return _overview.c.chat_id == chat_id, _overview.c.bot_id == bot_id


def _set(s: Session, row: Row[Any], **values: Any) -> None:
    execute(s, update(_overview).where(*_here(row.bot_id, row.chat_id)).values(values))


def _found(s: Session, *, bot_id: int, chat_id: int) -> Row[Any] | None:
    """The row of a chat, locked until the transaction ends."""
    where = {"chat_id": chat_id, "of_bot": bot_id}
    found: Row[Any] | None = execute(s, _MINE_LOCKED, where).one_or_none()
    return found


def _locked(s: Session, *, bot_id: int, chat_id: int) -> Row[Any]:
    """The same, made if there is none."""
    execute(s, _NEW, {"chat_id": chat_id, "bot_id": bot_id, "digest": "", "is_off": False})
    row = _found(s, bot_id=bot_id, chat_id=chat_id)
    assert row is not None
    return row


def refresh(s: Session, *, bot_id: int, chat_id: int, now: datetime, zone: ZoneInfo) -> bool:
    """Queues the overview of a chat, new or as an edit, unless it shows what is so. Returns whether it was queued.

    Args:
        zone: by whose clocks times are shown.
    """
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    shown = now_shown(s, bot_id=bot_id, chat_id=chat_id, message_id=row.message_id)
    digest = shown.digest(now=now, zone=zone)
    if row.is_off or digest == row.digest:
        return False
    if shown.state is not Is.KEPT:
        execute(s, delete(_overview).where(*_here(bot_id, chat_id)))
        _end(s, bot_id, chat_id, row.message_id, now)
        return row.message_id is not None
    if not _may_be_sent(row, shown.lines, now):
        return False
    _set(s, row, digest=digest, **({} if row.message_id is not None else {"sent_at": now}))
    _queue(s, bot_id, chat_id, row.message_id, now)
    return True


def _queue(
    s: Session, bot_id: int, chat_id: int, message_id: int | None, now: datetime, *, kind: str = outbox.OVERVIEW
) -> None:
    """Queues what is shown from now on, as an edit or (None) as a new message; it is rendered from the newest state."""
    payload = {} if message_id is None else {"message_id": message_id}
    key = f"{kind}:{bot_id}:{chat_id}:{message_id or 0}"
    outbox.add(s, [outbox.OutboxEntry(kind, bot_id, chat_id, payload=payload, dedup_key=key)], now=now)


def _end(s: Session, bot_id: int, chat_id: int, message_id: int | None, now: datetime) -> None:
    """A message is no longer the overview of its chat: it says so, and is not pinned any more."""
    if message_id is not None:
        _queue(s, bot_id, chat_id, message_id, now)
        payload = {"message_id": message_id, "is_off": True}
        outbox.add(s, [outbox.OutboxEntry(outbox.PIN, bot_id, chat_id, payload=payload)], now=now)


def _delete(s: Session, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    payload = {"message_id": message_id, "is_overview": True}
    outbox.add(s, [outbox.OutboxEntry(outbox.DELETE, bot_id, chat_id, payload=payload)], now=now)


def note_sent(s: Session, *, bot_id: int, chat_id: int, message_id: int, is_protected: bool, now: datetime) -> None:
    """A new overview is in its chat: it is pinned without a sound, and the one before it is deleted.

    If it was switched off meanwhile, the new one is deleted.

    Args:
        is_protected: whether it can be neither forwarded nor saved.
    """
    row = _found(s, bot_id=bot_id, chat_id=chat_id)
    if row is None or row.is_off:
        _delete(s, bot_id, chat_id, message_id, now)
        return
    _set(s, row, message_id=message_id, is_protected=is_protected)
    if row.message_id not in (None, message_id):
        _delete(s, bot_id, chat_id, row.message_id, now)
    pin = outbox.OutboxEntry(outbox.PIN, bot_id, chat_id, payload={"message_id": message_id})
    outbox.add(s, [pin], now=now)


def note_not_deleted(s: Session, *, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """Telegram does not delete what is older than 48 hours: then it says that it is the overview no longer."""
    _end(s, bot_id, chat_id, message_id, now)


def forget_message(
    s: Session, *, bot_id: int, chat_id: int, message_id: int | None, is_there: bool, now: datetime
) -> None:
    """What was sent last did not arrive, or nobody knows: the next look sends it, or edits it, anew.

    Args:
        message_id: of the message that could not be edited; None where a new one could not be sent.
        is_there: whether it is only that the bot cannot write there now.
    """
    row = _found(s, bot_id=bot_id, chat_id=chat_id)
    if row is None or message_id not in (None, row.message_id):
        return
    _set(s, row, digest="")
    if message_id is not None and not is_there:
        _set(s, row, message_id=None)
        _delete(s, bot_id, chat_id, message_id, now)  # one that is there after all would be a second one


def bring(s: Session, *, bot_id: int, actor: Actor, now: datetime, zone: ZoneInfo) -> Shown:
    """/my: the overview comes to the end of the operator's chat, at its first page.

    Returns what it shows; where they have switched it off, nothing is sent, and they are to be answered with that.
    Raises NotAllowed.
    """
    access_operator(s, actor)
    chat_id = actor.telegram_id
    assert chat_id is not None
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    shown = Shown(bot_id=bot_id, lines=tuple(open_talks(s, telegram_id=chat_id)))
    if row.is_off:
        return shown.once()
    _set(s, row, page=0, digest=shown.digest(now=now, zone=zone), sent_at=now)
    _queue(s, bot_id, chat_id, None, now, kind=outbox.MY)
    return shown


def turn(
    s: Session, *, page: int, bot_id: int, message_id: int | None, actor: Actor, now: datetime, zone: ZoneInfo
) -> Shown:
    """The operator turns to another page of the overview, or of an earlier answer to /my.

    Args:
        message_id: of the message whose button was pressed.

    Returns what is shown now; where they have switched the overview off, the pressed message is to show it. If it is
    neither, since the overview is another message, it says so. Raises NotAllowed.
    """
    access_operator(s, actor)
    chat_id = actor.telegram_id
    assert chat_id is not None
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    shown = replace(_of_operator(row, open_talks(s, telegram_id=chat_id)), wanted_page=page)
    if row.is_off:
        return replace(shown.once(), can_be_saved=True)  # as far as anybody knows
    if row.message_id == message_id:
        _set(s, row, page=shown.page, digest=shown.digest(now=now, zone=zone))
    if message_id is not None:
        _queue(s, bot_id, chat_id, message_id, now, kind=outbox.MY)
    return shown


def toggle(s: Session, *, bot_id: int, actor: Actor, now: datetime, zone: ZoneInfo) -> Shown:
    """The operator switches their overview in a bot's chat off, or on again: then it is sent, if anything is open.

    Returns what it shows now; one that is off is over. Raises NotAllowed.
    """
    access_operator(s, actor)
    chat_id = actor.telegram_id
    assert chat_id is not None
    row = _locked(s, bot_id=bot_id, chat_id=chat_id)
    _set(s, row, is_off=not row.is_off, digest="", message_id=None, sent_at=None, page=0)
    _end(s, bot_id, chat_id, row.message_id, now)
    refresh(s, bot_id=bot_id, chat_id=chat_id, now=now, zone=zone)
    return now_shown(s, bot_id=bot_id, chat_id=chat_id)
