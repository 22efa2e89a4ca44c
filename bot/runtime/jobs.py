"""Everything that a running process does periodically: one list of named jobs.

What is due is in the database; a job only looks for it. So a job may run late, twice, or in several processes at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI
from sqlalchemy.orm import Session

from bot.logs import describe_error
from bot.runtime.nightly_backup import NightlyBackup
from bot.runtime.queue_slices import QueueSlices
from bot.settings import Settings
from crm_core import statistics
from crm_core.api import idempotency
from crm_core.contacts import snoozing
from crm_core.conversation import handover, late_messages, overviews, prompts, questions, reminders, unanswered
from crm_core.delivery import bots
from crm_core.messaging import alerts, inbox, outbox
from crm_core.routing import given, giving_out, opening_hours, reach, requirements, sleep, wait_notices, waiting_list
from crm_core.service import daily, overdue
from crm_core.service import watch as service
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database
from crm_core.storage.purging import BATCH
from crm_core.team import accounts, invitations, missed_offers, rates, shifts

if TYPE_CHECKING:  # these import aiogram, which takes seconds and is of no use without bots
    from bot.reports.export_files import Exporter
    from bot.runtime.supervisor import BotSupervisor

log = structlog.get_logger("app")

TALLY_FROM = 500  # events: adding up so many takes two milliseconds, and a quiet installation writes seldom

PURGES = (
    inbox.purge,
    outbox.purge,
    questions.purge,
    reminders.purge,
    service.purge,
    idempotency.purge,
    prompts.purge,
    alerts.purge,
    invitations.purge,
    accounts.purge,
    bots.purge_gates,
)


@contextmanager
def _isolated(event: str, **about: Any) -> Iterator[None]:
    """What fails here again and again holds back nothing behind it; without the database, the round ends.

    Args:
        event: what is logged then, with `about`.
    """
    try:
        yield
    except DATABASE_UNAVAILABLE:
        raise
    except Exception as error:
        log.error(event, **about, error=describe_error(error))


class Scope(StrEnum):
    """Which processes run a job."""

    EVERY_PROCESS = "every process"
    WITH_BOTS = "processes that run bots"
    WITH_BACKUPS = "processes that make nightly backups (SQLite)"


class Process(Protocol):
    """What jobs use of the running process."""

    db: Database
    settings: Settings
    api: FastAPI
    clock: Callable[[], datetime]
    rng: Callable[[], float]
    nightly_backup: NightlyBackup | None
    queue_slices: QueueSlices


class BotProcess(Process, Protocol):
    """What jobs use of a process that runs bots."""

    supervisor: "BotSupervisor"
    exporter: "Exporter"


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """One entry of the list.

    Attributes:
        name: unique; in the log (`job_failed`).
        every: seconds between the starts of two runs. A run that takes longer delays the next one.
        scope: which processes run it.
        run: does it, for a `Process` (a `BotProcess` if the scope is WITH_BOTS).
    """

    name: str
    every: float
    scope: Scope
    run: Callable[[Any], Awaitable[object]]


async def _sweep(process: Process) -> None:
    """Assigns contacts that wait although somebody is eligible: whatever should have assigned them was lost.

    Before, operators are made reachable who joined in the very moment in which they started another bot.
    """
    if not process.queue_slices.idle.is_set():
        return  # they are just being given out
    if await process.db.read(reach.known_chats):
        await process.db.write(reach.reach_all_known_chats, now=process.clock(), rng=process.rng)
    if await process.db.read(waiting_list.length):
        found = await process.db.write(giving_out.sweep, now=process.clock(), rng=process.rng)
        if found:
            log.warning("sweeper_found_work", contacts=found)


async def _refresh_wait_notices(process: Process) -> None:
    """Brings the messages up to date by which admins know that clients wait."""
    if await process.db.read(wait_notices.any_shown):
        await process.db.write(wait_notices.refresh, now=process.clock())


async def _renew_late(process: Process) -> None:
    """Opens new contacts of what clients wrote after closing, where nobody has said in time what to do with it."""
    for contact_id, source_id in await process.db.read(late_messages.due, now=process.clock()):
        with _isolated("late_not_renewed", contact_id=contact_id):
            await process.db.write(
                late_messages.renew, contact_id=contact_id, source_id=source_id, now=process.clock(), rng=process.rng
            )


async def _tally(process: Process) -> None:
    """Keeps few events beyond the sums that statistics are read from; where those are missing, makes them."""
    while await process.db.read(statistics.backlog) >= TALLY_FROM:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not await process.db.write_unflushed(statistics.fold):
            break  # somebody's transaction is still under way
        await asyncio.sleep(loop.time() - began)  # others get as much of the writer as this


async def purge(db: Database, *, now: datetime, at_most: int = BATCH) -> None:
    """Deletes rows that are finished and older than they are kept, `at_most` in a transaction: others come between.

    Rows of one kind that cannot be deleted keep no others. Raises what says that the database is unavailable.
    """
    for delete in PURGES:
        with _isolated("not_purged", rows=f"{delete.__module__.rpartition('.')[2]}.{delete.__name__}"):
            deleted = at_most
            while deleted >= at_most:
                deleted = await db.write_unflushed(delete, now=now, at_most=at_most)


async def _purge(process: Process) -> None:
    await purge(process.db, now=process.clock())


async def _wait_flushed(process: Process) -> None:
    """Writes to the disk what was committed without waiting for it."""
    await process.db.wait_flushed()


async def _note_keys(process: Process) -> None:
    """Stores when each API key was last used."""
    await process.api.state.keyring.note_use()


async def _back_up(process: Process) -> None:
    """Makes the nightly backup if it is missing."""
    if process.nightly_backup is not None:
        await process.nightly_backup.back_up()


async def _look_again(process: BotProcess) -> None:
    """Finds rows to send and updates that another process stored, and those whose time has come."""
    await process.supervisor.look_again()


async def _check_ownership(process: BotProcess) -> None:
    """Restarts the bots of a process that has lost the locks by which it works for them."""
    await process.supervisor.check_ownership()


async def _end_questions(process: BotProcess) -> None:
    """Tells operators what was not sent, since they did not choose whom it is for."""
    if await process.db.read(questions.has_unanswered, now=process.clock()):
        await process.db.write(questions.end_unanswered, now=process.clock())


async def _remind(process: BotProcess) -> None:
    """Reminds operators of clients who have waited for an answer as long as REMIND_AFTER says."""
    after = process.settings.remind_after
    for contact_id in await process.db.read(reminders.due, after=after, now=process.clock()):
        with _isolated("not_reminded", contact_id=contact_id):
            await process.db.write(reminders.remind, contact_id=contact_id, after=after, now=process.clock())


async def _tell_of_unanswered(process: BotProcess) -> None:
    """Tells admins of clients whom an operator leaves without an answer as long as REMIND_ADMINS_AFTER says."""
    minutes = process.settings.remind_admins_after
    if await process.db.read(unanswered.untold, minutes=minutes, now=process.clock()):
        await process.db.write(unanswered.tell, minutes=minutes, now=process.clock())


async def _watch_service(process: BotProcess) -> None:
    """Tells operators and admins of targets of the service level that run out."""
    for contact_id in await process.db.read(service.due, now=process.clock()):
        with _isolated("service_not_watched", contact_id=contact_id):
            await process.db.write(service.look, contact_id=contact_id, now=process.clock())
    if await process.db.read(overdue.is_untold):
        await process.db.write(overdue.tell_admins, now=process.clock())


async def _send_report(process: BotProcess) -> None:
    """Sends the daily report at the time that admins have chosen."""
    zone = ZoneInfo(process.settings.timezone)
    day = await process.db.read(daily.due, now=process.clock(), zone=zone)
    if day is None:
        return
    from bot.reports.morning_report import send_report  # here, since it imports aiogram, which takes seconds

    await send_report(
        process.db, day=day, zone=zone, default_language=process.settings.default_language, clock=process.clock
    )


async def _refresh_overviews(process: BotProcess) -> None:
    """Brings the pinned overviews in operators' chats up to date."""
    zone = ZoneInfo(process.settings.timezone)
    for chat_id, bot_id in await process.db.read(overviews.outdated, now=process.clock(), zone=zone):
        with _isolated("overview_not_refreshed", bot_id=bot_id, chat_id=chat_id):
            await process.db.write_unflushed(
                overviews.refresh, bot_id=bot_id, chat_id=chat_id, now=process.clock(), zone=zone
            )


