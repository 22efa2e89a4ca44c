"""What must be told to whom: rows that commit together with the facts they announce.

A row says *what must be known* (a card, a copy of a message, a notice) and names ids; the words are made when it is
sent, in the reader's language, from the newest state. `bot/delivery` sends them; the claims and outcomes are here,
so that the database alone knows what was tried.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, null, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared, PreparedForIds, prepared_insert
from crm_core.storage.tables import Bot, Contact, OutboxRow, Staff
from crm_core.storage.upsert import prepared_upsert

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

# Said as the index says it: SQLite uses a partial index only for the very condition that it was made with.
UNSETTLED = text("outbox.state IN ('pending', 'sending')")

_table = OutboxRow.__table__
_INSERT = prepared_insert(_table)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Something to be told.

    Attributes:
        kind: one of the names above; it decides how an unknown outcome is treated.
        bot_id, chat_id: who speaks, and where.
        message_ref: the row in `messages` that is copied.
        payload: what else the words need: codes, ids, or finished text.
        once: while a row with this key waits, a further one is not added. Who claims the row frees the key.
    """

    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None = None
    message_ref: int | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    once: str | None = None


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A row that has been committed and may be sent: what the sender is woken with."""

    id: int
    bot_id: int
    chat_id: int
    kind: str
    not_before: datetime | None = None


def add(s: Session, sends: Iterable[OutboxEntry], *, now: datetime) -> None:
    """Adds rows in their order; those with a `once` key that already waits are dropped."""
    plain = []
    for send in sends:
        if send.once is None:
            plain.append(send)
        else:
            _add_once(s, send, now)
    if plain:
        # Several rows of one action keep their order: ids are handed out in the order of the parameters.
        ids = execute(s, _INSERT, [_values(send, now) for send in plain]).scalars()
        for row_id, send in zip(ids, plain, strict=True):
            on_commit(s, PendingRow(row_id, send.bot_id, send.chat_id, send.kind))


# The row that waits is touched, not only seen: whoever claims it in this moment must wait for this transaction, or it
# would be rendered from the state before it, with nobody left to bring it up to date.
_INSERT_ONCE = prepared_upsert(
    _table,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["once"],
        index_where=text("state = 'pending' AND once IS NOT NULL"),
        set_={"once": insert.excluded.once},
    ).returning(_table.c.id),
)


def _add_once(s: Session, send: OutboxEntry, now: datetime) -> None:
    row_id = execute(s, _INSERT_ONCE, _values(send, now)).scalar_one()
    on_commit(s, PendingRow(row_id, send.bot_id, send.chat_id, send.kind))


def _values(send: OutboxEntry, now: datetime) -> dict[str, Any]:
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
    .where(
        _table.c.bot_id == bindparam("bot_id"),
        UNSETTLED,
        _table.c.state == "pending",
        _table.c.id > bindparam("after"),
    )
    .order_by(_table.c.id)
    .limit(bindparam("limit"))
)


def waiting(s: Session, *, bot_id: int, after: int = 0, limit: int = 10_000) -> list[PendingRow]:
    """Rows of a bot that may be sent, oldest first: what a sender that starts, or looks again, has to do."""
    return [PendingRow(*row) for row in execute(s, _WAITING, {"bot_id": bot_id, "after": after, "limit": limit})]


def claimed(s: Session, *, bot_id: int, fencing_token: int) -> list[PendingRow]:
    """Rows that a life of a bot has claimed: where it knows nothing of one, the answer to a commit was lost."""
    rows = execute(
        s,
        select(_table.c.id, _table.c.bot_id, _table.c.chat_id, _table.c.kind)
        .where(_table.c.bot_id == bot_id, UNSETTLED, _table.c.state == "sending", _table.c.fence == fencing_token)
        .order_by(_table.c.id),
    )
    return [PendingRow(*row) for row in rows]


_bot = Bot.__table__
# What a sender needs of a row: to convert all of it took longer than to claim it.
_CLAIMED = (
    _table.c.id, _table.c.kind, _table.c.bot_id, _table.c.chat_id, _table.c.contact_id, _table.c.payload,
    _table.c.attempts, _table.c.ambiguous,
)  # fmt: skip
_CLAIM = PreparedForIds(
    lambda ids: (
        update(_table)
        .where(
            _table.c.id.in_(ids),
            # A row of this very life that is claimed already: the answer to an earlier claim was lost, nothing went.
            or_(
                UNSETTLED,
                _table.c.state == "pending",
                and_(_table.c.state == "sending", _table.c.fence == bindparam("by_fence")),
            ),
            select(_bot.c.fence).where(_bot.c.id == _table.c.bot_id).scalar_subquery() == bindparam("by_fence"),
        )
        # The key is free from now on: what changes after this moment is news, and needs a row of its own.
        .values(state="sending", fence=bindparam("by_fence"), attempts=_table.c.attempts + 1, once=null())
        .returning(*_CLAIMED)
    )
)


def claim(s: Session, *, ids: Sequence[int], fencing_token: int) -> list[Row[Any]]:
    """Marks rows as being sent, before anything is; returns those that may be.

    Args:
        ids: the oldest row of each chat that may be sent to now; none of them is under way.
        fencing_token: of the session that claims. An earlier session gets nothing; `settle` refuses its outcomes.
    """
    return list(execute(s, _CLAIM, {"ids": list(ids), "by_fence": fencing_token}))


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


def settle(s: Session, *, settled: Sequence[Settled], fencing_token: int, now: datetime) -> set[int]:
    """Records outcomes and returns the ids of those that count.

    Those of an older life of the bot change nothing: its rows were decided when it was fenced off.
    """
    mine = set(execute(s, _MINE, {"ids": [one.id for one in settled], "by_fence": fencing_token}).scalars())
    rows = [
        {
            "row_id": one.id,
            "by_fence": fencing_token,
            "to_state": one.state,
            "why": one.outcome[:200],
            "result": one.result_id,
            "due": one.not_before,
            "unknown": int(one.ambiguous),
            "at": None if one.state == "pending" else now,
        }
        for one in settled
        if one.id in mine
    ]
    if rows:
        execute(s, _SETTLE, rows)
    return mine


_MOVED = PreparedForIds(
    lambda ids: (
        update(_table)
        .where(
            _table.c.id.in_(ids),
            _table.c.state == "pending",
            ~exists().where(
                Contact.id == _table.c.contact_id,
                Staff.operator_id == Contact.operator_id,
                Staff.telegram_id == _table.c.chat_id,
            ),
        )
        .values(state="dead", outcome="reassigned", settled_at=bindparam("at"))
    )
)


def drop_moved(s: Session, *, ids: Sequence[int], now: datetime) -> None:
    """Gives up those of the rows for a contact's operator that would go to somebody who does not hold it any more."""
    execute(s, _MOVED, {"ids": list(ids), "at": now})


