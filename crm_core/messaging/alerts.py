"""Alerts: notices to all admins at once, at most once in ten minutes for each cause."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, case, or_, select
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Alert, Bot, Staff, StaffChat

QUIET = timedelta(minutes=10)
DAILY = timedelta(hours=20)  # less than a day, so that an alert of every night is not left out every other night
AHEAD = timedelta(minutes=1)  # by which a stored moment may be to come although no clock was set: machines differ

_ADMIN_CHATS = Prepared(
    select(StaffChat.telegram_id, StaffChat.bot_id)
    .join(Staff, Staff.telegram_id == StaffChat.telegram_id)
    .join(Bot, Bot.id == StaffChat.bot_id)
    .where(Staff.is_admin, StaffChat.is_reachable)
    # A bot whose token is refused cannot deliver that news itself.
    .order_by(
        StaffChat.telegram_id,
        case((Bot.state == "running", 0), else_=1),
        case((Bot.id == bindparam("preferred"), 0), else_=1),
        Bot.position,
    )
)


def is_past(moment: ColumnElement[datetime], quiet: timedelta, *, now: datetime) -> ColumnElement[bool]:
    """The condition that a stored moment is so long ago that the next notice is due.

    A moment that is still to come was stored by a clock that was ahead, and counts as past; but not one that is just
    ahead, which a transaction stored that began a moment after this one and was faster.
    """
    return _is_past(moment, now - quiet, now + AHEAD)


def _is_past(moment: ColumnElement[datetime], before: Any, ahead: Any) -> ColumnElement[bool]:
    return or_(moment <= before, moment > ahead)


def notify_admins(
    s: Session,
    *,
    cause: str,
    code: str,
    now: datetime,
    bot_id: int | None = None,
    quiet: timedelta = QUIET,
    besides: int = 0,
    **fields: Any,
) -> bool:
    """Queues a notice to every admin, unless they were notified of the same cause a moment ago.

    Args:
        cause: two alerts with the same cause are the same: `limit:3`, `waits:7`.
        code: of the text; `fields` are its values.
        bot_id: the bot that should send it, to admins who have started it.
        quiet: for how long they are not notified of the cause again.
        besides: the account of an admin who knows already, since it was them.

    Returns whether notices were queued.
    """
    if not claim_cause(s, cause=cause, now=now, quiet=quiet):
        return False
    payload = {"code": code, **fields}
    chats = admin_chats(s, bot_id=bot_id)
    outbox.add(
        s,
        [
            outbox.OutboxEntry(outbox.STAFF_NOTICE, bot, chat, payload=payload)
            for chat, bot in chats.items()
            if chat != besides
        ],
        now=now,
    )
    return True


def claim_cause(s: Session, *, cause: str, now: datetime, quiet: timedelta = QUIET) -> bool:
    """Stores that admins are notified of a cause now. Returns False if they were notified of it a moment ago."""
    moments = {"told_at": now, "before": now - quiet, "ahead": now + AHEAD}
    return execute(s, _CLAIM, {"cause": cause, **moments}).one_or_none() is not None


_alert = Alert.__table__
_CLAIM = prepared_upsert(
    _alert,
    lambda fresh: (
        fresh.values(cause=bindparam("cause"), told_at=bindparam("told_at"))
        .on_conflict_do_update(
            index_elements=["cause"],
            set_={"told_at": fresh.excluded.told_at},
            where=_is_past(_alert.c.told_at, bindparam("before"), bindparam("ahead")),
        )
        .returning(_alert.c.cause)
    ),
)


def admin_chats(s: Session, *, bot_id: int | None = None) -> dict[int, int]:
    """The chat of each admin who can be reached, and the bot that writes there: this one, if it can."""
    chats: dict[int, int] = {}
    for telegram_id, sending_bot in execute(s, _ADMIN_CHATS, {"preferred": bot_id or 0}):
        chats.setdefault(telegram_id, sending_bot)
    return chats


_CHATS = (
    select(StaffChat.telegram_id, StaffChat.bot_id)
    .join(Staff, Staff.telegram_id == StaffChat.telegram_id)
    .join(Bot, Bot.id == StaffChat.bot_id)
    .where(StaffChat.is_reachable)
    .order_by(
        case((Bot.state == "running", 0), else_=1),
        case((Bot.id == bindparam("preferred"), 0), else_=1),
        Bot.position,
    )
    .limit(1)
)
_OF_OPERATOR = Prepared(_CHATS.where(Staff.operator_id == bindparam("operator_id")))
_OF_ACCOUNT = _CHATS.where(Staff.telegram_id == bindparam("telegram_id"))


def notify_operator(
    s: Session, operator_id: int, *, code: str, now: datetime, bot_id: int | None = None, **fields: Any
) -> None:
    """Queues a notice to an operator, in one of the bots that can write to them; nothing if there is none.

    Args:
        code: of the text; `fields` are its values.
        bot_id: the bot that should send it, if it can.
    """
    found = execute(s, _OF_OPERATOR, {"operator_id": operator_id, "preferred": bot_id or 0})
    _notify(s, found.one_or_none(), {"code": code, **fields}, now)


def notify_account(s: Session, telegram_id: int, *, code: str, now: datetime, **fields: Any) -> None:
    """Queues a notice to a member of staff, in one of the bots that can write to them; nothing if there is none.

    Args:
        code: of the text; `fields` are its values.
    """
    found = execute(s, _OF_ACCOUNT, {"telegram_id": telegram_id, "preferred": 0})
    _notify(s, found.one_or_none(), {"code": code, **fields}, now)


def _notify(s: Session, chat: Row[Any] | None, payload: dict[str, Any], now: datetime) -> None:
    if chat is not None:
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, chat.bot_id, chat.telegram_id, payload=payload)
        outbox.add(s, [notice], now=now)


def notify_stalled(s: Session, *, seconds: int, now: datetime) -> None:
    """Notifies admins that the process was stalled for a while, which clients may have noticed."""
    notify_admins(s, cause="stood_still", code="stood_still", now=now, seconds=seconds)


def notify_no_backup(s: Session, *, reason: str, now: datetime) -> None:
    """Notifies admins, once a day, that there is no nightly backup; `reason` is a code of `crm_core.backups.errors`."""
    if reason == "damaged":
        notify_admins(s, cause="backup:damaged", code="backup_damaged", now=now, quiet=DAILY)
    else:
        notify_admins(s, cause="backup", code="backup_failed", now=now, quiet=DAILY, why=reason)


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7), at_most: int = BATCH) -> int:
    """Forgets of what admins were notified so long ago that a new alert is due in any case. Returns how many rows."""
    alert = Alert.__table__
    return delete_batch(s, alert, alert.c.told_at < now - keep, at_most=at_most)