async def _turn_shifts(process: Process) -> None:
    """Begins and ends the shifts of operators, and opens and closes sources, by their working hours."""
    await _turn(process, *await process.db.read(_due_turns, now=process.clock()))


async def _correct_shifts(process: Process) -> None:
    """Does the same for rows that are wrong: after the clock was set back, or the rules of a time zone changed."""
    await _turn(process, *await process.db.read(_wrong_turns, now=process.clock()))


def _due_turns(s: Session, *, now: datetime) -> tuple[list[int], list[int]]:
    return shifts.due(s, now=now), opening_hours.due(s, now=now)


def _wrong_turns(s: Session, *, now: datetime) -> tuple[list[int], list[int]]:
    return shifts.wrong(s, now=now), opening_hours.wrong(s, now=now)


async def _turn(process: Process, operator_ids: list[int], source_ids: list[int]) -> None:
    if operator_ids or source_ids:
        due: Any = {"operator_ids": operator_ids, "source_ids": source_ids}
        await process.db.write(shifts.turn, **due, now=process.clock(), rng=process.rng)


async def _end_offers(process: Process) -> None:
    """Passes on what was offered to operators who did not answer in time."""
    for contact_id in await process.db.read(missed_offers.due, now=process.clock()):
        with _isolated("offer_not_ended", contact_id=contact_id):
            await process.db.write(missed_offers.end, contact_id=contact_id, now=process.clock(), rng=process.rng)


