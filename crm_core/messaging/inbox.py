"""Updates from Telegram: stored raw before they are confirmed, finished exactly once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.events import NewEvent
from crm_core.messaging.alerts import notify_admins
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared, PreparedForIds, prepared_insert, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import InboxRow

_table = InboxRow.__table__

KEEP_DONE = timedelta(days=7)  # exceeds the 24 hours for which Telegram may repeat an update
KEEP_DEAD = timedelta(days=90)  # raw words of people: time enough to look into it, and no longer


@dataclass(frozen=True, slots=True)
class Update:
    """A raw update that is to be stored. Updates of one `conversation` are processed in order, one at a time."""

    update_id: int
    conversation: str
    raw: dict[str, Any]
    ends_album: bool = False


@dataclass(frozen=True, slots=True)
class StoredUpdate:
    """A stored update that waits to be processed.

    Attributes:
        is_reply_unknown: it has waited long enough for the message that it replies to; that counts as unknown.
        ends_album: whether it came with the other parts of an album, as the last of them.
    """

    id: int
    bot_id: int
    conversation: str
    raw: dict[str, Any]
    attempts: int = 0
    not_before: datetime | None = None
    is_reply_unknown: bool = False
    ends_album: bool = False


@dataclass(frozen=True, slots=True)
class UnstoredUpdate:
    """An update that came alone and is processed at once: it is stored in the transaction of its effect."""

    bot_id: int
    update_id: int
    conversation: str
    raw: dict[str, Any]
    ends_album: bool = False


IncomingUpdate = StoredUpdate | UnstoredUpdate

_INSERT = prepared_insert(_table)
_KNOWN = PreparedForIds(
    lambda ids: select(_table.c.update_id, _table.c.digest, _table.c.epoch, _table.c.id, _table.c.state).where(
        _table.c.bot_id == bindparam("bot_id"), _table.c.update_id.in_(ids)
    )
)


def store(s: Session, *, bot_id: int, updates: Sequence[Update], now: datetime) -> list[StoredUpdate]:
    """Stores a batch and returns those of its updates that are still to be processed. Confirm it after the commit only.

    These are the new ones, and known ones that are not finished: an earlier call may have committed while the
    connection to the database was lost, so that its caller never received the answer.

    The key is the pair (bot, update id), never an order of ids: Telegram may restart its numbers, lower ones too. The
    same id with another body is therefore another update, stored under the next epoch.
    """
    if not updates:
        return []
    known: dict[int, dict[str, tuple[int, int, str]]] = {}
    ids = {one.update_id for one in updates}
    for update_id, digest, epoch, row_id, state in execute(s, _KNOWN, {"bot_id": bot_id, "ids": sorted(ids)}):
        known.setdefault(update_id, {})[digest] = (epoch, row_id, state)
    unfinished, fresh, rows = [], [], []
    for one in updates:
        raw, digest = _as_text(one.raw)
        bodies = known.setdefault(one.update_id, {})
        if digest in bodies:
            _, row_id, state = bodies[digest]
            if state == "new" and row_id:
                unfinished.append(StoredUpdate(row_id, bot_id, one.conversation, one.raw, ends_album=one.ends_album))
            continue
        if bodies:
            notify_admins(s, cause=f"numbers:{bot_id}", code="update_ids_restarted", now=now, bot_id=bot_id)
        epoch = max((known_epoch for known_epoch, _, _ in bodies.values()), default=-1) + 1
        bodies[digest] = (epoch, 0, "new")  # no row id yet: a duplicate in the same batch is dropped
        fresh.append(one)
        rows.append(
            {
                "bot_id": bot_id,
                "update_id": one.update_id,
                "epoch": epoch,
                "digest": digest,
                "conversation": one.conversation,
                "raw": raw,
                "state": "new",
                "attempts": 0,
                "received_at": now,
            }
        )
    if rows:
        new_ids = execute(s, _INSERT, rows).scalars()
        unfinished += [
            StoredUpdate(row_id, bot_id, one.conversation, one.raw, ends_album=one.ends_album)
            for row_id, one in zip(new_ids, fresh, strict=True)
        ]
    return unfinished


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # `json.dumps` would make one each time


def _as_text(raw: dict[str, Any]) -> tuple[str, str]:
    """An update as it is stored, and its digest."""
    text = _encode(raw)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # a lone surrogate; one such update must not keep a batch from being stored
        text = json.dumps(raw, separators=(",", ":"))
        body = text.encode()
    return text, hashlib.blake2b(body, digest_size=16).hexdigest()


# Written exactly as in the indexes: SQLite uses a partial index only for the very condition that it was made with.
WAITS = text("inbox.state = 'new'")
_OF_BOT = (
    select(_table.c.id, _table.c.conversation, _table.c.raw, _table.c.attempts, _table.c.not_before)
    .where(_table.c.bot_id == bindparam("bot_id"), WAITS, _table.c.id > bindparam("after"))
    .order_by(_table.c.id)
    .limit(bindparam("limit"))
)
_WAITING = Prepared(_OF_BOT)
_OF_CONVERSATION = Prepared(_OF_BOT.where(_table.c.conversation == bindparam("conversation")))


def waiting(s: Session, *, bot_id: int, after: int, limit: int, conversation: str | None = None) -> list[StoredUpdate]:
    """Unfinished updates of a bot, or of one conversation of it, in the order of arrival."""
    statement = _WAITING if conversation is None else _OF_CONVERSATION
    values = {"bot_id": bot_id, "after": after, "limit": limit}
    if conversation is not None:
        values["conversation"] = conversation  # type: ignore[assignment]
    rows = execute(s, statement, values)
    return [
        StoredUpdate(row.id, bot_id, row.conversation, json.loads(row.raw), row.attempts, row.not_before)
        for row in rows
    ]


_FINISH = Prepared(
    update(_table)
    .where(_table.c.id == bindparam("row_id"), _table.c.state == "new")
    .values(state="done", finished_at=bindparam("at"))
)


class AlreadyFinished(Exception):
    """Another session has finished the update; what this one was about to change is rolled back."""


class AlreadyStored(Exception):
    """The id of an unstored update is known: it came before, or Telegram has restarted its numbers."""


_INSERT_FINISHED = prepared_upsert(_table, lambda insert: insert.on_conflict_do_nothing())


def finish(s: Session, *rows: IncomingUpdate, now: datetime) -> None:
    """Marks an update as done, in the transaction of its effect, so that it takes effect exactly once.

    An unstored update is stored here, as done. Raises AlreadyFinished; AlreadyStored, after which `store` decides what
    to do with it.

    Args:
        rows: the update, or the parts of an album, which have one effect.
    """
    stored = [{"row_id": row.id, "at": now} for row in rows if isinstance(row, StoredUpdate)]
    if stored and execute_count(s, _FINISH, stored) != len(stored):
        raise AlreadyFinished(stored[0]["row_id"])
    unstored = [_finished(row, now) for row in rows if isinstance(row, UnstoredUpdate)]
    if unstored and execute_count(s, _INSERT_FINISHED, unstored) != len(unstored):
        raise AlreadyStored(unstored[0]["update_id"])


def _finished(row: UnstoredUpdate, now: datetime) -> dict[str, Any]:
    raw, digest = _as_text(row.raw)
    return {
        "bot_id": row.bot_id, "update_id": row.update_id, "epoch": 0, "digest": digest,
        "conversation": row.conversation, "raw": raw, "state": "done", "attempts": 0,
        "received_at": now, "finished_at": now,
    }  # fmt: skip


def retry(s: Session, *, inbox_id: int, error: str, not_before: datetime) -> bool:
    """Stores a failed attempt and when to retry. `error` is the error's type, never its text, which may quote a client.

    Returns False if there is nothing to retry: another session has finished the update.
    """
    statement = (
        update(_table)
        .where(_table.c.id == inbox_id, _table.c.state == "new")
        .values(attempts=_table.c.attempts + 1, error=error[:200], not_before=not_before)
    )
    return execute_count(s, statement) == 1


def mark_dead(s: Session, *, inbox_id: int, bot_id: int, error: str, now: datetime) -> None:
    """Makes an update a dead letter: it stays, raw, for inspection, admins are notified, its conversation goes on."""
    marked = execute_count(
        s,
        update(_table)
        .where(_table.c.id == inbox_id, _table.c.state == "new")
        .values(state="dead", attempts=_table.c.attempts + 1, error=error[:200], finished_at=now),
    )
    if marked == 1:
        dead = NewEvent(
            events.UPDATE_DEAD, now, events.SYSTEM, reason=error[:64], data={"inbox_id": inbox_id, "bot_id": bot_id}
        )
        events.record(s, [dead])
        notify_admins(
            s, cause=f"update:{bot_id}", code="update_dead", now=now, bot_id=bot_id, inbox=inbox_id, error=error
        )


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Deletes updates finished before `KEEP_DONE`, dead ones before `KEEP_DEAD`, at most so many. Returns how many."""
    done = and_(_table.c.state == "done", _table.c.finished_at < now - KEEP_DONE)
    dead = and_(_table.c.state == "dead", _table.c.finished_at < now - KEEP_DEAD)
    return delete_batch(s, _table, _table.c.finished_at < now - KEEP_DONE, or_(done, dead), at_most=at_most)
