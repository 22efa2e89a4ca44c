"""The daily report to admins: its figures, and when it is due.

It is due at a time of day that admins choose (a preference; off by default). That it was sent is a row, stored with the
messages under its date: neither a restart nor a second process sends it again. One that nobody could send for
LATE_AT_MOST is left out, and so is that of a day on which the time had gone by when it was set.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core import preferences, statistics
from crm_core.access.actors import Actor
from crm_core.messaging import alerts, outbox
from crm_core.messaging.outbox import OutboxEntry
from crm_core.preferences import Preference
from crm_core.service import breaches
from crm_core.service.breaches import ServiceReport
from crm_core.statistics import Durations
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.tables import Alert, Staff

LATE_AT_MOST = timedelta(hours=6)
BUSIEST = 3  # operators that the report names
OFF = ""
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_TYPED = re.compile(r"(\d{1,2})(?:[:.](\d\d))?")


def _is_time_or_off(value: str) -> bool:
    return value == OFF or _TIME.fullmatch(value) is not None


MORNING_REPORT = preferences.known(Preference("morning_report", str, default=OFF, check=_is_time_or_off))
"""When the report is sent each day, by the clock of the installation: `09:00`; OFF for never."""


def read_time(typed: str) -> str | None:
    """A time of day as people type it, `9`, `9:30` or `09.30`, in the form of the preference; None if it is none."""
    found = _TYPED.fullmatch(typed.strip())
    if found is None:
        return None
    value = f"{int(found[1]):02d}:{found[2] or '00'}"
    return value if _TIME.fullmatch(value) else None


def set_time(s: Session, *, at: str, actor: Actor, now: datetime) -> None:
    """Sets when the report is sent each day; OFF for never. Raises NotAllowed, BadPreference."""
    version = preferences.current(s, MORNING_REPORT).version
    preferences.set(s, MORNING_REPORT, at, version=version, actor=actor, now=now)


def time_set(s: Session) -> str:
    """When the report is sent each day; OFF for never."""
    return preferences.read(s, MORNING_REPORT)


@dataclass(frozen=True, slots=True)
class DailyFigures:
    """What the report says.

    Attributes:
        day: the last whole day, which it is about.
        contacts, unassigned: opened on it, and how many of these have no operator now.
        reply: how long the first reply to these took.
        waiting, oldest: contacts that wait now, and since when the first of them does.
        service: targets of what began on that day.
        busiest: operators with the most of these contacts, with their numbers.
        at: when it is sent each day, OFF for never.
    """

    day: date
    contacts: int
    unassigned: int
    reply: Durations
    waiting: int
    oldest: datetime | None
    service: ServiceReport
    busiest: tuple[tuple[str, int], ...]
    at: str


def figures(s: Session, *, now: datetime, zone: tzinfo) -> DailyFigures:
    """The figures of yesterday, and of the queue now."""
    until = statistics.beginning(statistics.Period.TODAY, now=now, zone=zone)
    assert until is not None
    day = until.date() - timedelta(days=1)
    since = datetime.combine(day, time(), tzinfo=zone)
    numbers = statistics.overview(s, since=since, until=until)
    ranked = sorted(numbers.operators, key=lambda one: (-one.contacts, one.facts.id))
    return DailyFigures(
        day,
        numbers.contacts,
        numbers.unassigned,
        numbers.to_reply,
        numbers.waiting,
        numbers.oldest,
        breaches.report(s, since=since, until=until, now=now),
        tuple((one.facts.name, one.contacts) for one in ranked[:BUSIEST] if one.contacts),
        time_set(s),
    )


def due(s: Session, *, now: datetime, zone: tzinfo) -> date | None:
    """The date whose report is to be sent now; None if there is none, or it was sent."""
    current = preferences.current(s, MORNING_REPORT)
    if current.value == OFF:
        return None
    today = now.astimezone(zone).date()
    at = datetime.combine(today, time.fromisoformat(current.value), tzinfo=zone)
    changed_at = preferences.changed_at(s, MORNING_REPORT)
    if not at <= now < at + LATE_AT_MOST or (changed_at is not None and changed_at > at):
        return None
    was_sent = execute(s, select(Alert.cause).where(Alert.cause == _cause(today))).first() is not None
    return None if was_sent else today


def _cause(day: date) -> str:
    return f"report:{day.isoformat()}"


@dataclass(frozen=True, slots=True)
class Reader:
    """An admin who gets the report, and the bot that writes to them."""

    chat_id: int
    bot_id: int
    language: str | None


def readers(s: Session) -> list[Reader]:
    """Every admin who can be reached."""
    chats = alerts.admin_chats(s)
    languages = select(Staff.telegram_id, Staff.language).where(Staff.telegram_id.in_(sorted(chats)))
    return [Reader(row.telegram_id, chats[row.telegram_id], row.language) for row in execute(s, languages)]


def send(s: Session, *, day: date, messages: list[tuple[Reader, dict[str, Any]]], now: datetime) -> bool:
    """Queues the report of a date, once. Returns False if another process was faster.

    Args:
        messages: for each reader, the payload of their message.
    """
    stored = dialect_insert(s, Alert.__table__).values(cause=_cause(day), told_at=now).on_conflict_do_nothing()
    if execute(s, stored.returning(Alert.__table__.c.cause)).first() is None:
        return False
    rows = [OutboxEntry(outbox.ANSWER, one.bot_id, one.chat_id, payload=payload) for one, payload in messages]
    outbox.add(s, rows, now=now)
    return True
