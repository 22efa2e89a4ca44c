"""The connection to Telegram: aiogram's own, with requests as JSON where they carry no files.

Telegram takes both forms. A form in parts costs aiohttp a random boundary and a part for every field, which is a third
of the work of a request.
"""

import json
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods.base import Response, TelegramMethod, TelegramType
from aiogram.types import Message, MessageId, User
from aiohttp import BytesPayload, FormData

# Pydantic makes a model for each kind of answer, which takes milliseconds, and forgets it when nobody holds it.
KEPT = (Response[Message], Response[MessageId], Response[bool], Response[User], Response[list[dict[str, Any]]])
AT_ONCE = 100  # connections of all bots together


class Telegram(AiohttpSession):
    """A session for all bots of an installation."""

    def __init__(self, *, url: str, proxy: str | None = None) -> None:
        """
        Args:
            url: the Bot API server, Telegram's own or another.
            proxy: an address that requests go through, None for none.
        """
        super().__init__(api=TelegramAPIServer.from_base(url), proxy=proxy, limit=AT_ONCE)

    def build_form_data(  # type: ignore[override]
        self, bot: Bot, method: TelegramMethod[TelegramType]
    ) -> FormData | BytesPayload:
        """The body of a request: JSON, or a form in parts where it carries files."""
        files: dict[str, Any] = {}
        fields = method.model_dump(warnings=False, exclude_none=True)
        content = self.prepare_value(fields, bot=bot, files=files, _dumps_json=False)
        if files:
            return super().build_form_data(bot, method)
        return BytesPayload(json.dumps(content).encode(), content_type="application/json")
