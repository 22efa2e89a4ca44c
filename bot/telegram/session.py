"""The connection to Telegram: aiogram's own, with requests as JSON if they carry no files.

Telegram accepts both. A multipart form costs aiohttp a random boundary and a part for every field, a third of the work
of a request.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiogram import Bot
from aiogram.client.default import Default
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError, ClientDecodeError, TelegramBadRequest, TelegramNetworkError
from aiogram.methods.base import Response, TelegramMethod, TelegramType
from aiogram.types import ForumTopic, Message, MessageId, User, WebhookInfo
from aiohttp import BytesPayload, ClientError, ClientTimeout, FormData
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from bot.telegram.newer_fields import Fields, Part, named_in, without_newer

log = structlog.get_logger("telegram")

# Pydantic builds a model for each type of answer, which takes milliseconds, and drops it when nothing refers to it.
ANSWER_TYPES = (
    Response[Message],
    Response[Message | bool],
    Response[MessageId],
    Response[list[MessageId]],
    Response[bool],
    Response[User],
    Response[ForumTopic],
    Response[WebhookInfo],
    Response[list[Any]],
)
CONNECTING = 5.0  # seconds until a connection must stand: without one the request was surely not sent
PROXY_ERRORS = (ProxyConnectionError, ProxyError, ProxyTimeoutError)
"""A connection that failed because of the proxy; aiogram does not count these as network errors."""


REDIRECTS = range(300, 400)


class Redirected(TelegramNetworkError):
    """The Bot API server has answered with a redirect, which is not followed: nothing was carried out."""


class _Unvalidated:
    """A model whose fields are taken as they are given; the type checker sees to it that they are right."""

    if not TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None:
            object.__setattr__(self, "__dict__", {**_defaults(type(self)), **fields})
            object.__setattr__(self, "__pydantic_fields_set__", set(fields))
            object.__setattr__(self, "__pydantic_extra__", {})
            object.__setattr__(self, "__pydantic_private__", {"_bot": None})


@cache
def _defaults(method: type[TelegramMethod[Any]]) -> dict[str, Any]:
    return {name: field.default for name, field in method.model_fields.items() if not field.is_required()}


class PlainMethod(_Unvalidated, TelegramMethod[MessageId]):
    """A method whose fields are sent as they are, and of whose answer only the message's id is read.

    aiogram's own models validate and convert what we have just built ourselves, and parse a whole message from the
    answer: 160 µs for a card, a seventh of all the work of a message (docs/performance.md).
    """

    __returning__ = MessageId


class PlainAlbumMethod(_Unvalidated, TelegramMethod[list[MessageId]]):
    """The same for a method that sends several messages: of each, the id is read."""

    __returning__ = list[MessageId]


class Telegram(AiohttpSession):
    """A session for all bots of an installation."""

    def __init__(self, *, url: str, proxy: str | None = None) -> None:
        """
        Args:
            url: the Bot API server, Telegram's own or another.
            proxy: an address that requests go through, None for none.
        """
        # No limit for all bots together: each sender has its own, and pollers must not wait for it.
        super().__init__(api=TelegramAPIServer.from_base(url), proxy=proxy, limit=0)
        self._has_tls = url.startswith("https:")
        self._refused: set[Part] = set()  # of which the server does not know what later versions brought

    async def close(self) -> None:
        """Closes the connections. Only those with TLS need the quarter of a second that aiogram waits for their end."""
        if self._has_tls:
            await super().close()
        elif self._session is not None:
            await self._session.close()

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """Makes a request. Raises what aiogram does, also when a proxy fails, and Redirected.

        What an older server refuses is sent again without what it may not know.
        """
        fields: Fields | None = self._fields(bot, method)
        if fields is None:
            return await self._post(bot, method, super().build_form_data(bot, method), timeout)
        if self._refused:
            fields = without_newer(fields, self._refused) or fields
        try:
            return await self._post(bot, method, _json(fields), timeout)
        except TelegramBadRequest as refusal:
            part = named_in(refusal.message)
            older = None if part is None else without_newer(fields, [part])
            if part is None or older is None:
                raise
            try:
                result = await self._post(bot, method, _json(older), timeout)
            except TelegramBadRequest:
                raise refusal from None  # it was about something else
            self._refused.add(part)
            log.warning("older_bot_api_server", method=method.__api_method__, refused=refusal.message)
            return result

    async def _post(
        self, bot: Bot, method: TelegramMethod[TelegramType], body: FormData | BytesPayload, within: int | None
    ) -> TelegramType:
        """Makes one request.

        aiogram's own would follow a redirect, with the token in its path, wherever it leads.
        """
        session = await self.create_session()
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        time = ClientTimeout(total=self.timeout if within is None else within, sock_connect=CONNECTING)
        try:
            async with session.post(url, data=body, timeout=time, allow_redirects=False) as answer:
                content = as_text(await answer.read())
        except TimeoutError as error:
            raise TelegramNetworkError(method=method, message="Request timeout error") from error
        except (ClientError, *PROXY_ERRORS) as error:
            raise TelegramNetworkError(method=method, message=type(error).__name__) from error
        if answer.status in REDIRECTS:
            raise Redirected(method=method, message=f"HTTP {answer.status}")
        response = self.check_response(bot=bot, method=method, status_code=answer.status, content=content)
        return cast(TelegramType, response.result)

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """aiogram's own, with one error for every answer that says nothing: what became of the request is unknown.

        aiogram falls over an error without a description, and takes an `ok` for an answer that has no result.
        """
        try:
            response = super().check_response(bot, method, status_code, content)
        except AiogramError:
            raise
        except Exception as error:
            raise ClientDecodeError("An answer without meaning", error, content) from error
        if response.result is None:
            raise ClientDecodeError("An answer without a result", ValueError("no result"), content)
        return response

    def build_form_data(  # type: ignore[override]
        self, bot: Bot, method: TelegramMethod[TelegramType]
    ) -> FormData | BytesPayload:
        """The body of a request: JSON, or a multipart form if it carries files."""
        fields = self._fields(bot, method)
        return super().build_form_data(bot, method) if fields is None else _json(fields)

    def _fields(self, bot: Bot, method: TelegramMethod[Any]) -> dict[str, Any] | None:
        """What a request says, as JSON has it; None if it carries files."""
        if isinstance(method, PlainMethod | PlainAlbumMethod):
            return method.model_dump(exclude_none=True)
        try:
            found: dict[str, Any] = _json_value(method.model_dump(warnings=False, exclude_none=True), bot)
        except _NotJson:
            return None
        return found


def as_text(body: bytes) -> str:
    """The body of an answer: UTF-8, whatever its headers say. A broken character must not hold up the rest for ever."""
    return body.decode(errors="replace")


def _json(content: Any) -> BytesPayload:
    return BytesPayload(json.dumps(content).encode(), content_type="application/json")


class _NotJson(Exception):
    """Something in a request that only aiogram can serialise, such as a file or a moment."""


def _json_value(value: Any, bot: Bot) -> Any:
    """A value as JSON, with the bot's defaults filled in; what has neither value nor default is left out."""
    if isinstance(value, str | int | float):  # enumerations, too
        return value
    if isinstance(value, dict):
        return {name: found for name, one in value.items() if (found := _json_value(one, bot)) is not None}
    if isinstance(value, list):
        return [_json_value(one, bot) for one in value]
    if isinstance(value, Default):
        return _json_value(bot.default[value.name], bot)
    if value is None:
        return None
    raise _NotJson
