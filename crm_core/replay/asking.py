"""Asking for a replay: read in one snapshot, and played in a thread, so that nobody waits for it.

One is read and played at a time: each takes a processor and the memory of its period, and many at once, as a program
asks for them, would keep everybody else from both.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.replay.changes import Changes
from crm_core.replay.days import check_days, moments, read_days
from crm_core.replay.figures import Replay, replay
from crm_core.replay.rows import MOST, Rows, read_rows
from crm_core.replay.typed import TypedChange, read_changes
from crm_core.replay.typed_names import Names
from crm_core.routing import sources
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database
from crm_core.storage.types import MILLISECOND
from crm_core.team import operators


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be played again.

    Attributes:
        days: the period as somebody typed it, or its first and last day.
        typed: changes as somebody typed them, of one line or a text for each.
        changes: changes by ids, where there are no typed ones.
        at_most: contacts of the period.
    """

    days: str | tuple[date, date]
    typed: Sequence[TypedChange | str] = ()
    changes: Changes | None = None
    at_most: int = MOST


def read(s: Session, *, wish: Wish, actor: Actor, now: datetime, zone: str) -> tuple[Rows, Changes]:
    """Reads a period and understands the changes. It writes nothing.

    Raises NotAllowed, BadPeriod, PeriodTooLong, and what `read_changes` raises.
    """
    access_admin(s, actor)
    changes, today = wish.changes, now.astimezone(ZoneInfo(zone)).date()
    days = read_days(wish.days, today=today) if isinstance(wish.days, str) else check_days(*wish.days, today=today)
    since, until = moments(*days, ZoneInfo(zone))
    until = min(until, now + MILLISECOND)  # what has not happened yet is no wait, and no time at the limit
    if changes is None:
        known, staff = sources.listing(s), operators.listing(s)
        changes = read_changes(wish.typed, known=known, staff=staff, zone=zone, today=today)
    sticky = max((value for key, value in changes.values.items() if key.name == "sticky_days"), default=0)
    return read_rows(s, since=since, until=until, at_most=wish.at_most, sticky_days=sticky), changes


def names(s: Session) -> Names:
    """The names that a typed line can have before its changes, for `crm_core.replay.typed.split`."""
    return Names.of(sources.listing(s), operators.listing(s))


_TURNS: WeakKeyDictionary[Database, asyncio.Lock] = WeakKeyDictionary()


async def ask(db: Database, *, wish: Wish, actor: Actor, now: datetime, zone: str) -> Replay:
    """Plays a period under other settings, after those that were asked for before. Raises what `read` raises."""
    async with _TURNS.setdefault(db, asyncio.Lock()):
        with through(Pool.BACKGROUND):
            rows, changes = await db.read(read, wish=wish, actor=actor, now=now, zone=zone)
        if not rows.moved:
            return replay(rows, changes)
        return await asyncio.to_thread(replay, rows, changes)


PREVIEWED = 20_000
"""Contacts of a day above which a change of settings is not previewed: a few seconds of one core."""


def yesterday(changes: Changes) -> Wish:
    """Yesterday under changed settings."""
    return Wish("", changes=changes, at_most=PREVIEWED)
