"""What every request passes before its route: path, API key, rate limit, body, idempotency key."""

import asyncio
import hmac
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_core.access.actors import LOCAL_API, SYSTEM, api
from crm_core.access.scopes import ADMIN, FORM, OWNER
from crm_core.api import idempotent
from crm_core.api.access import Access, AccessTable
from crm_core.api.call import ApiContext, RequestContext
from crm_core.api.callers import Network, bucket_of, caller_address
from crm_core.api.keyring import Keyring
from crm_core.api.limits import BODY_LARGEST, BODY_SECONDS, FORM_RATE, KEY_RATE, UNKNOWN_RATE, VISITOR_RATE, RateLimit
from crm_core.api.local_calls import LocalCalls
from crm_core.api.problems import (
    REFERENCE,
    REFERRED,
    database_unavailable,
    log_database_away,
    no_such_address,
    problem,
)
from crm_core.monitoring.security_log import security
from crm_core.storage.config import Pool, through
from crm_core.storage.database import DATABASE_UNAVAILABLE

METRICS = "/metrics"
KEY_REQUIRED = (
    "An API key is required: send it as `Authorization: Bearer mck_…`. "
    "`mini-crm api-key create NAME --scope read` makes one"
)
WITHOUT_KEY = {"WWW-Authenticate": 'Bearer realm="Mini-CRM"'}

log = logging.getLogger("api")


class Refused(Exception):
    """The request ends here with this response; None if the caller has disconnected."""

    def __init__(self, response: Response | None = None) -> None:
        super().__init__()
        self.response = response


@dataclass
class Guard:
    """ASGI middleware that lets a request through to its route or refuses it.

    It puts into the scope what routes need: `requested_path`, the path as the caller wrote it, and, unless the route is
    public, `call` (a `RequestContext`) and `body` (bytes).

    Attributes:
        local_calls: whether calls without a key are answered while there never was one.
        control_key: accepted like an admin's API key, for commands of the person who runs the process; None for none.
        trusted_proxies: whose `X-Forwarded-For` is believed, for limits and logs.
    """

    app: ASGIApp
    context: ApiContext
    keyring: Keyring
    local_calls: LocalCalls
    control_key: str | None = None
    trusted_proxies: Sequence[Network] = ()

    def __post_init__(self) -> None:
        self._rates, self._unknown_rates, self._visitor_rates = RateLimit(), RateLimit(), RateLimit()
        self._table: AccessTable | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        is_started = False

        async def send_on(message: Message) -> None:
            nonlocal is_started
            if not is_started:
                is_started = True
                if message.get("status", 0) in REFERRED:
                    self._report(scope, message["status"], Headers(raw=message["headers"]))
            await send(message)

        if self._table is None:
            self._table = AccessTable(scope["app"].routes)
        requested: str = scope["path"]
        # A HEAD is a GET whose body the server leaves out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = self._table.canonical(requested)
        scope = {**scope, "path": path, "method": method, "requested_path": requested}
        given = _given_key(scope)
        scope["is_owner"] = is_owner = self._is_owner(given)
        # Public routes, too: any request may show that there is a proxy.
        if self.local_calls.is_open and not is_owner and not self.keyring.knows_keys:
            self.local_calls.observe(scope)
        response: Response | None
        try:
            access = self._table.find(scope)
            if access is not Access.PUBLIC:
                with through(Pool.API):
                    receive = await self._admit(scope, receive, access, given, is_owner)
            with through(Pool.BOT if access is Access.PUBLIC else Pool.API):
                await self.app(scope, receive, send_on)
            return
        except Refused as refused:
            response = refused.response
        except DATABASE_UNAVAILABLE as error:
            # Here it is the keys that could not be read: errors of routes are answered by the application.
            response = log_database_away(error, database_unavailable(requested, may_be_done=False))
        except Exception as error:
            detail = "An internal error occurred and has been logged"
            response = problem(500, detail, path=requested, kind="unexpected")
            log.error("request failed", exc_info=error, extra={"reference": response.headers[REFERENCE]})
        if response is not None and not is_started:
            await response(scope, receive, send_on)

    def _report(self, scope: Scope, status: int, answered: Headers) -> None:
        """Logs that a request was refused."""
        call: RequestContext | None = scope.get("call")
        security.report(
            "api_refused",
            reference=answered.get(REFERENCE),
            status=status,
            method=scope["method"],
            path=self._table.template(scope) if self._table else None,
            address=caller_address(scope, Headers(scope=scope), self.trusted_proxies),
            key_id=call.actor.key_id if call else None,
        )

    async def _admit(
        self, scope: Scope, receive: Receive, access: Access, given: str | None, is_owner: bool
    ) -> Receive:
        """Checks a request to a route that is not public, and reads its body. Raises Refused.

        Returns the `receive` that replays the body.
        """
        headers, now, path = Headers(scope=scope), self.context.clock(), scope["requested_path"]
        if is_owner:
            call = RequestContext(self.context, SYSTEM, OWNER, None, now, path)
        else:
            call = await self._identify(scope, headers, given, now)
        if access is Access.CLOSED:  # after the key: an outsider does not learn which addresses there are
            raise Refused(no_such_address(path))
        scope["body"] = await _read_body(headers, receive, path)
        scope["call"] = _with_idempotency_key(call, scope, headers)
        return _replaying(scope["body"], receive)

    def _is_owner(self, given: str | None) -> bool:
        """Whether a key is the control key, which only the account that runs the process can read."""
        return bool(given and self.control_key and hmac.compare_digest(given.encode(), self.control_key.encode()))

    def _limit_unknown(self, scope: Scope, headers: Headers) -> None:
        """Counts a call without a valid key for its address. Raises Refused beyond what that may make."""
        address = bucket_of(caller_address(scope, headers, self.trusted_proxies))
        early = self._unknown_rates.wait(address, UNKNOWN_RATE, now=monotonic())
        if early:
            raise _too_many("without a valid key from this address", early, scope["requested_path"])

    def _limit_visitor(self, scope: Scope, headers: Headers) -> None:
        """Counts a form for its visitor's address, if a trusted proxy names one. Raises Refused beyond the rate.

        Without such a proxy it is the address of a connection, which all visitors behind an unnamed proxy share.
        """
        client = scope.get("client")
        address = caller_address(scope, headers, self.trusted_proxies)
        if client is None or address == str(client[0]):
            return
        early = self._visitor_rates.wait(bucket_of(address), VISITOR_RATE, now=monotonic())
        if early:
            raise _too_many("from this address", early, scope["requested_path"])

    async def _identify(self, scope: Scope, headers: Headers, given: str | None, now: datetime) -> RequestContext:
        """Who calls. Raises Refused without a valid key, unless there was never a key and the call is local."""
        path = scope["requested_path"]
        # Metrics must be readable while the database is unavailable: that it is, is one of them.
        if not await self.keyring.has_keys(now=now, or_remembered=scope["path"] == METRICS):
            refusal = self.local_calls.refusal()
            if refusal is not None:
                self._limit_unknown(scope, headers)
                raise Refused(problem(403, refusal, path=path, kind="not_local"))
            return RequestContext(self.context, LOCAL_API, ADMIN, None, now, path)
        key = self.keyring.find(given, now=now) if given else None
        if key is None:
            self._limit_unknown(scope, headers)
            detail = "The API key is unknown, expired or revoked" if given else KEY_REQUIRED
            raise Refused(problem(401, detail, path=path, kind="no_key", headers=WITHOUT_KEY))
        if key.scope == FORM:
            self._limit_visitor(scope, headers)  # first: one visitor must not use up what all share
        early = self._rates.wait(key.id, FORM_RATE if key.scope == FORM else KEY_RATE, now=monotonic())
        if early:
            raise _too_many("with this key", early, path)
        return RequestContext(self.context, api(key.id), key.scope, key.source_id, now, path)


