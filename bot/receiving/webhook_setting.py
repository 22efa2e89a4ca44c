"""The webhook of one bot, as Telegram has it set: ours where we receive by one, none where we poll.

Whatever Telegram answers here ends nothing else: what is stored is handled and sent all the same.
"""

import asyncio
import contextlib

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.methods import GetWebhookInfo, SetWebhook

from bot.logs import describe_error
from bot.receiving.last_received import LastReceived
from bot.receiving.shown_state import ShownState
from bot.telegram.methods import ALLOWED_UPDATES
from bot.telegram.pauses import Pauses
from bot.telegram.verdict import FloodWait, TokenRefused, Undeliverable, judge
from crm_core.delivery import bots

log = structlog.get_logger("receiving")

WATCH_EVERY = 60.0  # seconds between looks at a bot that Telegram delivers to: nothing else would show a refused token
ASK_TIMEOUT = 15  # seconds for a request to Telegram
LONGEST_REASON = 200  # characters of what Telegram says


class WebhookSetting:
    """Sets the webhook of one bot, and watches that it stays ours, until it is cancelled."""

    def __init__(
        self,
        *,
        bot: Bot,
        address: str,
        secret: str,
        state: ShownState,
        last_received: LastReceived,
        doubted: asyncio.Event,
    ) -> None:
        """
        Args:
            address: where Telegram is to deliver.
            doubted: set when the sender was refused the token; it is cleared here.
        """
        self.bot, self.address, self._secret = bot, address, secret
        self._state, self._last_received, self._doubted = state, last_received, doubted
        self._pauses = Pauses()
        self._is_set = False

    async def run(self) -> None:
        """Goes on whatever Telegram answers; a refusal, or another webhook in place of ours, is shown to admins."""
        while True:
            try:
                if not self._is_set:
                    await self._set()
                await self._look()
            except Exception as error:
                await asyncio.sleep(await self._pause_after(error))
            else:
                self._pauses.reset()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._doubted.wait(), WATCH_EVERY)
                self._doubted.clear()

    async def _set(self) -> None:
        method = SetWebhook(url=self.address, secret_token=self._secret, allowed_updates=ALLOWED_UPDATES)
        await self.bot(method, request_timeout=ASK_TIMEOUT)
        self._is_set = True

    async def _look(self) -> None:
        info = await self.bot(GetWebhookInfo(), request_timeout=ASK_TIMEOUT)
        is_ours = info.url == self.address
        if is_ours and not info.pending_update_count:
            await self._last_received.touch()
        await self._state.show(bots.RUNNING if is_ours else bots.CONFLICT)

    async def _pause_after(self, error: Exception) -> float:
        """Shows what a failure means. Returns after how many seconds to try again."""
        match judge(error):
            case FloodWait(after):  # for this method alone
                log.warning("webhook_told_to_wait", bot_id=self.bot.id, seconds=after)
                return after
            case TokenRefused():
                await self._state.show(bots.REFUSED)
            case Undeliverable() if isinstance(error, TelegramAPIError) and not self._is_set:
                log.error("webhook_refused", bot_id=self.bot.id, reason=error.message[:LONGEST_REASON])
                await self._state.show(bots.NO_WEBHOOK)
            case _:
                log.warning("bot_not_seen", bot_id=self.bot.id, error=describe_error(error))
        return self._pauses.next()


async def warn_of_webhook(bot: Bot) -> None:
    """Says in the log that a webhook is set although the bot is polled, and ends; the poller finds that it cannot poll.

    Another program may rely on the webhook, so it is removed only on request.
    """
    pauses = Pauses()
    while True:
        try:
            info = await bot(GetWebhookInfo(), request_timeout=ASK_TIMEOUT)
        except Exception as error:
            verdict = judge(error)
            await asyncio.sleep(verdict.after if isinstance(verdict, FloodWait) else pauses.next())
        else:
            if info.url:
                log.error("webhook_left_set", bot_id=bot.id, hint="mini-crm doctor --remove-webhooks")
            return
