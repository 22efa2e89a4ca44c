"""Clients who come back: whom they had before, at a source that remembers it for some days (`sticky_days`)."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact

_contact = Contact.__table__
_BEFORE = Prepared(
    select(_contact.c.operator_id)
    .where(
        _contact.c.lead_id == bindparam("lead_id"),
        _contact.c.source_id == bindparam("source_id"),
        _contact.c.status == "closed",
        _contact.c.closed_at > bindparam("since", type_=_contact.c.closed_at.type),
    )
    .order_by(_contact.c.closed_at.desc(), _contact.c.id.desc())
    .limit(1)
)


def former_operator(s: Session, source: SourceFacts, lead_id: int, now: datetime) -> int | None:
    """The operator of the client's last contact at a source, if it was closed within `sticky_days`; else None."""
    if not source.sticky_days:
        return None
    since = now - timedelta(days=source.sticky_days)
    found: int | None = execute(
        s, _BEFORE, {"lead_id": lead_id, "source_id": source.id, "since": since}
    ).scalar_one_or_none()
    return found
