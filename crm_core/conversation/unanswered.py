"""Admins hear of clients whom an operator leaves without an answer: each wait once, all of one moment in one message.

Like every alert it comes at most once in ten minutes; who is found in between is told of with the next one. An admin
who answers clients is not told of their own: they are reminded of those as an operator (`reminders`). Requests without
an operator are not meant here: the queue tells of them.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from crm_core.messaging import alerts, outbox
from crm_core.messaging.answers import UNANSWERED, WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.tables import Alert, Contact, Lead, Operator, Staff

CAUSE = "unanswered"

_contact, _alert = Contact.__table__, Alert.__table__
_UNTIL = bindparam("until", type_=_contact.c.created_at.type)
_WAITING = (
    select(
        _contact.c.id,
        _contact.c.operator_id,
        Operator.name.label("operator"),
        Lead.full_name.label("name"),
        WAITS_SINCE.label("since"),
        func.coalesce(UNANSWERED, 0).label("unanswered"),
    )
    .select_from(_contact)
    .join(Operator, Operator.id == _contact.c.operator_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .where(
        OPEN,
        _contact.c.wakes_at.is_(None),
        _UNTIL >= WAITS_SINCE,
        func.coalesce(_contact.c.woke_at, WAITS_SINCE, type_=_contact.c.created_at.type) <= _UNTIL,
    )
    .order_by(WAITS_SINCE, _contact.c.id)
)
_TOLD = select(_alert.c.cause).where(_alert.c.cause.startswith(f"{CAUSE}:", autoescape=True))


def untold(s: Session, *, minutes: int, now: datetime) -> list[Any]:
    """The requests that their operator has left unanswered for so long and no admin was told of, longest first.

    Args:
        minutes: 0 for none.
    """
    if not minutes:
        return []
    waiting = execute(s, _WAITING, {"until": now - timedelta(minutes=minutes)}).all()
    if not waiting:
        return []
    told = set(execute(s, _TOLD).scalars())
    return [row for row in waiting if _wait(row) not in told]


def _wait(row: Any) -> str:
    """One wait of one client: after an answer the next one is told of anew."""
    return f"{CAUSE}:{row.id}:{row.unanswered}"


def tell(s: Session, *, minutes: int, now: datetime) -> int:
    """Queues the notice to admins, unless there was one a moment ago. Returns how many requests it names."""
    found = untold(s, minutes=minutes, now=now)
    if not found or not alerts.claim_cause(s, cause=CAUSE, now=now):
        return 0
    for row in found:
        noted = dialect_insert(s, _alert).values(cause=_wait(row), told_at=now)
        execute(s, noted.on_conflict_do_nothing())
    operators: dict[int, int | None] = {
        row.telegram_id: row.operator_id for row in execute(s, select(Staff.telegram_id, Staff.operator_id))
    }
    rows = []
    for chat_id, bot_id in alerts.admin_chats(s).items():
        requests = [
            {
                "contact": row.id,
                "name": row.name,
                "operator": row.operator,
                "since": row.since.timestamp(),
                "unanswered": row.unanswered,
            }
            for row in found
            if row.operator_id != operators.get(chat_id)
        ]
        if requests:
            payload = {"code": "clients_unanswered", "minutes": minutes, "requests": requests}
            rows.append(outbox.OutboxEntry(outbox.STAFF_NOTICE, bot_id, chat_id, payload=payload))
    outbox.add(s, rows, now=now)
    return len(found)


_STILL = (
    select(func.coalesce(UNANSWERED, 0))
    .select_from(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        OPEN,
        _contact.c.operator_id.is_not(None),
        _contact.c.wakes_at.is_(None),
        WAITS_SINCE.is_not(None),
    )
)


def still_so(s: Session, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the requests of a notice that is about to be sent which are still unanswered."""
    return [
        one
        for one in requests
        if execute(s, _STILL, {"contact_id": one["contact"]}).scalar_one_or_none() == one["unanswered"]
    ]
