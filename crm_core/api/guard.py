"""What every request passes before its route: its address, its key, its rate, its body."""

import asyncio
import hmac
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import monotonic

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_core.access.actors import LOCAL_API, SYSTEM, api
from crm_core.access.scopes import ADMIN, FORM
from crm_core.api import idempotent, loopback
from crm_core.api.call import ApiContext, RequestContext, scope_of
from crm_core.api.keyring import Keyring
from crm_core.api.limits import BODY_LARGEST, BODY_SECONDS, FORM_RATE, KEY_RATE, RateLimit
from crm_core.api.problems import away, problem
from crm_core.storage.database import DATABASE_UNAVAILABLE

METRICS = "/metrics"
WITHOUT_KEY = {"WWW-Authenticate": 'Bearer realm="Mini-CRM"'}

log = logging.getLogger("api")


class Refused(Exception):
    """The request ends here with this answer; with none where nobody waits for one."""

    def __init__(self, answer: Response | None = None) -> None:
        super().__init__()
        self.answer = answer


class Addresses:
    """What the gate needs to know of the routes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        paths = {str(getattr(route, "path", "")): route for route in routes}
        self._slashed = {path for path in paths if path.endswith("/")}
        public = {path for path, route in paths.items() if not isinstance(route, APIRoute) or scope_of(route) is None}
        self._public = {path for path in public if "{" not in path}
        self._public_below = tuple(path.partition("{")[0] for path in public if "{" in path)

    def canonical(self, path: str) -> str:
        """Both forms of an address are the same, without a redirect: a redirected POST loses its body."""
        if path.endswith("/"):
            return path if path in self._slashed else path.rstrip("/") or "/"
        return f"{path}/" if f"{path}/" in self._slashed else path

    def is_public(self, path: str) -> bool:
        """Whether an address answers to everybody, and looks at what it gets by itself."""
        return path in self._public or path.startswith(self._public_below)


@dataclass
class Guard:
    """ASGI middleware. It puts into the scope what routes and further middleware need.

    `call`: who calls, see `crm_core.api.call`; `body`: bytes; `asked`: the path as it came. A route that answers to
    everybody gets the last one only.
    """

    app: ASGIApp
    desk: ApiContext
    keyring: Keyring
    shell_key: str | None = None

    def __post_init__(self) -> None:
        self._rates = RateLimit()
        self._addresses: Addresses | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        if self._addresses is None:
            self._addresses = Addresses(scope["app"].routes)
        asked: str = scope["path"]
        path = self._addresses.canonical(asked)
        # A HEAD is a GET whose body the server leaves out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        scope = {**scope, "path": path, "method": method, "asked": asked}
        answer: Response | None
        try:
            if not self._addresses.is_public(path):
                headers = Headers(scope=scope)
                scope["call"] = await self._call(scope, headers)
                scope["body"] = await _body(headers, receive, asked)
                scope["call"] = _repeatable(scope, headers)
                receive = _handing(scope["body"], receive)
            await self.app(scope, receive, send_on)
            return
        except Refused as refused:
            answer = refused.answer
        except DATABASE_UNAVAILABLE as error:
            log.error("database away: %s", type(error).__name__)
            answer = away(asked)
        except Exception as error:
            log.error("request failed", exc_info=error)
            answer = problem(500, "Something went wrong here; it has been logged", path=asked, kind="unexpected")
        if answer is not None and not begun:
            await answer(scope, receive, send)

    async def _call(self, scope: Scope, headers: Headers) -> RequestContext:
        """Who calls. Raises Refused without a good key, unless none was ever made and the call is of this machine."""
        now, path = self.desk.clock(), scope["asked"]
        given = _given_key(headers)
        if given and self.shell_key and hmac.compare_digest(given.encode(), self.shell_key.encode()):
            return RequestContext(self.desk, SYSTEM, ADMIN, None, now, path)
        # That the database is away is what a scrape is to tell.
        if not await self.keyring.has_keys(now=now, or_remembered=scope["path"] == METRICS):
            trouble = loopback.trouble(scope, headers)
            if trouble is not None:
                raise Refused(problem(403, trouble, path=path, kind="not_local"))
            return RequestContext(self.desk, LOCAL_API, ADMIN, None, now, path)
        key = self.keyring.find(given, now=now) if given else None
        if key is None:
            detail = "The API key is unknown, expired or revoked" if given else "An API key is needed"
            raise Refused(problem(401, detail, path=path, kind="no_key", headers=WITHOUT_KEY))
        early = self._rates.wait(key.id, FORM_RATE if key.scope == FORM else KEY_RATE, now=monotonic())
        if early:
            wait = str(math.ceil(early))
            detail = f"Too many requests with this key; try again in {wait} s"
            raise Refused(problem(429, detail, path=path, kind="too_many_requests", headers={"Retry-After": wait}))
        return RequestContext(self.desk, api(key.id), key.scope, key.source_id, now, path)


def _given_key(headers: Headers) -> str | None:
    """The key of a request: `X-API-Key: …` or `Authorization: Bearer …`."""
    given = headers.get("x-api-key")
    if given is not None:
        return given.strip()
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else None


def _repeatable(scope: Scope, headers: Headers) -> RequestContext:
    """The call, with what it is known by if it comes again. Raises Refused."""
    call: RequestContext = scope["call"]
    try:
        found = idempotent.asked(scope, headers)
    except ValueError as error:
        errors = [{"field": idempotent.HEADER, "message": str(error)}]
        detail = f"Not valid: {idempotent.HEADER}"
        raise Refused(problem(422, detail, path=call.path, kind="invalid", errors=errors)) from None
    return call if found is None else replace(call, asked=found)


async def _body(headers: Headers, receive: Receive, path: str) -> bytes:
    """The whole body. Raises Refused where it is too large, too slow, or no JSON by its own word."""
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return b""
    if length is not None and length.isdecimal() and int(length) > BODY_LARGEST:
        raise _too_large(path)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(receive, path)
    except TimeoutError:
        raise Refused(problem(408, "The body came too slowly", path=path, kind="too_slow")) from None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        detail = "The body must be JSON, with Content-Type: application/json"
        raise Refused(problem(415, detail, path=path, kind="not_json"))
    return body


async def _read(receive: Receive, path: str) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LARGEST:
            raise _too_large(path)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(path: str) -> Refused:
    detail = f"A body has at most {BODY_LARGEST} bytes"
    # What is still on its way is not read, so the connection cannot be used again.
    return Refused(problem(413, detail, path=path, kind="too_large", headers={"Connection": "close"}))


def _handing(body: bytes, receive: Receive) -> Receive:
    """Hands the body that was read to whoever asks first, then what the server has to say."""
    is_given = False

    async def next_message() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
