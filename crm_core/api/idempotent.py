"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is done once and answered alike.

Every route that adds or does something answers through `once`. The same key with the same request gets the first answer
for 24 hours, with another request 422, and 409 while the first one is still being done.
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
from crm_core.api.idempotency import Answer, Asked, Trouble
from crm_core.api.problems import problem, refusal

T = TypeVar("T")

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"
KEY_LONGEST = 255
AGAIN_SECONDS = 1  # after which a call that is still running is worth another look
ROUTE_LONGEST = 200
NOT_KEPT = (401, 403)  # about the key that called, not about the call
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LONGEST}}}")

Render = Callable[[T], Response]


def asked(scope: Scope, headers: Headers) -> Asked | None:
    """What a request, gone through the gate, is known by if it comes again; None where it does not ask for that.

    Raises ValueError for a key that is none.
    """
    key = headers.get(HEADER)
    if key is None or scope["method"] != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise ValueError(f"1 to {KEY_LONGEST} printable ASCII characters without spaces are needed")
    parts = (scope["path"].encode(), scope["query_string"], headers.get("if-match", "").encode(), scope["body"])
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    return Asked(scope["call"].actor.key_id or NO_KEY, f"POST {scope['path']}"[:ROUTE_LONGEST], key, digest)


async def run_idempotent(
    call: RequestContext,
    action: Callable[..., T],
    /,
    render: Render[T],
    *,
    keep: Render[T] | None = None,
    **inputs: Any,
) -> Response:
    """Runs an action in a transaction and answers with what it returned; a repeated call with what it got before.

    Args:
        render: makes the answer. It runs in the transaction, since the answer commits with what was done.
        keep: makes the answer that a repeated call gets, where that must be another one.
        inputs: of the action.
    """
    mine = call.asked
    if mine is None:
        return render(await call.db.write(action, **inputs))
    name = (mine.key_id, mine.route, mine.key)
    if name in call.desk.running:
        return _trouble(call, Trouble.RUNNING)
    call.desk.running.add(name)
    try:
        found = await call.db.write(
            idempotency.store_or_replay,
            asked=mine,
            now=call.now,
            action=action,
            inputs=inputs,
            render=lambda result: _answer(render(result)),
            keep=None if keep is None else lambda result: _answer(keep(result)),
            refuse=lambda error: None if error.status in NOT_KEPT else _answer(refusal(error, path=call.path)),
        )
    finally:
        call.desk.running.discard(name)
    return _trouble(call, found) if isinstance(found, Trouble) else _response(found)


def _answer(response: Response) -> Answer:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Answer(response.status_code, headers, bytes(response.body).decode())


def _response(answer: Answer) -> Response:
    headers = {**answer.headers, REPEATED: "true"} if answer.is_repeated else answer.headers
    return Response(answer.body, answer.status, headers)


def _trouble(call: RequestContext, trouble: Trouble) -> Response:
    if trouble is Trouble.RUNNING:
        detail = f"The first call with this {HEADER} is still being done"
        again = {"Retry-After": str(AGAIN_SECONDS)}
        return problem(409, detail, path=call.path, kind="still_running", headers=again)
    detail = f"This {HEADER} was used for another request"
    errors = [{"field": HEADER, "message": detail}]
    return problem(422, detail, path=call.path, kind="key_reused", errors=errors)
