"""Every request to Telegram passes here, whoever makes it: paced before, and a flood wait noted after."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType

from bot.delivery.pace import Pace
from bot.receiving.updates import GetRawUpdates

# Set by the sender, which asked the pace before it claimed the row: its request must not be counted twice.
already_paced: ContextVar[bool] = ContextVar("already_paced", default=False)

OnFlood = Callable[[int, int | None, float], None]


class Gatekeeper(BaseRequestMiddleware):
    """Holds requests while a gate is shut, and shuts gates. Long polling has its own rhythm and is left alone."""

    def __init__(self, on_flood: OnFlood) -> None:
        self.paces: dict[int, Pace] = {}
        self._on_flood = on_flood

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        pace = self.paces.get(bot.id)
        if pace is None or isinstance(method, GetRawUpdates):
            return await make_request(bot, method)
        chat_id = _chat_of(method)
        if not already_paced.get():
            await self._admit(pace, chat_id)
        try:
            return await make_request(bot, method)
        except TelegramRetryAfter as error:
            self._on_flood(bot.id, chat_id, float(error.retry_after))
            raise

    async def _admit(self, pace: Pace, chat_id: int | None) -> None:
        while (wait := max(pace.wait_bot(), pace.wait_chat(chat_id) if chat_id is not None else 0.0)) > 0:
            await asyncio.sleep(wait)
        pace.book(chat_id)


def _chat_of(method: TelegramMethod[Any]) -> int | None:
    chat_id = getattr(method, "chat_id", None)
    return chat_id if isinstance(chat_id, int) else None
