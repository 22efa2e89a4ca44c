"""The connection to Telegram: aiogram's own, with requests as JSON where they carry no files.

Telegram takes both forms. A form in parts costs aiohttp a random boundary and a part for every field, which is a third
of the work of a request.
"""

import json
from typing import Any

from aiogram import Bot
from aiogram.client.default import Default
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods.base import Response, TelegramMethod, TelegramType
from aiogram.types import Message, MessageId, User
from aiohttp import BytesPayload, FormData
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

# Pydantic makes a model for each kind of answer, which takes milliseconds, and forgets it when nobody holds it.
KEPT = (Response[Message], Response[MessageId], Response[bool], Response[User], Response[list[dict[str, Any]]])
CONNECTIONS = 100  # at the same time, of all bots together
PROXY_ERRORS = (ProxyConnectionError, ProxyError, ProxyTimeoutError)
"""A connection that did not come about because of the proxy; aiogram takes none of them for an error of the network."""


class PlainMethod(TelegramMethod[MessageId]):
    """A method whose fields are what goes over the wire, and of whose answer only the message's id is wanted.

    aiogram's own models check and convert what we have just put together ourselves, and read a whole message from the
    answer: 160 µs for a card, a seventh of all the work of a message (docs/performance.md).
    """

    __returning__ = MessageId


class Telegram(AiohttpSession):
    """A session for all bots of an installation."""

    def __init__(self, *, url: str, proxy: str | None = None) -> None:
        """
        Args:
            url: the Bot API server, Telegram's own or another.
            proxy: an address that requests go through, None for none.
        """
        super().__init__(api=TelegramAPIServer.from_base(url), proxy=proxy, limit=CONNECTIONS)

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - as aiogram has it
    ) -> TelegramType:
        """Makes a request. Raises what aiogram does, also where a proxy fails."""
        try:
            return await super().make_request(bot, method, timeout)
        except PROXY_ERRORS as error:
            raise TelegramNetworkError(method=method, message=type(error).__name__) from error

    def build_form_data(  # type: ignore[override]
        self, bot: Bot, method: TelegramMethod[TelegramType]
    ) -> FormData | BytesPayload:
        """The body of a request: JSON, or a form in parts where it carries files."""
        if isinstance(method, PlainMethod):
            return _json(method.model_dump(exclude_none=True))
        try:
            content = _plain(method.model_dump(warnings=False, exclude_none=True), bot)
        except _NotPlain:
            return super().build_form_data(bot, method)
        return _json(content)


def _json(content: Any) -> BytesPayload:
    return BytesPayload(json.dumps(content).encode(), content_type="application/json")


class _NotPlain(Exception):
    """Something in a request that aiogram knows how to write, and JSON does not: a file, a moment."""


def _plain(value: Any, bot: Bot) -> Any:
    """What JSON can say: the bot's defaults put in, and left out where it has none."""
    if isinstance(value, str | int | float):  # names out of a list of names, too
        return value
    if isinstance(value, dict):
        return {name: plain for name, one in value.items() if (plain := _plain(one, bot)) is not None}
    if isinstance(value, list):
        return [_plain(one, bot) for one in value]
    if isinstance(value, Default):
        return _plain(bot.default[value.name], bot)
    if value is None:
        return None
    raise _NotPlain