async def _wake(process: Process) -> None:
    """Wakes contacts that have slept until now, all of one moment together."""
    while due := await process.db.read(sleep.due, now=process.clock()):
        try:
            woken = await process.db.write(snoozing.wake_due, contact_ids=due, now=process.clock(), rng=process.rng)
        except DATABASE_UNAVAILABLE:
            raise
        except Exception:  # one that fails again and again must not hold back the others
            await _wake_each(process, due)
            return
        if len(due) < sleep.AT_ONCE or not woken:
            return


async def _wake_each(process: Process, due: list[int]) -> None:
    for contact_id in due:
        with _isolated("not_woken", contact_id=contact_id):
            await process.db.write(snoozing.wake_due, contact_ids=[contact_id], now=process.clock(), rng=process.rng)


async def _hand_over(process: Process) -> None:
    """Gives what absent operators leave unanswered to others, or tells the clients."""
    due = await process.db.read(handover.due, now=process.clock())
    for start in range(0, len(due), giving_out.AT_ONCE):
        await _hand_over_these(process, due[start : start + giving_out.AT_ONCE])


async def _hand_over_these(process: Process, found: Sequence[tuple[int, int]]) -> None:
    try:
        await process.db.write(handover.look, found=found, now=process.clock(), rng=process.rng)
    except DATABASE_UNAVAILABLE:
        raise
    except Exception as error:  # as above
        if len(found) == 1:
            log.error("not_handed_over", contact_id=found[0][0], error=describe_error(error))
            return
        for one in found:
            await _hand_over_these(process, [one])


async def _turn_rates(process: Process) -> None:
    """Gives operators with a rate what waits for them, an hour after the contacts that they were given."""
    operator_ids = await process.db.read(given.due, now=process.clock())
    if operator_ids:
        await process.db.write(rates.turn, operator_ids=operator_ids, now=process.clock(), rng=process.rng)


async def _drop_skills(process: Process) -> None:
    """Drops what waiting contacts required for long enough."""
    if found := await process.db.read(requirements.due, now=process.clock()):
        contact_ids, source_ids = zip(*found, strict=True)
        await process.db.write(
            requirements.drop, contact_ids=contact_ids, source_ids=source_ids, now=process.clock(), rng=process.rng
        )


async def _look_for_exports(process: BotProcess) -> None:
    """Finds exports that were ordered through another process, or left unfinished by an ended session."""
    await process.exporter.wake()


JOBS: tuple[PeriodicJob, ...] = (
    PeriodicJob("look_again", 2, Scope.WITH_BOTS, _look_again),
    PeriodicJob("check_ownership", 5, Scope.WITH_BOTS, _check_ownership),
    PeriodicJob("look_for_exports", 2, Scope.WITH_BOTS, _look_for_exports),
    PeriodicJob("end_questions", 5, Scope.WITH_BOTS, _end_questions),
    PeriodicJob("remind", 15, Scope.WITH_BOTS, _remind),
    PeriodicJob("tell_of_unanswered", 15, Scope.WITH_BOTS, _tell_of_unanswered),
    PeriodicJob("watch_service", 10, Scope.WITH_BOTS, _watch_service),
    PeriodicJob("send_report", 15, Scope.WITH_BOTS, _send_report),
    PeriodicJob("refresh_overviews", 5, Scope.WITH_BOTS, _refresh_overviews),
    PeriodicJob("turn_shifts", 1, Scope.EVERY_PROCESS, _turn_shifts),
    PeriodicJob("end_offers", 1, Scope.EVERY_PROCESS, _end_offers),
    PeriodicJob("wake", 1, Scope.EVERY_PROCESS, _wake),
    PeriodicJob("hand_over", 1, Scope.EVERY_PROCESS, _hand_over),
    PeriodicJob("correct_shifts", 60, Scope.EVERY_PROCESS, _correct_shifts),
    PeriodicJob("turn_rates", 1, Scope.EVERY_PROCESS, _turn_rates),
    PeriodicJob("drop_skills", 1, Scope.EVERY_PROCESS, _drop_skills),
    PeriodicJob("sweep", 30, Scope.EVERY_PROCESS, _sweep),
    PeriodicJob("refresh_wait_notices", 15, Scope.EVERY_PROCESS, _refresh_wait_notices),
    PeriodicJob("renew_late", 5, Scope.EVERY_PROCESS, _renew_late),
    PeriodicJob("wait_flushed", 2, Scope.EVERY_PROCESS, _wait_flushed),
    PeriodicJob("purge", 3600, Scope.EVERY_PROCESS, _purge),
    PeriodicJob("tally", 1, Scope.EVERY_PROCESS, _tally),
    PeriodicJob("note_keys", 60, Scope.EVERY_PROCESS, _note_keys),
    PeriodicJob("back_up", 60, Scope.WITH_BACKUPS, _back_up),
)


def with_intervals(jobs: Sequence[PeriodicJob], **seconds: float) -> tuple[PeriodicJob, ...]:
    """The same jobs at other intervals, by their names: `with_intervals(JOBS, look_again=0.5)`.

    Raises ValueError for a name that no job has.
    """
    unknown = seconds.keys() - {job.name for job in jobs}
    if unknown:
        raise ValueError(f"no such jobs: {', '.join(sorted(unknown))}")
    return tuple(replace(job, every=seconds.get(job.name, job.every)) for job in jobs)
