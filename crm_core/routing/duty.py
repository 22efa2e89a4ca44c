"""Whether anybody is on duty at a source: somebody who would get its next contact, if only they had room for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.messaging import alerts
from crm_core.routing.candidates import eligibilities
from crm_core.routing.choose import OTHERS_FIRST, Exclusion
from crm_core.storage.tables import Source

NOBODY_ELSE_COOLS_IT = timedelta(0)  # each time is news, whatever admins were told a moment ago


BUSY = frozenset({Exclusion.FULL, Exclusion.CEILING, Exclusion.FULL_HERE, Exclusion.RATE, Exclusion.RAMP})
"""What excludes whoever is there and has enough for now."""


def is_away(why: str | None) -> bool:
    """Whether the reason for which a contact waits (of a `Choice`) says that nobody is there, rather than all busy."""
    parts = set(why.split("+")) if why else set()
    return bool(parts - {Exclusion.NO_SKILL}) and not parts & {*BUSY, OTHERS_FIRST}


def covered(s: Session) -> frozenset[int]:
    """The ids of the sources where somebody is on duty."""
    return frozenset(one.source_id for one in eligibilities(s) if one.why_not is None or one.why_not in BUSY)


@contextmanager
def watching(s: Session, *, now: datetime) -> Iterator[None]:
    """Notifies admins if what is done inside leaves sources without anybody on duty: the last operator has gone."""
    before = covered(s)
    yield
    after = covered(s)
    gone = before - after
    if not gone:
        return
    names = s.execute(select(Source.name).where(Source.id.in_(gone)).order_by(Source.id)).scalars().all()
    alerts.notify_admins(
        s,
        cause="off_duty",
        code="nobody_on_duty",
        now=now,
        quiet=NOBODY_ELSE_COOLS_IT,
        sources=[] if not after else list(names),
    )
