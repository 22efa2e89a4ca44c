"""Makes the exports that admins asked for, shows their progress, and has their files sent.

Exports that wait are rows (`crm_core.exports.jobs`); one is made at a time, in a subprocess, and sent while the next
one is made. The files do not go through the outbox: a large one takes minutes, and nothing else in that chat should
wait for it. They respect the same gates, and are resent after an ambiguous outcome: a file that arrives twice does no
harm. Whatever fails, the row is put back or ended: an export that is neither would be its admin's last one. So whatever
this session has claimed and does not work on is claimed again: an error may hide that a claim was committed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot
from aiogram.types import InlineKeyboardButton

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.logs import describe_error
from bot.reports.export_folder import export_folder, remove_leftovers
from bot.reports.export_sending import ExportSender, NotDelivered
from bot.reports.progress_line import ProgressLine
from bot.screens.admin_buttons import ShowExport
from bot.screens.message import rows, text_message
from bot.texts import Translator, translator
from bot.texts.exports import number, order_name, table_words
from crm_core.exports import jobs
from crm_core.exports.in_subprocess import make_in_subprocess
from crm_core.exports.jobs import Asked, Job
from crm_core.exports.making import Made, Order
from crm_core.storage.database import Database

log = structlog.get_logger("exports")

LARGEST = 45_000_000  # bytes of a file; Telegram takes 50 MB from a bot
BEGUN_AT_MOST = 3  # times; what failed or ended the process so often would do so again

Sessions = Callable[[], Iterable[tuple[Bot, int]]]


class Exporter:
    """Works for all bots of this process until it is stopped."""

    def __init__(
        self,
        *,
        db: Database,
        sessions: Sessions,
        clock: Callable[[], datetime],
        zone: str,
        delays: RetryDelays = DEFAULT_RETRY_DELAYS,
        largest: int = LARGEST,
    ) -> None:
        """
        Args:
            sessions: gives the bots that this process works for now, each with the fencing token of its session.
            zone: the name of the time zone in which moments are written.
            delays: how long is waited before a file is resent.
            largest: how many bytes a file may have.
        """
        self._db, self._sessions, self._clock, self._zone = db, sessions, clock, zone
        self._delays, self.largest = delays, largest
        self._sender = ExportSender(db=db, zone=zone, delays=delays)
        self._wake = asyncio.Event()
        self._made: Job | None = None  # what is being made
        self._tasks: dict[asyncio.Task[None], Job] = {}  # what is being sent, or waits
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begins to work, and removes what a killed process has left on the disk.

        Returns the task, which lasts until `stop`.
        """
        remove_leftovers(self._db.url)
        self._db.listeners.append(self._on_commit)
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="exporter")
        return self._task

    async def stop(self) -> None:
        """Abandons the exports under way; they are begun again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def wake(self) -> None:
        """Looks for exports that an ended session of a bot has left, or that were asked for through another process."""
        self._wake.set()

    def _on_commit(self, announcements: list[Any]) -> None:
        if any(isinstance(one, Asked) for one in announcements):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                for bot, fencing_token in list(self._sessions()):
                    await self._begin_for(bot, fencing_token)
            except Exception as error:  # whatever it was, a periodic job wakes it again
                log.error("export_not_begun", error=describe_error(error))

    async def _begin_for(self, bot: Bot, fencing_token: int) -> None:
        try:
            await self._work_for(bot, fencing_token)
        except Exception as error:  # the database is unavailable; the export is found again
            log.error("export_not_begun", bot_id=bot.id, error=describe_error(error))

    async def _work_for(self, bot: Bot, fencing_token: int) -> None:
        while True:
            mine: Any = {"bot_id": bot.id, "fencing_token": fencing_token, "at_work": self._at_work(fencing_token)}
            if not await self._db.read(jobs.waits, **mine):
                return
            # Not flushed: after a power cut it is claimed again anyway, and a disk that fails uses up no attempts.
            self._made = await self._db.write_unflushed(jobs.claim, **mine)
            if self._made is not None:
                try:
                    await self._export(bot, self._made)
                finally:
                    self._made = None

    def _at_work(self, fencing_token: int) -> list[int]:
        """The exports that a session works on; what it has claimed besides, it does not know of."""
        known = (*self._tasks.values(), *([self._made] if self._made else []))
        return [job.id for job in known if job.fencing_token == fencing_token]

    async def _export(self, bot: Bot, job: Job) -> None:
        """Makes the files, here and now; everything that may have to wait is a task of its own."""
        if job.attempt > BEGUN_AT_MOST:
            self._spawn(job, self._finish(job, "failed", "interrupted", _failed(job)))
            return
        files = ExitStack()
        try:
            made = await self._make(bot, job, files.enter_context(export_folder(self._db.url)))
        except BaseException as error:
            files.close()
            if not isinstance(error, Exception):
                raise
            self._spawn(job, self._again(job, error))
        else:
            self._spawn(job, self._deliver(bot, job, made, files))

    async def _make(self, bot: Bot, job: Job, folder: Path) -> Made:
        _ = translator(job.language)
        order = Order(
            what=job.what,
            form=job.form,
            span=job.span,
            words=table_words(job.what, _),
            zone=self._zone,
            path=folder / _file_name(job, self._zone),
            largest=self.largest,
        )
        line = ProgressLine(bot, job, _name(job), _)
        try:
            return await make_in_subprocess(self._db.url, order, on_progress=line.show)
        finally:
            await line.end()

    async def _deliver(self, bot: Bot, job: Job, made: Made, files: ExitStack) -> None:
        _ = translator(job.language)
        try:
            with files:
                if made.rows:
                    await self._sender.send(bot, job, made, _)
        except NotDelivered as error:
            log.error("export_failed", export_id=job.id, error=describe_error(error))
            await self._finish(job, "failed", f"NotDelivered: {error}", _failed(job))
        except Exception as error:
            await self._again(job, error)
        else:
            await self._finish(job, "done", f"{made.rows} rows", "✅ " + _sent(made.rows, _))

    async def _again(self, job: Job, error: Exception) -> None:
        """Puts an export back after a failure, or gives it up when it has failed often enough."""
        log.error("export_failed", export_id=job.id, attempt=job.attempt, error=describe_error(error))
        if job.attempt >= BEGUN_AT_MOST:
            await self._finish(job, "failed", f"{type(error).__name__}: {error}", _failed(job))
            return
        await asyncio.sleep(self._pause(job.attempt))
        await self._record(jobs.put_back, job=job)

    async def _finish(self, job: Job, state: str, outcome: str, text: str) -> None:
        _ = translator(job.language)
        screen = text_message(f"{_name(job)}\n{text}", keyboard=_more(job, _))
        await self._record(
            jobs.finish, job=job, state=state, outcome=outcome, payload=screen.payload, now=self._clock()
        )

    async def _record(self, action: Callable[..., Any], **inputs: Any) -> None:
        """Writes until it succeeds: an export whose end is nowhere recorded would keep its admin from the next one."""
        for attempt in count():
            try:
                await self._db.write(action, **inputs)
                return
            except Exception as error:
                log.error("export_not_recorded", export_id=inputs["job"].id, error=describe_error(error))
            await asyncio.sleep(self._pause(attempt))

    def _pause(self, attempt: int) -> float:
        return min(self._delays.retry_last, self._delays.retry_first * float(2 ** min(attempt, 10)))

    def _spawn(self, job: Job, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="export")
        self._tasks[task] = job
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        """From now on an export that the task has neither put back nor ended is found again."""
        job = self._tasks.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("export_failed", export_id=job.id, attempt=job.attempt, error=describe_error(error))


def _name(job: Job) -> str:
    return order_name(job.what, job.form, job.period, translator(job.language))


def _failed(job: Job) -> str:
    _ = translator(job.language)
    return "❌ " + _("The export failed. Please try again.")


def _sent(rows: int, _: Translator) -> str:
    if not rows:
        return _("There is nothing in this period.")
    return _.plural("{n} row, sent below.", "{n} rows, sent below.", rows).format(n=number(rows, _))


def _more(job: Job, _: Translator) -> Any:
    again = ShowExport(what=job.what, period=job.period)
    return rows([InlineKeyboardButton(text=_("📤 Export more"), callback_data=again.pack())])


def _file_name(job: Job, zone: str) -> str:
    days = [one.astimezone(ZoneInfo(zone)).date() for one in (job.span.since, job.span.until) if one is not None]
    return f"{job.what}_{'_'.join(map(str, days))}.{job.form}"
