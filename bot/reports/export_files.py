"""Makes the exports that admins asked for, shows their progress, and sends their files.

Exports that wait are rows (`crm_core.exports.jobs`); one is made at a time, in a subprocess. The files do not go
through the outbox: a large one takes minutes, and nothing else in that chat should wait for it. They respect the same
gates, and are resent after an ambiguous outcome: a file that arrives twice does no harm.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot
from aiogram.methods import SendDocument, TelegramMethod
from aiogram.types import FSInputFile, InlineKeyboardButton

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.logs import describe_error
from bot.reports.export_folder import export_folder, remove_leftovers
from bot.reports.progress_line import ProgressLine
from bot.screens.buttons import ShowExport
from bot.screens.message import rows, text_message
from bot.telegram.verdict import FloodWait, NotSent, OutcomeUnknown, Verdict, judge
from bot.texts import Translator, translator
from bot.texts.exports import number, order_name, table_words, what_name
from bot.texts.phrases import period_name
from crm_core.exports import jobs
from crm_core.exports.in_subprocess import make_in_subprocess
from crm_core.exports.jobs import Asked, Job
from crm_core.exports.making import Made, Order
from crm_core.storage.database import Database
from crm_core.subprocesses import NoResult

log = structlog.get_logger("exports")

LARGEST = 45_000_000  # bytes of a file; Telegram takes 50 MB from a bot
UPLOAD_TIMEOUT = 900  # seconds for one file
BEGUN_AT_MOST = 3  # times; what ended the process in the middle so often would do so again
SENT_AT_MOST = 6  # attempts for one file

Sessions = Callable[[], Iterable[tuple[Bot, int]]]


class NotDelivered(Exception):
    """Telegram did not accept a file; the text says why, for the log."""


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
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to work, and removes what a killed process has left on the disk."""
        remove_leftovers(self._db.url, before=self._clock() - timedelta(days=1))
        self._db.listeners.append(self._on_commit)
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="exporter")

    async def stop(self) -> None:
        """Abandons the export under way; it is begun again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

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
            for bot, fencing_token in list(self._sessions()):
                try:
                    await self._work_for(bot, fencing_token)
                except Exception as error:  # the database is unavailable; the export is found again
                    log.error("export_not_begun", bot_id=bot.id, error=describe_error(error))

    async def _work_for(self, bot: Bot, fencing_token: int) -> None:
        while await self._db.read(jobs.waits, bot_id=bot.id, fencing_token=fencing_token):
            job = await self._db.write(jobs.claim, bot_id=bot.id, fencing_token=fencing_token)
            if job is not None:
                await self._export(bot, job)

    async def _export(self, bot: Bot, job: Job) -> None:
        _ = translator(job.language)
        name = order_name(job.what, job.form, job.period, _)
        state, outcome, text = "failed", "interrupted", "❌ " + _("The export failed. Please try again.")
        try:
            if job.attempt <= BEGUN_AT_MOST:
                count = await self._make_and_send(bot, job, name, _)
                state, outcome = "done", f"{count} rows"
                text = "✅ " + _sent(count, _)
        except (NoResult, NotDelivered, OSError) as error:
            outcome = f"{type(error).__name__}: {error}"
            log.error("export_failed", export_id=job.id, error=describe_error(error))
        screen = text_message(f"{name}\n{text}", keyboard=_more(job, _))
        await self._db.write(
            jobs.finish, job=job, state=state, outcome=outcome, payload=screen.payload, now=self._clock()
        )

    async def _make_and_send(self, bot: Bot, job: Job, name: str, _: Translator) -> int:
        with export_folder(self._db.url) as folder:
            order = Order(
                what=job.what,
                form=job.form,
                span=job.span,
                words=table_words(job.what, _),
                zone=self._zone,
                path=Path(folder) / _file_name(job, self._zone),
                largest=self.largest,
            )
            line = ProgressLine(bot, job, name, _)
            try:
                made = await make_in_subprocess(self._db.url, order, on_progress=line.show)
            finally:
                await line.end()
            if made.rows:
                if not await self._db.read(jobs.is_wanted, job=job):
                    raise NotDelivered("not wanted any more, or no admin's any more")
                await self._send_all(bot, job, made, _)
        return made.rows

    async def _send_all(self, bot: Bot, job: Job, made: Made, _: Translator) -> None:
        for place, path in enumerate(made.files, start=1):
            lines = [f"{what_name(job.what, _)} · {period_name(job.period, _)}"]
            if len(made.files) > 1:
                lines.append(
                    _("Part {n} of {of}: one file would be too large for Telegram.").format(n=place, of=len(made.files))
                )
            if path.suffix == ".zip":
                lines.append(_("The table is in the archive."))
            lines.append(_("Time zone: {zone}.").format(zone=self._zone))
            file = FSInputFile(path)
            await self._insist(bot, SendDocument(chat_id=job.chat_id, document=file, caption="\n".join(lines)))

    async def _insist(self, bot: Bot, method: TelegramMethod[Any]) -> None:
        """Sends, and retries while that may help. Raises NotDelivered."""
        verdict: Verdict | None = None
        for attempt in range(SENT_AT_MOST):
            try:
                await bot(method, request_timeout=UPLOAD_TIMEOUT)
                return
            except Exception as error:
                verdict = judge(error)
            match verdict:
                case FloodWait(after):
                    await asyncio.sleep(after)
                case NotSent() | OutcomeUnknown():
                    await asyncio.sleep(min(self._delays.retry_last, self._delays.retry_first * 2**attempt))
                case _:
                    break
        raise NotDelivered(getattr(verdict, "reason", "flood_wait"))


def _sent(count: int, _: Translator) -> str:
    if not count:
        return _("There is nothing in this period.")
    return _.plural("{n} row, sent below.", "{n} rows, sent below.", count).format(n=number(count, _))


def _more(job: Job, _: Translator) -> Any:
    again = ShowExport(what=job.what, period=job.period)
    return rows([InlineKeyboardButton(text=_("📤 Export more"), callback_data=again.pack())])


def _file_name(job: Job, zone: str) -> str:
    days = [one.astimezone(ZoneInfo(zone)).date() for one in (job.span.since, job.span.until) if one is not None]
    return f"{job.what}_{'_'.join(map(str, days))}.{job.form}"
