"""Calls that may come twice, since their first answer was lost on its way: done once, answered alike each time.

What a call does and the answer that it got are one transaction. Whenever the process ends, either both are there, and
the repeated call is answered from the record, or neither is, and it is done then.
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
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.locks import try_lock_name
from crm_core.storage.tables import Idempotency

T = TypeVar("T")

KEPT = timedelta(hours=24)

_table = Idempotency.__table__


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that may be repeated.

    Attributes:
        key_id: whose call it is: two callers may use the same key without knowing of each other.
        route: method and path, or their beginning.
        key: what the caller has named it.
        digest: of all that was asked: another digest under the same key is a mistake of the caller.
    """

    key_id: int
    route: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got. `is_repeated` says that it was so before."""

    status: int
    headers: dict[str, str]
    body: str
    is_repeated: bool = False


class Trouble(Enum):
    """Why a call is neither done nor answered from the record."""

    RUNNING = auto()
    OTHER_CALL = auto()


def store_or_replay(
    s: Session,
    *,
    asked: Asked,
    now: datetime,
    action: Callable[..., T],
    inputs: dict[str, Any],
    render: Callable[[T], Answer],
    refuse: Callable[[CrmError], Answer | None],
    keep: Callable[[T], Answer] | None = None,
) -> Answer | Trouble:
    """Runs an action and keeps its answer; where that was done before, gives the answer of then.

    A refusal is an answer too, and it has changed nothing.

    Args:
        render, refuse: what is answered to a result, and to a refusal; None for a refusal that is not kept.
        keep: what is kept instead of what `render` makes, where that holds a secret.

    Raises what the action raises, but for refusals that are kept.
    """
    if not try_lock_name(s, f"{asked.key_id} {asked.route} {asked.key}"):
        return Trouble.RUNNING
    mine = (
        _table.c.key_id == asked.key_id,
        _table.c.route == asked.route,
        _table.c.idempotency_key == asked.key,
    )
    found = execute(s, select(_table).where(*mine)).one_or_none()
    if found is not None and found.created_at > now - KEPT:
        if found.digest != asked.digest:
            return Trouble.OTHER_CALL
        return Answer(found.status, found.headers, found.body, is_repeated=True)
    if found is not None:
        execute(s, delete(_table).where(*mine))
    given, kept = _answers(s, action, inputs, render, refuse, keep)
    values = {
        "key_id": asked.key_id,
        "route": asked.route,
        "idempotency_key": asked.key,
        "digest": asked.digest,
        "status": kept.status,
        "headers": kept.headers,
        "body": kept.body,
        "created_at": now,
    }
    execute(s, insert(_table), values)
    return given


def _answers(
    s: Session,
    action: Callable[..., T],
    inputs: dict[str, Any],
    render: Callable[[T], Answer],
    refuse: Callable[[CrmError], Answer | None],
    keep: Callable[[T], Answer] | None,
) -> tuple[Answer, Answer]:
    """What is given now and what is kept."""
    announced = len(s.info[PENDING_ON_COMMIT])
    try:
        with s.begin_nested():
            result = action(s, **inputs)
    except CrmError as error:
        answer = refuse(error)
        if answer is None:
            raise
        del s.info[PENDING_ON_COMMIT][announced:]
        return answer, answer
    given = render(result)
    return given, given if keep is None else keep(result)


def purge(s: Session, *, now: datetime) -> int:
    """Forgets calls of longer ago than `KEPT`. Returns how many."""
    return execute_count(s, delete(_table).where(_table.c.created_at <= now - KEPT))
