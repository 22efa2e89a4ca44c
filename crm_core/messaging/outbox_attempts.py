"""Attempts to send rows of the outbox: rows are claimed before a request is made, and settled by what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, ScalarSelect, and_, bindparam, null, or_, select, update
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.outbox import PendingRow
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared, PreparedForIds
from crm_core.storage.tables import Bot, OutboxRow

_table = OutboxRow.__table__


def claiming(ids: list[Any], newest_token: ScalarSelect[int]) -> Any:
    """The UPDATE that marks rows of any receiver as being sent by a session, if no newer session has begun.

    Args:
        ids: of the rows, as bound parameters.
        newest_token: the fencing token of the newest session that sends such a row.
    """
    return (
        update(_table)
        .where(
            _table.c.id.in_(ids),
            # A row that this very session has claimed already: the answer to that claim was lost, nothing was sent.
            or_(
                outbox.UNSETTLED,
                _table.c.state == "pending",
                and_(_table.c.state == "sending", _table.c.fence == bindparam("by_fence")),
            ),
            newest_token == bindparam("by_fence"),
        )
        # The key is free from now on: what changes after this moment is news, and needs a row of its own.
        .values(state="sending", fence=bindparam("by_fence"), attempts=_table.c.attempts + 1, once=null())
    )


class Claimed(NamedTuple):
    """What a sender needs of a claimed row: converting all of it took longer than claiming it."""

    id: int
    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None
    payload: dict[str, Any]
    attempts: int
    ambiguous: int
    failures: int


_bot = Bot.__table__
_OF_BOT = select(_bot.c.fence).where(_bot.c.id == _table.c.bot_id).scalar_subquery()
_CLAIM_ADDED = PreparedForIds(lambda ids: claiming(ids, _OF_BOT))
_CLAIM = PreparedForIds(lambda ids: claiming(ids, _OF_BOT).returning(*(_table.c[name] for name in Claimed._fields)))


def claim(s: Session, *, ids: Sequence[int], fencing_token: int) -> list[Claimed]:
    """Marks rows as being sent, before anything is, and returns those that may be sent, in the order of `ids`.

    Args:
        ids: the oldest row of each chat that may be sent to now, in the order in which they are to go; none of them is
            being sent.
        fencing_token: of the session that claims. An earlier session gets nothing; `settle` refuses its outcomes.
    """
    found = [Claimed(*row) for row in execute(s, _CLAIM, {"ids": list(ids), "by_fence": fencing_token})]
    places = {row_id: place for place, row_id in enumerate(ids)}
    return sorted(found, key=lambda row: places[row.id])  # RETURNING promises no order


def claim_added(s: Session, *, rows: Sequence[PendingRow], fencing_token: int) -> list[Claimed]:
    """The same for rows that this very transaction has added, and of which nothing has to be read.

    On SQLite, RETURNING takes as long as the rest of a claim.
    """
    ids = [row.id for row in rows]
    known = [
        Claimed(row.id, row.kind, row.bot_id, row.chat_id, row.contact_id, row.payload, 1, 0, 0)
        for row in rows
        if row.payload is not None
    ]
    if len(known) < len(rows):
        return claim(s, ids=ids, fencing_token=fencing_token)
    if execute_count(s, _CLAIM_ADDED, {"ids": ids, "by_fence": fencing_token}) == len(known):
        return known
    mine = _mine(s, ids=ids, fencing_token=fencing_token)
    return [row for row in known if row.id in mine]


_LATER = _table.alias()
_FOLLOWER = (
    select(_LATER.c.id)
    .where(
        _LATER.c.id > bindparam("row_id"),
        _LATER.c.bot_id == bindparam("bot_id"),
        _LATER.c.chat_id == bindparam("chat_id"),
        _LATER.c.kind == bindparam("kind"),
        _LATER.c.payload["message_id"].as_integer() == bindparam("message_id"),
    )
    .limit(1)
)


def is_followed(s: Session, *, row_id: int, bot_id: int, chat_id: int, kind: str, message_id: int) -> bool:
    """Whether a newer row changes the same message as this one, of a kind in `outbox.OF_ONE_MESSAGE`."""
    about = {"row_id": row_id, "bot_id": bot_id, "chat_id": chat_id, "kind": kind, "message_id": message_id}
    return execute(s, _FOLLOWER, about).first() is not None


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of an attempt, as its sender judged it; of any receiver.

    Attributes:
        state: `sent`, `pending` (to be tried again), `uncertain` or `dead`.
        outcome: a short code that says why; never message content.
        result_id: Telegram's id of the message that is now in the chat.
        ambiguous: whether nobody knows if this attempt was applied.
        is_own_failure: whether others were sent meanwhile; only such failures are counted against a row.
        waits_for_telegram: as in `PendingRow`.
        also: Telegram's ids of further messages of the row, such as the words under a photo without them; of a row that
            is not sent, what has arrived of it nevertheless.
        requests: how many this attempt took.
    """

    id: int
    state: str
    outcome: str
    result_id: int | None = None
    not_before: datetime | None = None
    ambiguous: bool = False
    is_own_failure: bool = False
    waits_for_telegram: bool = False
    also: tuple[int, ...] = ()
    requests: int = 1


