"""What must be told to whom: rows that commit together with the facts they announce.

A row says *what must be known* (a card, a copy of a message, a notice) and names ids; the words are made when it is
sent, in the reader's language, from the newest state. `bot/delivery` sends them; the claims and outcomes are here,
so that the database alone knows what was tried.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from crm_core.storage.database import announce
from crm_core.storage.rows import changed, run
from crm_core.storage.tables import OutboxRow
from crm_core.storage.upsert import upserting

CARD = "card"  # a new card in an operator's chat
CARD_EDIT = "card_edit"  # a card brought up to date
TO_OPERATOR = "to_operator"  # a true copy of a client's message
TO_CLIENT = "to_client"  # a true copy of an operator's message
CLIENT_NOTICE = "client_notice"  # words of ours to a client, by code
STAFF_NOTICE = "staff_notice"  # words of ours to staff, by code
ANSWER = "answer"  # the finished answer to a command
COPY_EDIT = "copy_edit"  # a copy whose original was edited
SCREEN = "screen"  # a screen of buttons changed in place
MENU = "menu"  # a person's list of commands

WAITING = ("pending", "sending")

_table = OutboxRow.__table__
_INSERT = insert(_table).returning(_table.c.id)


@dataclass(frozen=True, slots=True)
class Send:
    """Something to be told.

    Attributes:
        kind: one of the names above; it decides how an unknown outcome is treated.
        bot_id, chat_id: who speaks, and where.
        message_ref: the row in `messages` that is copied.
        payload: what else the words need: codes, ids, or finished text.
        once: while a row with this key is pending, a further one is not added.
    """

    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None = None
    message_ref: int | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """A row that has been committed and may be sent: what the sender is woken with."""

    id: int
    bot_id: int
    chat_id: int
    kind: str
    not_before: datetime | None = None


def add(s: Session, sends: Iterable[Send], *, now: datetime) -> None:
    """Adds rows in their order; those with a `once` key that already waits are dropped."""
    plain = []
    for send in sends:
        if send.once is None:
            plain.append(send)
        else:
            _add_once(s, send, now)
    if plain:
        # Several rows of one action keep their order: ids are handed out in the order of the parameters.
        statement = _INSERT if len(plain) == 1 else _INSERT_SORTED
        ids = run(s, statement, [_values(send, now) for send in plain]).scalars()
        for row_id, send in zip(ids, plain, strict=True):
            announce(s, Queued(row_id, send.bot_id, send.chat_id, send.kind))


_INSERT_SORTED = insert(_table).returning(_table.c.id, sort_by_parameter_order=True)


def _add_once(s: Session, send: Send, now: datetime) -> None:
    statement = upserting(s, _table).on_conflict_do_nothing().returning(_table.c.id)
    row_id = run(s, statement, _values(send, now)).scalar_one_or_none()
    if row_id is not None:
        announce(s, Queued(row_id, send.bot_id, send.chat_id, send.kind))


def _values(send: Send, now: datetime) -> dict[str, Any]:
    return {
        "kind": send.kind,
        "bot_id": send.bot_id,
        "chat_id": send.chat_id,
        "contact_id": send.contact_id,
        "message_ref": send.message_ref,
        "payload": send.payload,
        "once": send.once,
        "state": "pending",
        "attempts": 0,
        "ambiguous": 0,
        "created_at": now,
    }


_WAITING = (
    select(_table.c.id, _table.c.bot_id, _table.c.chat_id, _table.c.kind, _table.c.not_before)
    .where(_table.c.bot_id == bindparam("bot_id"), _table.c.state == "pending", _table.c.id > bindparam("after"))
    .order_by(_table.c.id)
    .limit(bindparam("limit"))
)


def waiting(s: Session, *, bot_id: int, after: int = 0, limit: int = 10_000) -> list[Queued]:
    """Rows of a bot that may be sent, oldest first: what a sender that starts, or looks again, has to do."""
    return [Queued(*row) for row in run(s, _WAITING, {"bot_id": bot_id, "after": after, "limit": limit})]


_CLAIM = (
    update(_table)
    .where(_table.c.id.in_(bindparam("ids", expanding=True)), _table.c.state == "pending")
    .values(state="sending", fence=bindparam("by_fence"), attempts=_table.c.attempts + 1)
    .returning(_table)
)


def claim(s: Session, *, ids: Sequence[int], fence: int) -> list[Row[Any]]:
    """Marks rows as being sent, before anything is; returns those that were still pending.

    Args:
        ids: the oldest row of each chat that may be sent to now.
        fence: the life of the bot that claims; an older life's outcomes are refused by `settle`.
    """
    return list(run(s, _CLAIM, {"ids": list(ids), "by_fence": fence}))


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an attempt, as `bot/delivery` judged it.

    Attributes:
        state: `sent`, `pending` (to be tried again), `uncertain` or `dead`.
        outcome: a short code of why; never anybody's words.
        result_id: Telegram's id of the message that now stands in the chat.
        ambiguous: whether nobody knows if this attempt was applied.
    """

    id: int
    state: str
    outcome: str
    result_id: int | None = None
    not_before: datetime | None = None
    ambiguous: bool = False


_SETTLE = (
    update(_table)
    .where(_table.c.id == bindparam("row_id"), _table.c.state == "sending", _table.c.fence == bindparam("by_fence"))
    .values(
        state=bindparam("to_state"),
        outcome=bindparam("why"),
        result_id=bindparam("result"),
        not_before=bindparam("due"),
        settled_at=bindparam("at"),
        ambiguous=_table.c.ambiguous + bindparam("unknown"),
    )
)


def settle(s: Session, *, settled: Sequence[Settled], fence: int, now: datetime) -> None:
    """Records outcomes; those of an older life of the bot change nothing: its rows were decided when it was fenced."""
    s.execute(
        _SETTLE,
        [
            {
                "row_id": one.id,
                "by_fence": fence,
                "to_state": one.state,
                "why": one.outcome[:200],
                "result": one.result_id,
                "due": one.not_before,
                "unknown": int(one.ambiguous),
                "at": None if one.state == "pending" else now,
            }
            for one in settled
        ],
    )


def orphans(s: Session, *, bot_id: int) -> list[Row[Any]]:
    """Rows that an ended process left in `sending`: nobody knows whether they arrived."""
    return list(
        s.execute(select(_table).where(_table.c.bot_id == bot_id, _table.c.state == "sending").order_by(_table.c.id))
    )


def adopt(s: Session, *, row_id: int, fence: int) -> None:
    """Makes a row of an ended life this life's own, so that its outcome can be settled."""
    s.execute(update(_table).where(_table.c.id == row_id, _table.c.state == "sending").values(fence=fence))


def drop_waiting(
    s: Session, *, bot_id: int, chat_id: int, outcome: str, now: datetime, keep: Sequence[str] = ()
) -> None:
    """Gives up what waits for a chat that cannot, or must not, be written to any more, but for the kinds in `keep`."""
    s.execute(
        update(_table)
        .where(
            _table.c.bot_id == bot_id,
            _table.c.chat_id == chat_id,
            _table.c.state == "pending",
            _table.c.kind.not_in(keep),
        )
        .values(state="dead", outcome=outcome, settled_at=now)
    )


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7)) -> int:
    """Deletes rows settled longer ago than `keep`; what was said stays in `messages`. Returns how many."""
    return changed(s, _table.delete().where(_table.c.settled_at < now - keep))
