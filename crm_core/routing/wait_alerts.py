"""Notifies admins of contacts that wait since nobody is free for them, and why."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.messaging import alerts
from crm_core.routing import queue
from crm_core.routing.choose import Exclusion, SourceExclusion
from crm_core.routing.source_facts import WAITS, SourceFacts, source_facts
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import Contact, WaitNotice

_contact = Contact.__table__
_WAITING = PreparedForIds(lambda ids: select(_contact.c.id, _contact.c.source_id).where(*WAITS, _contact.c.id.in_(ids)))


def notify_waiting(s: Session, *, contact_ids: Iterable[int], now: datetime) -> int:
    """Notifies admins of contacts that went back to the queue and still wait, with the reason.

    At most once in ten minutes for a source, and not where they are still being given out. Returns how many of these
    contacts wait.
    """
    ids = sorted(set(contact_ids))
    left = execute(s, _WAITING, {"ids": ids}).all() if ids else []
    oldest = {source_id: contact_id for contact_id, source_id in sorted(left, reverse=True)}
    for source_id, contact_id in oldest.items():
        _notify_if_nobody_is_free(s, source_id, contact_id=contact_id, now=now)
    return len(left)


def _notify_if_nobody_is_free(s: Session, source_id: int, *, contact_id: int, now: datetime) -> None:
    why = queue.why_it_waits(s, source_id, contact_id=contact_id)
    # That a source is closed is as admins have planned it, and who has had enough for a minute goes on after it.
    if why not in (None, SourceExclusion.SOURCE_CLOSED.value) and Exclusion.RAMP not in why.split("+"):
        notify_contact_waits(s, source_facts(s, source_id), contact_id=contact_id, why=why, now=now)


def notify_contact_waits(s: Session, source: SourceFacts, *, contact_id: int, why: str, now: datetime) -> None:
    """Notifies admins that a contact found no operator, at most once in ten minutes for a source.

    Not while they have a message that says so already: that is brought up to date (`crm_core.routing.wait_notices`).

    Args:
        why: what excluded everybody: the reason of a `Choice`, or a `SourceExclusion`.
    """
    if s.execute(select(WaitNotice.source_id).where(WaitNotice.source_id == source.id).limit(1)).first() is not None:
        return
    alerts.notify_admins(
        s,
        cause=f"waits:{source.id}",
        code="contact_waits",
        now=now,
        bot_id=source.card_bot_id,
        contact=contact_id,
        source=source.name,
        source_id=source.id,
        why=why,
    )


def notify_if_some_wait(s: Session, *, source_ids: Iterable[int], now: datetime) -> None:
    """Notifies admins of what still waits at these sources, once all that could be given out was, and why."""
    for source_id in sorted(source_ids):
        first = queue.first_in_line(s, source_id)
        if first is not None:
            _notify_if_nobody_is_free(s, source_id, contact_id=first, now=now)