def _too_many(whose: str, early: float, path: str) -> Refused:
    wait = str(math.ceil(early))
    detail = f"Too many requests {whose}; try again in {wait} s"
    return Refused(problem(429, detail, path=path, kind="too_many_requests", headers={"Retry-After": wait}))


def _given_key(scope: Scope) -> str | None:
    """The key of a request: `X-API-Key: …` or `Authorization: Bearer …`. Reads the headers once, as they are."""
    bearer: str | None = None
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return str(value.decode("latin-1").strip())
        if name == b"authorization" and bearer is None:
            kind, _, key = value.decode("latin-1").partition(" ")
            bearer = key.strip() if kind.lower() == "bearer" else ""
    return bearer


def _with_idempotency_key(call: RequestContext, scope: Scope, headers: Headers) -> RequestContext:
    """The call with its idempotency key, if the request has one. Raises Refused if that is malformed."""
    try:
        repeatable = idempotent.repeatable_call(call, scope, headers)
    except ValueError as error:
        errors = [{"field": idempotent.HEADER, "message": str(error)}]
        detail = f"Invalid: {idempotent.HEADER}"
        raise Refused(problem(422, detail, path=call.path, kind="invalid", errors=errors)) from None
    return call if repeatable is None else replace(call, repeatable=repeatable)


async def _read_body(headers: Headers, receive: Receive, path: str) -> bytes:
    """The whole body. Raises Refused if it is too large, too slow, or not declared as JSON."""
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return b""
    if length is not None and length.isdecimal() and int(length) > BODY_LARGEST:
        raise _too_large(path)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _receive_all(receive, path)
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS:.0f} s"
        raise Refused(problem(408, detail, path=path, kind="too_slow")) from None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        detail = "The body must be JSON, with Content-Type: application/json"
        raise Refused(problem(415, detail, path=path, kind="not_json"))
    return body


async def _receive_all(receive: Receive, path: str) -> bytes:
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
    detail = f"The body may have at most {BODY_LARGEST} bytes"
    # The rest of the body is not read, so the connection cannot be used again.
    return Refused(problem(413, detail, path=path, kind="too_large", headers={"Connection": "close"}))


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then whatever the server sends."""
    is_given = False

    async def next_message() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
