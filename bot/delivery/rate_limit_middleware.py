"""Every request to Telegram passes here, whoever makes it: rate-limited before, counted after, flood waits handled."""

import asyncio
import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import (
    CreateForumTopic,
    DeleteMessage,
    DeleteMessages,
    EditForumTopic,
    GetMe,
    GetWebhookInfo,
    PinChatMessage,
    Response,
    SetMessageReaction,
    TelegramMethod,
    UnpinChatMessage,
)
from aiogram.methods.base import TelegramType

from bot.delivery.rate_limit import RateLimiter
from bot.telegram.methods import CopyAlbum, GetRawUpdates, SendAlbum
from bot.telegram.verdict import FloodWait, judge
from crm_core.monitoring.process_counters import ProcessCounters

# Set by the sender, which asks the rate limiter itself: its request must not be counted twice.
already_paced: ContextVar[bool] = ContextVar("already_paced", default=False)

LONGEST_HOLD = 10.0  # seconds; a request that would have to wait longer fails at once instead
# Telegram's limits are on sending: reading is not limited, and a bot that must not send should still receive.
READING = (GetRawUpdates, GetMe, GetWebhookInfo)
# In a chat, but neither a message nor an edit of one: each has a limit of its own.
SENDING_NOTHING = (
    CreateForumTopic,
    DeleteMessage,
    DeleteMessages,
    EditForumTopic,
    PinChatMessage,
    SetMessageReaction,
    UnpinChatMessage,
)

OnFlood = Callable[[int, str, int | None, float], None]


class RateLimitMiddleware(BaseRequestMiddleware):
    """Holds requests while a gate is shut, and reports flood waits. Requests that receive updates pass at once.

    Each counts when it was answered, too (`RateLimiter.note_response`): an attempt may take several, and one that was
    slow on its way must not make room for the next ones.
    """

    def __init__(self, on_flood: OnFlood, counts: ProcessCounters) -> None:
        """
        Args:
            on_flood: called when Telegram says to wait, with bot, method, chat (None: none in particular) and seconds.
        """
        self.rate_limiters: dict[int, RateLimiter] = {}
        self._on_flood, self._counts = on_flood, counts

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        rate_limiter = None if isinstance(method, READING) else self.rate_limiters.get(bot.id)
        chat_id = chat_of(method)
        if rate_limiter is not None and not already_paced.get():
            await self._admit(rate_limiter, method, chat_id)
        try:
            return await make_request(bot, method)
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, FloodWait):
                self._counts.count_flood_wait(bot.id)
                if rate_limiter is not None:
                    self._on_flood(bot.id, method.__api_method__, chat_id, verdict.after)
            raise
        finally:
            if rate_limiter is not None and isinstance(to := getattr(method, "chat_id", None), int):
                rate_limiter.note_response(to, messages_of(method))

    async def _admit(self, rate_limiter: RateLimiter, method: TelegramMethod[Any], chat_id: int | None) -> None:
        count = messages_of(method)
        if chat_id is None:
            own = rate_limiter.method_gate(method.__api_method__)
        else:
            own = rate_limiter.wait_chat(chat_id, count)
        wait = max(rate_limiter.wait_bot(), own)
        if wait > LONGEST_HOLD:
            raise TelegramRetryAfter(method, "a gate is shut", retry_after=math.ceil(wait))
        await asyncio.sleep(max(rate_limiter.book(chat_id, count), wait))
        await rate_limiter.wait_turn(count)


def chat_of(method: TelegramMethod[Any]) -> int | None:
    """The chat that a request is about, None for a request about none.

    Those that send nothing to a private chat count as none: if Telegram takes no more of them for a while, messages go
    on. In a group they share the limit of all that is done there.
    """
    chat_id = getattr(method, "chat_id", None)
    if not isinstance(chat_id, int) or (isinstance(method, SENDING_NOTHING) and chat_id > 0):
        return None
    return chat_id


def messages_of(method: TelegramMethod[Any]) -> int:
    """How many messages a request sends."""
    if isinstance(method, CopyAlbum):
        return len(method.message_ids)
    return len(method.media) if isinstance(method, SendAlbum) else 1
