"""Sends the files of an export to the admin who asked for it.

Each export waits for itself alone: a flood wait of one chat, or an upload of minutes, delays nobody else's.
"""

import asyncio
from typing import Any

from aiogram import Bot
from aiogram.methods import SendDocument, TelegramMethod
from aiogram.types import FSInputFile

from bot.delivery.backoff import RetryDelays
from bot.telegram.verdict import FloodWait, NotSent, OutcomeUnknown, Verdict, judge
from bot.texts import Translator
from bot.texts.exports import what_name
from bot.texts.phrases import period_name
from crm_core.exports import jobs
from crm_core.exports.jobs import Job
from crm_core.exports.making import Made
from crm_core.storage.database import Database

UPLOAD_TIMEOUT = 900  # seconds for one file
SENT_AT_MOST = 6  # attempts for one file


class NotDelivered(Exception):
    """Telegram did not accept a file, or nobody wants it any more; the text says why, for the log."""


class ExportSender:
    """Sends what has been made, and retries while that may help."""

    def __init__(self, *, db: Database, zone: str, delays: RetryDelays) -> None:
        """
        Args:
            zone: the name of the time zone in which moments are written.
            delays: how long is waited before a file is resent.
        """
        self._db, self._zone, self._delays = db, zone, delays

    async def send(self, bot: Bot, job: Job, made: Made, _: Translator) -> None:
        """Sends all files, in order. Raises NotDelivered, and the errors of an unavailable database."""
        for place, path in enumerate(made.files, start=1):
            lines = [f"{what_name(job.what, _)} · {period_name(job.period, _)}"]
            if len(made.files) > 1:
                lines.append(
                    _("Part {n} of {of}: one file would be too large for Telegram.").format(n=place, of=len(made.files))
                )
            if path.suffix == ".zip":
                lines.append(_("The table is in the archive."))
            lines.append(_("Time zone: {zone}.").format(zone=self._zone))
            method = SendDocument(chat_id=job.chat_id, document=FSInputFile(path), caption="\n".join(lines))
            await self._insist(bot, job, method)

    async def _insist(self, bot: Bot, job: Job, method: TelegramMethod[Any]) -> None:
        verdict: Verdict | None = None
        for attempt in range(SENT_AT_MOST):
            # Asked before each attempt: while it waited, the export may have passed to another session.
            if not await self._db.read(jobs.is_wanted, job=job):
                raise NotDelivered("not wanted any more, or no admin's any more")
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
