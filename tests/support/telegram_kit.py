"""For tests: a clock that stands still, and an aiogram client that accepts nothing but the Bot API.

Importing this imports aiogram, which takes two seconds; `bot.sandbox` itself does not.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods.base import Response, TelegramMethod
from pydantic import BaseModel


class FrozenClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self.now += timedelta(seconds=seconds)


class StrictSession(AiohttpSession):
    """Refuses answers with fields that aiogram's types do not know; closes without aiogram's quarter of a second.

    :param url: the sandbox's base address
    """

    def __init__(self, url: str) -> None:
        super().__init__(api=TelegramAPIServer.from_base(url))

    def check_response(self, bot: Bot, method: TelegramMethod[Any], status_code: int, content: str) -> Response[Any]:
        """Parse an answer.

        :raises AssertionError: for unknown fields
        """
        response = super().check_response(bot, method, status_code, content)
        assert unknown_fields(response.result) == []
        return response

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def strict_bot(url: str, token: str) -> Bot:
    """An aiogram client of the sandbox at `url`; close its `session` in the end."""
    return Bot(token, session=StrictSession(url))


def unknown_fields(value: Any, path: str = "") -> list[str]:
    """Where a parsed object has something that aiogram's types do not know."""
    if isinstance(value, BaseModel):
        found = [f"{path}.{name}" for name in value.model_extra or {}]
        for name in type(value).model_fields:
            found += unknown_fields(getattr(value, name), f"{path}.{name}")
        return found
    if isinstance(value, list):
        return [problem for item in value for problem in unknown_fields(item, f"{path}[]")]
    return []
