"""Exports requested in Telegram: a row each, so that none is lost by a restart or made twice."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import ExportUnderWay
from crm_core.events import NewEvent
from crm_core.exports.kinds import Form, What
from crm_core.exports.rows import Span
from crm_core.messaging import outbox
from crm_core.statistics import Period
from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.tables import Export, Staff

_export = Export.__table__
ABANDONED_AFTER = timedelta(days=1)
"""An older export does not keep its admin from another one: its bot may not be served any more."""

_UNDER_WAY = text("exports.state IN ('waiting', 'running')")


@dataclass(frozen=True, slots=True)
class Asked:
    """An export was requested: wakes the worker that makes them."""

    export_id: int


@dataclass(frozen=True, slots=True)
class Job:
    """An export that is to be made now.

    Attributes:
        chat_id: the private chat of the admin who requested it.
        message_id: the message that shows the progress.
        attempt: which attempt this is, from 1; earlier ones failed, or their process ended in the middle.
    """

    id: int
    what: What
    form: Form
    period: Period
    span: Span
    language: str
    bot_id: int
    chat_id: int
    message_id: int
    fencing_token: int
    attempt: int


def note(s: Session, *, what: What, form: Form, span: Span, actor: Actor, now: datetime) -> None:
    """Records who exports what, since personal data leaves the system. The caller has checked that they may."""
    moments = {"since": span.since, "until": span.until}
    data = {"what": what.value, "form": form.value, **{name: one and one.isoformat() for name, one in moments.items()}}
    events.record(s, [NewEvent(events.EXPORTED, now, actor.label, data=data)])


def is_under_way(s: Session, *, asked_by: int | None, now: datetime) -> bool:
    """Whether an export of this account is waiting, being made or sent, and must end before there is another."""
    recent = _export.c.asked_at > now - ABANDONED_AFTER
    mine = select(_export.c.id).where(_export.c.asked_by == asked_by, _UNDER_WAY, recent)
    return execute(s, mine).first() is not None


def ask(
    s: Session,
    *,
    what: What,
    form: Form,
    period: Period,
    since: datetime | None,
    language: str,
    bot_id: int,
    message_id: int,
    actor: Actor,
    now: datetime,
) -> int:
    """Requests an export of everything since a moment. Returns its id.

    Raises NotAllowed, ExportUnderWay.
    """
    access_admin(s, actor)
    note(s, what=what, form=form, span=Span(since, now), actor=actor, now=now)
    if is_under_way(s, asked_by=actor.telegram_id, now=now):
        raise ExportUnderWay
    # Not one that another request has just begun: beside it, this one is refused by the index of unfinished exports.
    is_left = _export.c.asked_at <= now - ABANDONED_AFTER
    left = update(_export).where(_export.c.asked_by == actor.telegram_id, _UNDER_WAY, is_left)
    execute(s, left.values(state="failed", outcome="abandoned", finished_at=now))
    values = {
        "what": what.value,
        "form": form.value,
        "period": period.value,
        "since": since,
        "until": now + timedelta(milliseconds=1),
        "language": language,
        "asked_by": actor.telegram_id,
        "bot_id": bot_id,
        "message_id": message_id,
        "state": "waiting",
        "attempts": 0,
        "asked_at": now,
    }
    export_id: int = execute(s, insert(_export).returning(_export.c.id), values).scalar_one()
    on_commit(s, Asked(export_id))
    return export_id


def _waiting(s: Session, bot_id: int, fencing_token: int, at_work: Collection[int]) -> Any:
    is_mine = and_(_export.c.fence == fencing_token, _export.c.id.not_in(at_work))
    is_free = or_(_export.c.fence.is_(None), _export.c.fence < fencing_token, is_mine)
    found = select(_export).where(_export.c.bot_id == bot_id, _UNDER_WAY, is_free)
    return execute(s, found.order_by(_export.c.id).limit(1)).one_or_none()


def waits(s: Session, *, bot_id: int, fencing_token: int, at_work: Collection[int] = ()) -> bool:
    """Whether `claim` would find an export."""
    return _waiting(s, bot_id, fencing_token, at_work) is not None


def claim(s: Session, *, bot_id: int, fencing_token: int, at_work: Collection[int] = ()) -> Job | None:
    """Claims the oldest export of a bot that is waiting, or that was claimed and that nobody works on any more.

    An earlier session did not finish that, or this one does not know that it has claimed it: its transaction was
    committed and reported an error. Each claim counts as an attempt.

    Args:
        at_work: the exports that this session works on.

    Returns None if there is none, or another session was quicker.
    """
    row = _waiting(s, bot_id, fencing_token, at_work)
    if row is None:
        return None
    # Still under way: the session that made it may record its end in this moment.
    seen = (_export.c.id == row.id, _export.c.attempts == row.attempts, _UNDER_WAY)
    values = {"state": "running", "fence": fencing_token, "attempts": row.attempts + 1}
    if execute_count(s, update(_export).where(*seen).values(**values)) != 1:
        return None  # somebody was quicker
    return _job(row, fencing_token)


def _job(row: Any, fencing_token: int) -> Job:
    return Job(
        id=row.id,
        what=What(row.what),
        form=Form(row.form),
        period=Period(row.period),
        span=Span(row.since, row.until),
        language=row.language,
        bot_id=row.bot_id,
        chat_id=row.asked_by,
        message_id=row.message_id,
        fencing_token=fencing_token,
        attempt=row.attempts + 1,
    )


def is_wanted(s: Session, *, job: Job) -> bool:
    """Whether an export still belongs to this attempt, and its requester is still an admin."""
    requester = select(Staff.is_admin).join(_export, Staff.telegram_id == _export.c.asked_by)
    return bool(execute(s, requester.where(*_held(job))).scalar_one_or_none())


def put_back(s: Session, *, job: Job) -> None:
    """Lets an export be claimed again after a failure; does nothing if another attempt has taken it over."""
    execute(s, update(_export).where(*_held(job)).values(state="waiting", fence=None))
    on_commit(s, Asked(job.id))


def finish(s: Session, *, job: Job, state: str, outcome: str, payload: dict[str, Any], now: datetime) -> None:
    """Ends an export and shows that in its message; does nothing if another attempt has taken it over.

    Args:
        state: `done` or `failed`; `outcome` is the reason, for the log.
        payload: what the message shows from now on, as for `outbox.SCREEN`.
    """
    values = {"state": state, "outcome": outcome[:200], "finished_at": now}
    if execute_count(s, update(_export).where(*_held(job)).values(**values)) == 1:
        screen = {**payload, "message_id": job.message_id}
        outbox.add(s, [outbox.OutboxEntry(outbox.SCREEN, job.bot_id, job.chat_id, payload=screen)], now=now)


def _held(job: Job) -> tuple[Any, ...]:
    """What is so while an export is this attempt's: the next one may be of the same session."""
    is_mine = (_export.c.fence == job.fencing_token, _export.c.attempts == job.attempt)
    return _export.c.id == job.id, _export.c.state == "running", *is_mine
