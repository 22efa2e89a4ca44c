"""What must be decided when a database is older than the world: it was restored, and people went on meanwhile.

Whatever was done between the moment of the backup and now (the lost range) stands in the chats and in other systems,
and nothing here knows of it. So nothing that may have been sent to a client is sent again, no number is given to
anybody a second time, no question that may have been answered takes further words for its answer, and admins are told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, Table, delete, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.backups import postgres
from crm_core.contacts import cards
from crm_core.delivery import outcomes
from crm_core.events import NewEvent
from crm_core.messaging import alerts, outbox
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
    Source,
)

FENCE_JUMP = 1_000  # more lives than a bot has had since: what one of them still holds must not count
SAFETY = 10  # times as many numbers are left out as were given in a time as long before
LEFT_OUT_LEAST = 1_000

NUMBERED: tuple[Table, ...] = tuple(
    one.__table__ for one in (Lead, Contact, Message, Operator, Source, ApiKey, PendingReply, Export)
)
"""Tables whose numbers are seen outside: on cards and buttons, in answers of the API."""

# Clients are not told a thing twice that may have reached them, nor staff an answer that they have long had.
_NOT_AGAIN = frozenset({outbox.TO_CLIENT, outbox.CLIENT_NOTICE, outbox.ANSWER, outbox.SCREEN})

_bot, _outbox, _contact = Bot.__table__, OutboxRow.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was decided.

    Attributes:
        since, until: the lost range.
        doubtful: words to clients of which nobody knows whether they were sent; whoever wrote them is told.
        again: rows to operators (cards, copies, notices) that are sent, perhaps a second time.
    """

    since: datetime
    until: datetime
    doubtful: int
    again: int


def reconcile(s: Session, *, taken_at: datetime | None, now: datetime, zone: str, actor: str) -> Reconciliation:
    """Makes a restored database safe to go on with, in one transaction, before any process works on it.

    Args:
        taken_at: the moment of the backup; None where it does not say: then that of the newest thing in it.
        zone: of the moments that admins are told.
        actor: who restores.
    """
    since = taken_at or _newest(s) or now
    s.execute(update(_bot).values(fence=_bot.c.fence + FENCE_JUMP))
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
    known = [s.execute(select(func.max(one))).scalar_one() for one in (Event.at, InboxRow.received_at)]
    return max(filter(None, known), default=None)


def _withdraw(s: Session, now: datetime) -> None:
    """Takes back what may have been used, answered or done since."""
    s.execute(delete(Prompt))  # the next words of whoever was asked are no answer any more
    open_invitation = (Invitation.used_at.is_(None), Invitation.expires_at > now)
    s.execute(update(Invitation.__table__).where(*open_invitation).values(expires_at=now))
    s.execute(
        update(Export.__table__)
        .where(Export.state.in_(("waiting", "running")))
        .values(state="failed", outcome="restored", finished_at=now)
    )


def _decide(s: Session, now: datetime) -> tuple[int, int]:
    """Decides what was not sent yet, or on its way. Returns how much is sent, and how many words to clients are not."""
    unsent = _outbox.c.state.in_(("pending", "sending"))
    doubtful = s.execute(select(_outbox).where(unsent, _outbox.c.kind == outbox.TO_CLIENT).order_by(_outbox.c.id)).all()
    s.execute(
        update(_outbox)
        .where(unsent, _outbox.c.kind.in_(_NOT_AGAIN))
        .values(state="uncertain", outcome="restored", settled_at=now, ambiguous=_outbox.c.ambiguous + 1)
    )
    # One more unknown attempt: an operator sees at a copy that it may be the second one.
    again: int = s.execute(  # type: ignore[attr-defined]
        update(_outbox)
        .where(unsent)
        .values(state="pending", outcome="restored", fence=None, ambiguous=_outbox.c.ambiguous + 1)
    ).rowcount
    _notify_authors(s, doubtful, now)
    return again, len(doubtful)


def _notify_authors(s: Session, rows: Iterable[Row[tuple[object, ...]]], now: datetime) -> None:
    for row in rows:
        outcomes.notify_lost_attempt(s, row, now, code="restored_unsure")


def _show_cards(s: Session, now: datetime) -> None:
    """Cards of open contacts may show what was done since, and is not so any more."""
    posted = s.execute(
        select(Posted.contact_id, Posted.bot_id, Posted.chat_id, Posted.message_id)
        .join(Contact, Contact.id == Posted.contact_id)
        .where(Posted.is_card.is_(True), Contact.status != "closed")
        .order_by(Posted.contact_id, Posted.message_id)
    ).all()
    for contact_id, bot_id, chat_id, message_id in posted:
        cards.refresh(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


# --- numbers ----------------------------------------------------------------------------------------------------------


def next_number(highest: int, *, recent: int) -> int:
    """The first number that nobody can have been given since: a round one, so that people see where it began.

    Args:
        highest: known to have been given.
        recent: how many were given in a time as long as the lost range, before it.
    """
    return ((highest + max(LEFT_OUT_LEAST, SAFETY * recent)) // 1_000 + 1) * 1_000


def next_numbers(s: Session, *, since: datetime, until: datetime, seen: dict[str, int] | None = None) -> dict[str, int]:
    """The first free number of every table whose numbers are seen outside.

    Args:
        since, until: the lost range.
        seen: the highest numbers of the database that is replaced, by table, where that can still be read.
    """
    long = until - since
    return {
        table.name: next_number(
            max(_highest(s, table), (seen or {}).get(table.name, 0)), recent=_recent(s, table, since - long)
        )
        for table in NUMBERED
    }


def _highest(s: Session, table: Table) -> int:
    return int(s.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())


def _recent(s: Session, table: Table, after: datetime) -> int:
    moment = table.c.get("created_at", table.c.get("asked_at"))
    if moment is None:
        return 0
    query = select(func.count()).select_from(table).where(moment > max(after, EARLIEST))
    return int(s.execute(query).scalar_one())


EARLIEST = datetime.fromtimestamp(0).astimezone() + timedelta(days=1)
