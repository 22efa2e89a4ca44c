"""Reconciling a restored database with the world, where people went on after the backup was taken.

What was done between the backup and now (the lost range) is in chats and in other systems, but not in the database. So
nothing that may have been sent to a client is sent again, no id is assigned a second time, no prompt that may have been
answered takes another message as its answer, and admins are notified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, Table, and_, delete, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.backups import postgres
from crm_core.delivery import author_notices
from crm_core.events import NewEvent
from crm_core.messaging import alerts, card_edits, outbox
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.tables import (
    ApiKey,
    Bot,
    Contact,
    Event,
    Export,
    InboxRow,
    Invitation,
    Lead,
    Message,
    Operator,
    OutboxRow,
    PendingReply,
    Posted,
    Prompt,
    ReceiverRow,
    Source,
)

FENCE_JUMP = 1_000  # more than the sessions since the backup: results of any that is still running must not count
SAFETY = 10  # so many times the ids are skipped that were assigned in an equally long time before
LEFT_OUT_LEAST = 1_000

NUMBERED: tuple[Table, ...] = tuple(
    one.__table__ for one in (Lead, Contact, Message, Operator, Source, ApiKey, PendingReply, Export)
)
"""Tables whose ids are visible outside: on cards and buttons, in answers of the API."""

# Clients get nothing twice that may have reached them, nor do staff get an answer that they had long ago.
_NOT_AGAIN = frozenset({outbox.TO_CLIENT, outbox.CLIENT_NOTICE, outbox.ANSWER, outbox.SCREEN})

_bot, _outbox, _contact = Bot.__table__, OutboxRow.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was decided about a restored database.

    Attributes:
        since, until: the lost range.
        doubtful: messages to clients of which nobody knows whether they were sent; their authors are notified.
        again: rows to operators (cards, copies, notices) that are sent, perhaps a second time.
    """

    since: datetime
    until: datetime
    doubtful: int
    again: int


def reconcile(s: Session, *, taken_at: datetime | None, now: datetime, zone: str, actor: str) -> Reconciliation:
    """Makes a restored database safe to use, in one transaction, before any process uses it.

    Args:
        taken_at: the moment of the backup; None if it has none: then that of the newest row in it.
        zone: the time zone of moments in notices to admins.
        actor: who restores.
    """
    since = taken_at or _newest(s) or now
    for table in (_bot, ReceiverRow.__table__):
        execute(s, update(table).values(fence=table.c.fence + FENCE_JUMP))
    _withdraw(s, now)
    again, doubtful = _decide(s, now)
    _show_cards(s, now)
    found = Reconciliation(since, now, doubtful, again)
    lost = {"since": int(since.timestamp()), "until": int(now.timestamp())}
    events.record(s, [NewEvent(events.RESTORED, now, actor, data={**lost, "doubtful": doubtful})])
    alerts.notify_admins(
        s,
        cause=f"restored:{lost['until']}",
        code="restored",
        now=now,
        since=lost["since"],
        until=lost["until"],
        zone=zone,
        doubtful=doubtful,
    )
    return found


def reconcile_and_number(
    s: Session, *, taken_at: datetime | None, now: datetime, zone: str, actor: str, seen: dict[str, int]
) -> tuple[Reconciliation, dict[str, int]]:
    """Reconciles a restored database, and finds the numbers with which it goes on, in one transaction.

    With PostgreSQL the numbers are set here, and the mark of an unfinished restore is removed; a SQLite file is not in
    its place yet, and `crm_core.backups.swap` does both there.

    Args:
        taken_at, now, zone, actor: see `reconcile`.
        seen: see `next_numbers`.

    Returns what was decided, and the first number of each table.
    """
    found = reconcile(s, taken_at=taken_at, now=now, zone=zone, actor=actor)
    numbers = next_numbers(s, since=found.since, until=found.until, seen=seen)
    if s.get_bind().dialect.name == "postgresql":
        postgres.begin_numbers_at(s, numbers)
        postgres.is_safe(s)
    return found, numbers


def _newest(s: Session) -> datetime | None:
    known = [execute(s, select(func.max(one))).scalar_one() for one in (Event.at, InboxRow.received_at)]
    return max(filter(None, known), default=None)