_SETTLE = Prepared(
    update(_table)
    .where(_table.c.id == bindparam("row_id"), _table.c.state == "sending", _table.c.fence == bindparam("by_fence"))
    .values(
        state=bindparam("to_state"),
        outcome=bindparam("why"),
        result_id=bindparam("result"),
        not_before=bindparam("due"),
        settled_at=bindparam("at"),
        ambiguous=_table.c.ambiguous + bindparam("unknown"),
        failures=_table.c.failures + bindparam("own"),
        attempts=_table.c.attempts + bindparam("further"),
    )
)


_MINE = PreparedForIds(
    lambda ids: (
        select(_table.c.id)
        .where(
            _table.c.id.in_(ids),
            _table.c.state == "sending",
            _table.c.fence == bindparam("by_fence"),
        )
        .order_by(_table.c.id)
        .with_for_update()
    )
)


def _mine(s: Session, *, ids: Sequence[int], fencing_token: int) -> set[int]:
    """Those of the rows that a session is sending; they are locked."""
    return set(execute(s, _MINE, {"ids": list(ids), "by_fence": fencing_token}).scalars())


def settle(s: Session, *, settled: Sequence[Settled], fencing_token: int, now: datetime) -> set[int]:
    """Records outcomes, of any receiver, and returns the ids of those that count.

    Those of an earlier session change nothing: its rows were decided when it was fenced off.
    """
    mine = _mine(s, ids=[one.id for one in settled], fencing_token=fencing_token)
    rows = [
        {
            "row_id": one.id,
            "by_fence": fencing_token,
            "to_state": one.state,
            "why": one.outcome[:200],
            "result": one.result_id,
            "due": one.not_before,
            "unknown": int(one.ambiguous),
            "own": int(one.is_own_failure),
            "further": max(0, one.requests - 1),
            "at": None if one.state == "pending" else now,
        }
        for one in settled
        if one.id in mine
    ]
    if rows:
        execute(s, _SETTLE, rows)
    return mine


def orphans(s: Session, *, bot_id: int, fencing_token: int) -> list[Row[Any]]:
    """Rows that an earlier session of the bot left in `sending`: nobody knows whether they arrived."""
    return list(
        execute(
            s,
            select(_table)
            .where(
                _table.c.bot_id == bot_id, outbox.UNSETTLED, _table.c.state == "sending", _table.c.fence < fencing_token
            )
            .order_by(_table.c.id),
        )
    )


def adopt(s: Session, *, row_id: int, fencing_token: int) -> None:
    """Makes a row that an ended session left this session's own, so that it can be settled; of any receiver."""
    execute(s, update(_table).where(_table.c.id == row_id, _table.c.state == "sending").values(fence=fencing_token))
