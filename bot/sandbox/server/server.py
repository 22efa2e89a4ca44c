"""Answers HTTP requests: routes, tokens, faults, limits, methods."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from bot.sandbox.errors import ApiError
from bot.sandbox.methods.call import Call, Method
from bot.sandbox.methods.get_updates import get_updates
from bot.sandbox.methods.register import METHODS
from bot.sandbox.methods.schema import check
from bot.sandbox.server.control import serve_control
from bot.sandbox.wire import forms
from bot.sandbox.wire.http import Request
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.faults import Fault
from bot.sandbox.world.limits import Refusal
from bot.sandbox.world.state import World

HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
GARBAGE = b'{"ok":true,"result":{"message_id":'

_log = logging.getLogger(__name__)

Reply = Callable[[int, bytes], None]


class Server:
    """The request handler of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> None:
        """Answer a request, now or later."""
        path = unquote(request.path) if "%" in request.path else request.path
        try:
            if path.startswith("/bot"):
                token, _, method = path[4:].partition("/")
                self._method(request, token, method)
            elif path.startswith("/file/bot"):
                token, _, file_path = path[9:].partition("/")
                self._file(request, token, file_path)
            elif path.startswith("/sandbox/"):
                serve_control(self.world, request, path[9:])
            else:
                _refuse(request, ApiError(404, "Not Found"))
        except ApiError as error:
            _refuse(request, error)
        except Exception:
            # A bug of the sandbox must not look like a bot that hangs.
            _log.exception("the sandbox failed on %s", request.path.rpartition("/")[2])
            _refuse(request, ApiError(500, "Internal Server Error: the sandbox failed"))

    def _bot(self, token: str) -> BotAccount:
        bot = self.world.bots.get(token)
        if bot is None or bot.revoked:
            raise ApiError(401, "Unauthorized")
        return bot

    def _file(self, request: Request, token: str, path: str) -> None:
        self._bot(token)
        stored = self.world.files.by_path(path)
        if stored is None:
            raise ApiError(404, "Not Found")
        request.respond(200, stored.data, "application/octet-stream")

    def _method(self, request: Request, token: str, name: str) -> None:
        bot = self._bot(token)
        world = self.world
        polling = name.lower() == "getupdates"
        method = METHODS.get(name.lower())
        if method is None and not polling:
            raise ApiError(404, "Not Found")
        fields, uploads = forms.read(request.content_type, request.body, request.query)
        world.requests += 1
        call = Call(world, bot, method.name if method else "getUpdates", fields, uploads, world.requests)
        bot.calls[call.method] += 1
        if world.strict:
            check(call)
        apply = _applier(call, method)
        fault = world.faults.pick(bot.id, call.method, _chat_id(fields)) if world.faults.active else None
        if fault is None:
            apply(request, request.respond)
        else:
            apply_fault(fault, call, request, apply)


Apply = Callable[[Request, Reply], None]


def _chat_id(fields: dict[str, Any]) -> int | None:
    try:
        return int(fields["chat_id"])
    except (KeyError, TypeError, ValueError):
        return None


def _applier(call: Call, method: Method | None) -> Apply:
    def run(request: Request, reply: Reply) -> None:
        assert method is not None
        try:
            if method.counted and call.world.limits.enabled:
                _count(call)
            reply(200, b'{"ok":true,"result":' + to_json(method.handler(call)) + b"}")
        except ApiError as error:
            _refuse_to(reply, error, request)

    def poll(request: Request, reply: Reply) -> None:
        try:
            parked = get_updates(
                call,
                lambda updates: reply(200, b'{"ok":true,"result":' + updates + b"}"),
                lambda error: _refuse_to(reply, error, request),
            )
        except ApiError as error:
            _refuse_to(reply, error, request)
        else:
            request.on_disconnect = parked.stop if parked is not None else None

    return poll if method is None else run


def _count(call: Call) -> None:
    chat_id = _chat_id(call.fields)
    if chat_id is None:
        return
    cost = 1
    for name in ("media", "message_ids"):
        several = call.json(name) if name in call.fields else None
        cost = len(several) if isinstance(several, list) and several else cost
    text = call.text("text") or call.text("caption")
    call.world.limits.check(call.bot.id, chat_id, call.method, call.world.now(), cost, text)


def _refuse(request: Request, error: ApiError) -> None:
    _refuse_to(request.respond, error, request)


def _refuse_to(reply: Reply, error: ApiError, request: Request) -> None:
    body: dict[str, Any] = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    if "retry_after" in error.parameters and reply == request.respond:
        headers = {"retry-after": str(error.parameters["retry_after"])}
        request.respond(error.code, to_json(body), headers=headers)
    else:
        reply(error.code, to_json(body))


def apply_fault(fault: Fault, call: Call, request: Request, apply: Apply) -> None:
    loop = asyncio.get_running_loop()
    applied = fault.applied
    match fault.kind:
        case "silent":
            apply(request, lambda status, body: request.cut())
        case "cut":
            request.cut()
        case "slow" if applied is False:
            loop.call_later(fault.delay, apply, request, request.respond)
        case "slow":
            apply(request, lambda status, body: _later(loop, fault.delay, request, status, body))
        case "http_500":
            body = to_json({"ok": False, "error_code": 500, "description": "Internal Server Error"})
            _instead(request, apply, applied, 500, body, "application/json")
        case "html_502":
            _instead(request, apply, applied, 502, HTML_502, "text/html")
        case "garbage":
            _instead(request, apply, True, 200, GARBAGE, "application/json")
        case "flood":
            _flood(fault, call, request)
        case "error":
            _refuse(request, ApiError(fault.code, fault.text, **fault.parameters))
        case "id_zero":
            apply(request, lambda status, body: request.respond(status, _without_id(body)))
        case "partial":
            call.partial = True
            apply(request, request.respond)


def _later(loop: asyncio.AbstractEventLoop, delay: float, request: Request, status: int, body: bytes) -> None:
    loop.call_later(delay, request.respond, status, body)


def _instead(request: Request, apply: Apply, applied: bool | None, status: int, body: bytes, kind: str) -> None:
    if applied:
        apply(request, lambda _status, _body: request.respond(status, body, kind))
    else:
        request.respond(status, body, kind)


def _flood(fault: Fault, call: Call, request: Request) -> None:
    now, limits = call.world.now(), call.world.limits
    chat_id = _chat_id(call.fields)
    seconds = fault.retry_after
    refusal = Refusal(now, call.bot.id, chat_id, call.method, int(seconds or 0), False, call.text("text"), ordered=True)
    limits.note(refusal)
    method = METHODS.get(call.method.lower())
    if method is not None and method.counted:
        limits.begin_wait(refusal)
    parameters = {} if seconds is None else {"retry_after": seconds}
    _refuse(request, ApiError(429, f"Too Many Requests: retry after {seconds or 1}", **parameters))


def _without_id(body: bytes) -> bytes:
    answer = from_json(body)
    if isinstance(answer.get("result"), dict) and "message_id" in answer["result"]:
        answer["result"]["message_id"] = 0
    return to_json(answer)
