"""What every request passes before its route: its address, its body, its key, its rate."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_core.access import LOCAL_API, api
from crm_core.api import local
from crm_core.api.call import Call
from crm_core.api.keyring import Keyring
from crm_core.api.limits import BODY_LARGEST, BODY_SECONDS, FORM_RATE, KEY_RATE, RateLimit
from crm_core.api.problems import away, problem
from crm_core.api_keys import ADMIN, FORM
from crm_core.assignment import Chance
from crm_core.storage.database import DATABASE_AWAY, Database

log = logging.getLogger("api")


class Refused(Exception):
    """The request ends here with this answer."""

    def __init__(self, answer: ASGIApp) -> None:
        super().__init__()
        self.answer = answer


@dataclass
class Gate:
    """ASGI middleware. It puts `call` (who calls, see `crm_core.api.call`) and `body` (bytes) into the scope.

    Attributes:
        slashed: addresses that end with a slash; the other form is taken for them, and the other way round.
        is_public: whether an address answers to everybody, and looks at what it gets by itself.
    """

    app: ASGIApp
    db: Database
    keyring: Keyring
    clock: Callable[[], datetime]
    chance: Chance
    timezone: str
    slashed: Collection[str]
    is_public: Callable[[str], bool]

    def __post_init__(self) -> None:
        self._rates = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        path = scope["path"] = self._address(scope["path"])
        try:
            if not self.is_public(path):
                headers = Headers(scope=scope)
                scope["call"] = await self._call(scope, headers, path)
                receive = _all_at_once(scope, await _body(scope, headers, receive, path), receive)
            await self.app(scope, receive, send_on)
        except Refused as refused:
            await refused.answer(scope, receive, send)
        except DATABASE_AWAY as error:
            log.error("database away: %s", type(error).__name__)
            await away(path)(scope, receive, send)
        except Exception as error:
            log.error("request failed", exc_info=error)
            if begun:
                raise
            answer = problem(500, "Something went wrong here; it has been logged.", path=path, code="unexpected")
            await answer(scope, receive, send)

    def _address(self, path: str) -> str:
        """Both forms of an address are the same, without a redirect: a redirected POST would lose its body."""
        if path.endswith("/"):
            return path if path in self.slashed or path == "/" else path.rstrip("/")
        return f"{path}/" if f"{path}/" in self.slashed else path

    async def _call(self, scope: Scope, headers: Headers, path: str) -> Call:
        """Who calls. Raises Refused without a good key, unless none was ever made and the call is from this machine."""
        has_keys = await self.keyring.refresh()
        if not has_keys:
            trouble = local.trouble(scope, headers)
            if trouble is not None:
                raise Refused(problem(403, trouble, path=path, code="not_local"))
            return self._as(LOCAL_API, ADMIN, None)
        given = _given_key(headers)
        key = self.keyring.find(given) if given else None
        if key is None:
            detail = "The API key is unknown, expired or revoked" if given else "An API key is needed"
            raise Refused(
                problem(401, detail, path=path, code="no_key", headers={"WWW-Authenticate": 'Bearer realm="Mini-CRM"'})
            )
        early = self._rates.wait(key.id, FORM_RATE if key.scope == FORM else KEY_RATE, now=monotonic())
        if early:
            detail = f"Too many requests with this key; try again in {math.ceil(early)} s"
            headers_ = {"Retry-After": str(math.ceil(early))}
            raise Refused(problem(429, detail, path=path, code="too_many_requests", headers=headers_))
        return self._as(api(key.id), key.scope, key.source_id)

    def _as(self, actor: object, scope: str, source_id: int | None) -> Call:
        return Call(self.db, actor, scope, source_id, self.clock(), self.clock, self.chance, self.timezone)  # type: ignore[arg-type]


def _given_key(headers: Headers) -> str | None:
    """The key of a request: `X-API-Key: …` or `Authorization: Bearer …`."""
    given = headers.get("x-api-key")
    if given is not None:
        return given.strip()
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else None


async def _body(scope: Scope, headers: Headers, receive: Receive, path: str) -> bytes:
    """The whole body. Raises Refused where it is too large, too slow, or no JSON by its own word."""
    if scope["method"] in ("GET", "HEAD", "DELETE") and "content-length" not in headers:
        return b""
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_LARGEST:
        raise _too_large(path)
    try:
        body = await asyncio.wait_for(_read(receive, path), BODY_SECONDS)
    except TimeoutError:
        raise Refused(problem(408, "The body came too slowly", path=path, code="too_slow")) from None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        detail = "The body must be JSON, with Content-Type: application/json"
        raise Refused(problem(415, detail, path=path, code="not_json"))
    return body


async def _read(receive: Receive, path: str) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(_nothing)
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LARGEST:
            raise _too_large(path)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Who has hung up gets no answer."""


def _too_large(path: str) -> Refused:
    detail = f"A body has at most {BODY_LARGEST} bytes"
    return Refused(problem(413, detail, path=path, code="too_large", headers={"Connection": "close"}))


def _all_at_once(scope: Scope, body: bytes, receive: Receive) -> Receive:
    """Hands the body that was read to whoever asks next, then what the server has to say."""
    scope["body"] = body
    is_given = False

    async def next_message() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message


Answer = Callable[[Scope, Receive, Send], Awaitable[None]]
