"""Targets that ran out: what admins are told of them, and how many there are now.

What was told is stored with the message (`ServiceNotice`); `crm_core.service.watch` has noted that it ran out.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, select, update
from sqlalchemy.orm import Session

from crm_core.messaging import alerts, outbox
from crm_core.messaging.answers import WAITS_SINCE
from crm_core.routing.queue import OPEN
from crm_core.service.targets import ADMINS_AT, Measure
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Lead, Operator, ServiceNotice, Source

CAUSE = "service"
QUIET = timedelta(minutes=1)  # what runs out in between is in the next message

_contact, _source, _notice = Contact.__table__, Source.__table__, ServiceNotice.__table__

_UNTOLD = (
    select(
        _notice.c.contact_id.label("contact"),
        _notice.c.measure,
        _notice.c.since,
        Lead.full_name.label("name"),
        Operator.name.label("operator"),
        _source.c.name.label("source"),
        and_(WAITS_SINCE.is_not(None), _contact.c.wakes_at.is_(None)).label("waits"),
    )
    .select_from(_notice)
    .join(_contact, _contact.c.id == _notice.c.contact_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .join(_source, _source.c.id == _contact.c.source_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
    .where(_notice.c.told_at.is_(None), _notice.c.percent == ADMINS_AT, OPEN)
    .order_by(_notice.c.since, _notice.c.contact_id, _notice.c.measure)
)
_ANY_UNTOLD = _UNTOLD.with_only_columns(_notice.c.contact_id).limit(1)


def is_untold(s: Session) -> bool:
    """Whether admins have still to be told of something that ran out."""
    return execute(s, _ANY_UNTOLD).first() is not None


def tell_admins(s: Session, *, now: datetime) -> int:
    """Queues one notice to admins of all that ran out, unless there was one a moment ago. Returns of how much it is.

    What was answered meanwhile is not told of any more.
    """
    if not is_untold(s) or not alerts.claim_cause(s, cause=CAUSE, now=now, quiet=QUIET):
        return 0
    late = []
    for one in execute(s, _UNTOLD).all():  # once the cause is claimed: another process may have told of some
        _mark_told(s, one, now)
        if one.waits:
            late.append({name: getattr(one, name) for name in ("contact", "name", "operator", "source", "measure")})
    payload = {"code": "service_over", "late": late}
    chats = alerts.admin_chats(s).items() if late else ()
    outbox.add(s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, bot, chat, payload=payload) for chat, bot in chats], now=now)
    return len(late)


def _mark_told(s: Session, one: Row[Any], now: datetime) -> None:
    same = (_notice.c.contact_id == one.contact, _notice.c.measure == one.measure, _notice.c.since == one.since)
    execute(s, update(_notice).where(*same, _notice.c.percent == ADMINS_AT).values(told_at=now))


_OVERDUE = (
    select(_contact.c.source_id, _notice.c.measure, func.count())
    .select_from(_notice)
    .join(_contact, _contact.c.id == _notice.c.contact_id)
    .where(_notice.c.percent == ADMINS_AT, OPEN, WAITS_SINCE.is_not(None), _contact.c.wakes_at.is_(None))
    .group_by(_contact.c.source_id, _notice.c.measure)
)


def by_source(s: Session) -> dict[tuple[int, Measure], int]:
    """How many open contacts are over a target and wait, by source and measure."""
    return {(row[0], Measure(row[1])): row[2] for row in execute(s, _OVERDUE)}
