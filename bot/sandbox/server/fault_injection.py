"""What an injected fault does to a call: see `bot.sandbox.world.faults.KINDS`."""

import asyncio
from collections.abc import Callable

from pydantic_core import from_json, to_json

from bot.sandbox.errors import ApiError
from bot.sandbox.methods.call import Call
from bot.sandbox.methods.register import METHODS
from bot.sandbox.server.replies import Reply, chat_id_of, refuse
from bot.sandbox.wire.http import Request
from bot.sandbox.world.faults import Fault
from bot.sandbox.world.limits import Refusal

HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
GARBAGE = b'{"ok":true,"result":{"message_id":'

Apply = Callable[[Request, Reply], None]


def apply_fault(fault: Fault, call: Call, request: Request, apply: Apply) -> None:
    """Answer a call as the fault demands.

    Args:
        apply: carries out the call and passes its answer on.
    """
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
        case "redirect":
            request.respond(307, b"", "text/plain", {"location": fault.text})
        case "garbage":
            _instead(request, apply, True, 200, GARBAGE, "application/json")
        case "reply":
            body = fault.text.encode(errors="surrogateescape")
            _instead(request, apply, applied, fault.code, body, "application/json")
        case "flood":
            _flood(fault, call, request)
        case "error":
            refuse(request, ApiError(fault.code, fault.text, **fault.parameters))
        case "id_zero":
            apply(request, lambda status, body: request.respond(status, _without_id(body)))
        case "partial":
            call.partial = True
            apply(request, request.respond)
        case "skip":
            call.skips = True
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
    chat_id = chat_id_of(call.fields)
    seconds = fault.retry_after
    refusal = Refusal(now, call.bot.id, chat_id, call.method, int(seconds or 0), False, call.text("text"), ordered=True)
    limits.note(refusal)
    method = METHODS.get(call.method.lower())
    if method is not None and method.counted:
        limits.begin_wait(refusal)
    parameters = {} if seconds is None else {"retry_after": seconds}
    refuse(request, ApiError(429, f"Too Many Requests: retry after {seconds or 1}", **parameters))


def _without_id(body: bytes) -> bytes:
    answer = from_json(body)
    if isinstance(answer.get("result"), dict) and "message_id" in answer["result"]:
        answer["result"]["message_id"] = 0
    return to_json(answer)
