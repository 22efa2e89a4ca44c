"""`Idempotency-Key`: a POST that is sent again because its response was lost is executed once and answered the same.

Every route that adds or changes something responds through `run_idempotent`. For 24 hours, the same key with the same
request gets the stored response, with another request 422, and 409 while the first call is still in progress.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from crm_core.access.actors import NO_KEY
from crm_core.api import idempotency
from crm_core.api.call import RequestContext
from crm_core.api.idempotency import KeyConflict, RepeatableCall, StoredResponse
from crm_core.api.problems import problem, refusal

T = TypeVar("T")

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"
KEY_LONGEST = 255
RETRY_SECONDS = 1  # after which a caller may ask again for a call that is still in progress
ROUTE_LONGEST = 200
NOT_STORED = (401, 403)  # they are about the caller's API key, not about the call
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LONGEST}}}")

Render = Callable[[T], Response]


def repeatable_call(call: RequestContext, scope: Scope, headers: Headers) -> RepeatableCall | None:
    """What identifies a request if it is repeated; None without an `Idempotency-Key`.

    Args:
        scope: of a request whose `body` the guard has read.

    Raises ValueError for a malformed key.
    """
    key = headers.get(HEADER)
    if key is None or scope["method"] != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise ValueError(f"must be 1 to {KEY_LONGEST} printable ASCII characters without spaces")
    parts = (scope["path"].encode(), scope["query_string"], headers.get("if-match", "").encode(), scope["body"])
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    return RepeatableCall(call.actor.key_id or NO_KEY, f"POST {scope['path']}"[:ROUTE_LONGEST], key, digest)


async def run_idempotent(
    call: RequestContext,
    action: Callable[..., T],
    /,
    render: Render[T],
    *,
    store_as: Render[T] | None = None,
    **inputs: Any,
) -> Response:
    """Runs an action in a transaction and responds with its result; a repeated call gets the stored response.

    Args:
        render: makes the response. It runs in the transaction, because the response is committed with the effect.
        store_as: makes the response that a repeated call gets, if it must differ.
        inputs: keyword arguments of the action.
    """
    repeatable = call.repeatable
    if repeatable is None:
        return render(await call.db.write(action, **inputs))
    name = (repeatable.key_id, repeatable.route, repeatable.key)
    if name in call.context.running:
        return _conflict(call, KeyConflict.RUNNING)
    call.context.running.add(name)
    try:
        found = await call.db.write(
            idempotency.store_or_replay,
            call=repeatable,
            now=call.now,
            action=action,
            inputs=inputs,
            render=lambda result: _to_stored(render(result)),
            store_as=None if store_as is None else lambda result: _to_stored(store_as(result)),
            refuse=lambda error: None if error.status in NOT_STORED else _to_stored(refusal(error, path=call.path)),
        )
    finally:
        call.context.running.discard(name)
    return _conflict(call, found) if isinstance(found, KeyConflict) else _to_response(found)


def _to_stored(response: Response) -> StoredResponse:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return StoredResponse(response.status_code, headers, bytes(response.body).decode())


def _to_response(stored: StoredResponse) -> Response:
    headers = {**stored.headers, REPEATED: "true"} if stored.is_repeated else stored.headers
    return Response(stored.body, stored.status, headers)


def _conflict(call: RequestContext, conflict: KeyConflict) -> Response:
    if conflict is KeyConflict.RUNNING:
        detail = f"The first call with this {HEADER} is still in progress"
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return problem(409, detail, path=call.path, kind="still_running", headers=headers)
    detail = f"This {HEADER} was used for another request"
    errors = [{"field": HEADER, "message": detail}]
    return problem(422, detail, path=call.path, kind="key_reused", errors=errors)
