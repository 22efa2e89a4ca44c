"""What a change of settings would have meant yesterday, before it is made: made in a transaction that is undone.

So a setting is checked and understood by the action that sets it, and read from the events of that, whichever it is.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.replay.as_set import as_set
from crm_core.replay.asking import Wish, ask
from crm_core.replay.changed import changed_since, newest
from crm_core.replay.changes import Changes
from crm_core.replay.figures import Replay
from crm_core.storage.database import Database


class _Tried(Exception):
    """Undoes a transaction, and says what was set in it."""

    def __init__(self, changes: Changes) -> None:
        super().__init__()
        self.changes = changes


def _try(
    s: Session,
    *,
    action: Callable[..., object],
    inputs: Mapping[str, Any],
    of: Mapping[str, int],
    given: Collection[str],
    actor: Actor,
    now: datetime,
) -> None:
    before = newest(s)
    action(s, **of, actor=actor, now=now, **inputs)
    changed = changed_since(s, since=now, actor=actor, after=before, **of)
    raise _Tried(Changes({**as_set(s, given, **of), **changed.values}))


async def try_change(
    db: Database,
    action: Callable[..., object],
    inputs: Mapping[str, Any],
    *,
    of: Mapping[str, int],
    actor: Actor,
    now: datetime,
    zone: str,
    given: Collection[str] = (),
) -> Replay:
    """Plays yesterday under a change that is not made. Without a change of what a replay knows, it is as it was.

    Args:
        action, inputs: what sets it, and its arguments besides `of`, `actor` and `now`.
        of: `source_id`, `operator_id` or both: whose setting it is.
        zone: in which it was yesterday.
        given: names of settings, as the API has them, that are as the action leaves them even where it changes
            nothing: what is set so today may have been otherwise yesterday.

    Raises what the action raises, NotAllowed, and PeriodTooLong.
    """
    changes = Changes()
    try:
        await db.write(_try, action=action, inputs=inputs, of=of, given=given, actor=actor, now=now)
    except _Tried as tried:
        changes = tried.changes
    return await ask(db, wish=Wish("", changes=changes), actor=actor, now=now, zone=zone)