def sent_since(s: Session, *, bot_id: int, since: datetime, now: datetime) -> list[tuple[int, datetime]]:
    """Every attempt of a bot to send something, the earliest first: (chat, moment), or rather not before that moment.

    Of several attempts of a row only the last one's moment is known, and none of what is still being sent, or was and
    shall be again: that counts as sent now.
    """
    settled = select(_table.c.chat_id, _table.c.settled_at, _table.c.attempts).where(
        _table.c.bot_id == bot_id, _table.c.settled_at > since, _table.c.attempts > 0
    )
    under_way = select(_table.c.chat_id, _table.c.attempts).where(
        _table.c.bot_id == bot_id, UNSETTLED, _table.c.attempts > 0
    )
    found = [(row.chat_id, row.settled_at, row.attempts) for row in execute(s, settled.order_by(_table.c.settled_at))]
    found += [(row.chat_id, now, row.attempts) for row in execute(s, under_way)]
    return [(chat_id, at) for chat_id, at, attempts in found for _ in range(attempts)]


def orphans(s: Session, *, bot_id: int, fencing_token: int) -> list[Row[Any]]:
    """Rows that an older life of the bot left in `sending`: nobody knows whether they arrived."""
    return list(
        execute(
            s,
            select(_table)
            .where(_table.c.bot_id == bot_id, UNSETTLED, _table.c.state == "sending", _table.c.fence < fencing_token)
            .order_by(_table.c.id),
        )
    )


def adopt(s: Session, *, row_id: int, fencing_token: int) -> None:
    """Makes a row of an ended life this life's own, so that its outcome can be settled."""
    s.execute(update(_table).where(_table.c.id == row_id, _table.c.state == "sending").values(fence=fencing_token))


def give_up(s: Session, *, row_id: int, outcome: str, now: datetime) -> None:
    """Sets a row aside that nothing can be made of."""
    execute(
        s,
        update(_table).where(_table.c.id == row_id, UNSETTLED).values(state="dead", outcome=outcome, settled_at=now),
    )


def drop_waiting(
    s: Session, *, bot_id: int, chat_id: int, outcome: str, now: datetime, keep: Sequence[str] = ()
) -> None:
    """Gives up what waits for a chat that cannot, or must not, be written to any more, but for the kinds in `keep`."""
    s.execute(
        update(_table)
        .where(
            _table.c.bot_id == bot_id,
            _table.c.chat_id == chat_id,
            UNSETTLED,
            _table.c.state == "pending",
            _table.c.kind.not_in(keep),
        )
        .values(state="dead", outcome=outcome, settled_at=now)
    )


_DROP_CONTACT = (
    update(_table)
    .where(
        _table.c.contact_id == bindparam("of_contact"),
        _table.c.kind.in_((CARD, TO_OPERATOR)),
        _table.c.state == "pending",
    )
    .values(state="dead", outcome=bindparam("why"), settled_at=bindparam("at"))
)


def drop_contact(s: Session, *, contact_id: int, outcome: str, now: datetime) -> None:
    """Gives up what of a contact still waits for its operator: it is not his any more, its next one gets it all."""
    s.execute(_DROP_CONTACT, {"of_contact": contact_id, "why": outcome, "at": now})


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7)) -> int:
    """Deletes rows settled longer ago than `keep`; what was said stays in `messages`. Returns how many."""
    return execute_count(s, _table.delete().where(_table.c.settled_at < now - keep))