def _withdraw(s: Session, now: datetime) -> None:
    """Withdraws what may have been used, answered or done since."""
    execute(s, delete(Prompt))  # the next message in that chat is no answer any more
    open_invitation = (Invitation.used_at.is_(None), Invitation.expires_at > now)
    execute(s, update(Invitation.__table__).where(*open_invitation).values(expires_at=now))
    execute(
        s,
        update(Export.__table__)
        .where(Export.state.in_(("waiting", "running")))
        .values(state="failed", outcome="restored", finished_at=now),
    )


def _decide(s: Session, now: datetime) -> tuple[int, int]:
    """Decides about unsent rows. Returns how many are sent, and how many messages to clients are not."""
    # Other receivers have kinds of their own; their rows are sent again, and they recognise what they have already.
    is_unsent, is_telegram = _outbox.c.state.in_(("pending", "sending")), _outbox.c.bot_id.is_not(None)
    unsent = and_(is_unsent, is_telegram)
    doubtful = execute(
        s, select(_outbox).where(unsent, _outbox.c.kind == outbox.TO_CLIENT).order_by(_outbox.c.id)
    ).all()
    execute(
        s,
        update(_outbox)
        .where(unsent, _outbox.c.kind.in_(_NOT_AGAIN))
        .values(state="uncertain", outcome="restored", settled_at=now, ambiguous=_outbox.c.ambiguous + 1),
    )
    # One more ambiguous attempt: a copy tells the operator that it may be the second one.
    once_more = {"state": "pending", "outcome": "restored", "fence": None, "ambiguous": _outbox.c.ambiguous + 1}
    again = execute_count(s, update(_outbox).where(unsent).values(once_more))
    execute(s, update(_outbox).where(is_unsent, ~is_telegram).values(once_more))
    _notify_authors(s, doubtful, now)
    return again, len(doubtful)


def _notify_authors(s: Session, rows: Iterable[Row[tuple[object, ...]]], now: datetime) -> None:
    for row in rows:
        author_notices.notify_lost_attempt(s, row, now, code="restored_unsure")


def _show_cards(s: Session, now: datetime) -> None:
    """Updates cards of open contacts: they may show changes of the lost range."""
    posted = execute(
        s,
        select(Posted.contact_id, Posted.bot_id, Posted.chat_id, Posted.message_id, Posted.is_brief)
        .join(Contact, Contact.id == Posted.contact_id)
        .where(Posted.is_card.is_(True), Contact.status != "closed")
        .order_by(Posted.contact_id, Posted.message_id),
    ).all()
    for row in posted:
        card_edits.refresh(s, **row._mapping, now=now)


# --- numbers ----------------------------------------------------------------------------------------------------------


def next_number(highest: int, *, recent: int) -> int:
    """The first id that cannot have been assigned since: a round one, so that people see where it began.

    Args:
        highest: the highest id known.
        recent: how many were assigned in the time before the lost range, as long as that range.
    """
    return ((highest + max(LEFT_OUT_LEAST, SAFETY * recent)) // 1_000 + 1) * 1_000


def next_numbers(s: Session, *, since: datetime, until: datetime, seen: dict[str, int] | None = None) -> dict[str, int]:
    """The first free id of every table whose ids are visible outside.

    Args:
        since, until: the lost range.
        seen: the highest ids of the database that is replaced, by table, as far as they can still be read.
    """
    long = until - since
    return {
        table.name: next_number(
            max(_highest(s, table), (seen or {}).get(table.name, 0)), recent=_recent(s, table, since - long)
        )
        for table in NUMBERED
    }


def _highest(s: Session, table: Table) -> int:
    return int(execute(s, select(func.coalesce(func.max(table.c.id), 0))).scalar_one())


def _recent(s: Session, table: Table, after: datetime) -> int:
    moment = table.c.get("created_at", table.c.get("asked_at"))
    if moment is None:
        return 0
    query = select(func.count()).select_from(table).where(moment > max(after, EARLIEST))
    return int(execute(s, query).scalar_one())


EARLIEST = datetime.fromtimestamp(0).astimezone() + timedelta(days=1)
