"""Shows in an admin's chat how far an export is."""

import asyncio
import contextlib

from aiogram import Bot
from aiogram.methods import EditMessageText

from bot.texts import Translator
from bot.texts.exports import how_far
from crm_core.exports.jobs import Job

SHOW_EVERY = 3.0  # seconds between edits: a chat takes one message a second, of all kinds together


class ProgressLine:
    """Edits the export's message now and then; at most once each, since the next edit says more than a failed one."""

    def __init__(self, bot: Bot, job: Job, name: str, _: Translator) -> None:
        self._bot, self._job, self._name, self._ = bot, job, name, _
        self._due = 0.0
        self._showing: asyncio.Task[None] | None = None

    def show(self, done: int, total: int) -> None:
        """So many rows are written, of so many."""
        now = asyncio.get_running_loop().time()
        if now >= self._due and done and (self._showing is None or self._showing.done()):
            self._due = now + SHOW_EVERY
            self._showing = asyncio.create_task(self._edit(how_far(self._name, done, total, self._)))

    async def _edit(self, text: str) -> None:
        with contextlib.suppress(Exception):
            edit = EditMessageText(chat_id=self._job.chat_id, message_id=self._job.message_id, text=text)
            await self._bot(edit, request_timeout=10)

    async def end(self) -> None:
        """Waits for the edit under way: it must not overtake the final message."""
        if self._showing is not None:
            await asyncio.gather(self._showing, return_exceptions=True)
