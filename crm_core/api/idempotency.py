"""Calls that may be repeated because their response was lost: executed once, and answered the same each time.

The effect of a call and its stored response are one transaction. If the process is killed, either both exist, and the
repeated call gets the stored response, or neither does, and the repeated call is executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from crm_core.errors import CrmError
from crm_core.storage.database import PENDING_ON_COMMIT
from crm_core.storage.execute import Savepoint, execute, send_waiting
from crm_core.storage.locks import try_lock_name
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Idempotency

T = TypeVar("T")

RETENTION = timedelta(hours=24)

_table = Idempotency.__table__


@dataclass(frozen=True, slots=True)
class RepeatableCall:
    """What identifies a call that may be repeated.

    Attributes:
        key_id: the API key of the caller: two callers may use the same idempotency key independently.
        route: method and path, truncated if long.
        key: the idempotency key that the caller chose.
        digest: of the whole request: another digest with the same key is a mistake of the caller.
    """

    key_id: int
    route: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response as it is stored. `is_repeated` tells whether it comes from an earlier call."""

    status: int
    headers: dict[str, str]
    body: str
    is_repeated: bool = False


class KeyConflict(Enum):
    """Why a call is neither executed nor answered with a stored response."""

    RUNNING = auto()
    """A call with the same key is still in progress."""

    OTHER_CALL = auto()
    """The key was used for another request."""


def store_or_replay(
    s: Session,
    *,
    call: RepeatableCall,
    now: datetime,
    action: Callable[..., T],
    inputs: dict[str, Any],
    render: Callable[[T], StoredResponse],
    refuse: Callable[[CrmError], StoredResponse | None],
    store_as: Callable[[T], StoredResponse] | None = None,
) -> StoredResponse | KeyConflict:
    """Runs an action and stores its response; for a repeated call, returns the stored one instead.

    A refusal is a response too; it has changed nothing.

    Args:
        action, inputs: what to run, and its keyword arguments.
        render, refuse: make the response to a result and to a refusal; None for a refusal that is not stored.
        store_as: makes the response to store, if it must differ from that of `render` because that contains a secret.

    Raises what the action raises, except refusals that are stored.
    """
    if not try_lock_name(s, f"{call.key_id} {call.route} {call.key}"):
        return KeyConflict.RUNNING
    same_call = (
        _table.c.key_id == call.key_id,
        _table.c.route == call.route,
        _table.c.idempotency_key == call.key,
    )
    found = execute(s, select(_table).where(*same_call)).one_or_none()
    if found is not None and found.created_at > now - RETENTION:
        if found.digest != call.digest:
            return KeyConflict.OTHER_CALL
        return StoredResponse(found.status, found.headers, found.body, is_repeated=True)
    if found is not None:
        execute(s, delete(_table).where(*same_call))
    response, stored = _run(s, action, inputs, render, refuse, store_as)
    _store(s, call, stored, now)
    return response


def _run(
    s: Session,
    action: Callable[..., T],
    inputs: dict[str, Any],
    render: Callable[[T], StoredResponse],
    refuse: Callable[[CrmError], StoredResponse | None],
    store_as: Callable[[T], StoredResponse] | None,
) -> tuple[StoredResponse, StoredResponse]:
    """Runs the action. Returns the response to send now and the response to store."""
    pending = len(s.info[PENDING_ON_COMMIT])
    try:
        with Savepoint(s):
            result = action(s, **inputs)
    except CrmError as error:
        refusal = refuse(error)
        if refusal is None:
            raise
        send_waiting(s)  # what waits for its id announces it then
        del s.info[PENDING_ON_COMMIT][pending:]
        return refusal, refusal
    response = render(result)
    return response, response if store_as is None else store_as(result)


def _store(s: Session, call: RepeatableCall, response: StoredResponse, now: datetime) -> None:
    values = {
        "key_id": call.key_id,
        "route": call.route,
        "idempotency_key": call.key,
        "digest": call.digest,
        "status": response.status,
        "headers": response.headers,
        "body": response.body,
        "created_at": now,
    }
    execute(s, insert(_table), values)


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Deletes responses older than `RETENTION`, at most so many. Returns how many."""
    return delete_batch(s, _table, _table.c.created_at <= now - RETENTION, at_most=at_most)
