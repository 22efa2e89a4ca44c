"""The part of `mini-crm doctor` that asks Telegram about tokens and webhooks."""

from collections.abc import AsyncIterator

from aiogram import Bot
from aiogram.exceptions import TelegramNotFound, TelegramUnauthorizedError
from aiogram.methods import GetMe, GetWebhookInfo

from bot.runtime.supervisor import remove_webhook
from bot.settings import Settings
from bot.telegram.session import Telegram

TIMEOUT = 15  # seconds for a request
Line = tuple[str, str, str]  # mark, text, advice


async def look_at_bots(settings: Settings, *, remove_webhooks: bool) -> AsyncIterator[Line]:
    """A line or two for each token."""
    session = Telegram(url=settings.telegram_api_url, proxy=settings.telegram_proxy)
    try:
        for token in settings.bot_tokens:
            bot = Bot(token, session=session)
            try:
                async for line in _look_at(bot, settings, remove_webhooks):
                    yield line
            except (TelegramUnauthorizedError, TelegramNotFound):
                yield "✗", f"Telegram refuses the token of bot {bot.id}", "Get the valid one from @BotFather: /mybots."
            except Exception as error:
                where = settings.telegram_api_url
                yield (
                    "✗",
                    f"Bot {bot.id}: {where} cannot be reached ({type(error).__name__})",
                    "Check the network, TELEGRAM_API_URL and TELEGRAM_PROXY.",
                )
    finally:
        await session.close()


async def _look_at(bot: Bot, settings: Settings, remove_webhooks: bool) -> AsyncIterator[Line]:
    me = await bot(GetMe(), request_timeout=TIMEOUT)
    yield "✓", f"@{me.username} answers (bot {me.id})", ""
    info = await bot(GetWebhookInfo(), request_timeout=TIMEOUT)
    if settings.webhook_url is None:
        if info.url and remove_webhooks:
            await remove_webhook(bot)
            yield "✓", f"@{me.username}: the webhook is removed; updates that wait at Telegram are kept", ""
        elif info.url:
            yield (
                "✗",
                f"@{me.username} has a webhook set, so it cannot be polled",
                "If nothing else needs it: `mini-crm doctor --remove-webhooks`. Otherwise set WEBHOOK_URL.",
            )
        return
    wanted = f"{settings.webhook_url}/telegram/{bot.id}"
    if info.url != wanted:
        yield "!", f"@{me.username}: its webhook is not set to {wanted} yet", "`mini-crm run` sets it."
    elif info.last_error_message:
        yield (
            "!",
            f"@{me.username}: Telegram's last delivery failed ({info.last_error_message})",
            "Check that WEBHOOK_URL leads to HTTP_HOST:HTTP_PORT from outside.",
        )
