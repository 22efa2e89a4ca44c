"""Errors as answers of the Bot API, and the chat that a call is about."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from bot.sandbox.errors import ApiError
from bot.sandbox.wire.http import Request

Reply = Callable[[int, bytes], None]
"""Sends status and body of an answer."""


def chat_id_of(fields: dict[str, Any]) -> int | None:
    """The numeric chat id of a call's fields; None if there is none."""
    try:
        return int(fields["chat_id"])
    except (KeyError, TypeError, ValueError):
        return None


def refuse(request: Request, error: ApiError) -> None:
    """Answer a request with an error."""
    refuse_through(request.respond, error, request)


def refuse_through(reply: Reply, error: ApiError, request: Request) -> None:
    """Pass an error to `reply`, which a fault may have replaced; otherwise also send the header `retry-after`."""
    body: dict[str, Any] = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    if "retry_after" in error.parameters and reply == request.respond:
        headers = {"retry-after": str(error.parameters["retry_after"])}
        request.respond(error.code, to_json(body), headers=headers)
    else:
        reply(error.code, to_json(body))
