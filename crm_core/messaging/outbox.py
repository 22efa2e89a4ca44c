"""What is to be sent, and to whom: rows that commit together with the facts they announce.

A row says *what must be known* (a card, a copy of a message, a notice) and names ids; its text is made when it is sent,
in the reader's language, from the newest state. `bot/delivery` sends the rows; claims and outcomes are stored here, so
that the database alone knows what was tried.

Everything here is about rows for Telegram, except where it says "any receiver". Other receivers: `messaging.receivers`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, ScalarSelect, and_, bindparam, case, exists, func, null, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count, execute_later
from crm_core.storage.prepared import Prepared, PreparedForIds, Rows, prepared_insert, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Bot, Contact, OutboxRow, Staff

CARD = "card"  # a new card in an operator's chat
CARD_EDIT = "card_edit"  # a card brought up to date
TALK = "talk"  # what both sides said before a contact came to its operator, several messages in one
TO_OPERATOR = "to_operator"  # an exact copy of a client's message
MORE = "more"  # how many further messages of a client were not copied to their operator
TO_CLIENT = "to_client"  # an exact copy of an operator's message
CLIENT_NOTICE = "client_notice"  # a message of the bot to a client, by code
STAFF_NOTICE = "staff_notice"  # a message of the bot to staff, by code
NOTICE_EDIT = "notice_edit"  # such a message brought up to date
ANSWER = "answer"  # the finished answer to a command
COPY_EDIT = "copy_edit"  # a copy whose original was edited
DELETE = "delete"  # a message of ours taken out of a chat: a copy, or one that its payload names
SCREEN = "screen"  # a screen of buttons changed in place
OVERVIEW = "overview"  # the overview in an operator's chat: sent, or changed in place
MY = "my"  # the same when its operator has asked for it, and waits: by /my, or by turning a page
PIN = "pin"  # a message pinned in its chat, or no longer
MENU = "menu"  # a person's list of commands
REACTION = "reaction"  # the bot's reaction on a message, or none any more
FORUM = "forum"  # the next step of what a topic of a team's forum is behind with (`crm_core.conversation.forums`)

# Written exactly as in the index: SQLite uses a partial index only for the very condition that it was made with.
UNSETTLED = text("outbox.state IN ('pending', 'sending')")

ALBUM = "album"  # in the payload of a copy: Telegram's id of the album whose other parts it is sent with
ALBUM_PARTS = 10  # at most (https://core.telegram.org/bots/api#sendmediagroup)
PROTECTED = "is_protected"  # in the payload of what is not about one contact: it can be neither forwarded nor saved
TOPIC = "topic"  # in the payload of an answer: the topic of what it answers
APART = "apart"  # the outcome of an attempt after which a part of an album is to be sent by itself

_table = OutboxRow.__table__
_INSERT = prepared_insert(_table)
_INSERT_HELD = prepared_insert(_table)  # with a moment before which they are not sent: most rows have none


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Something to be sent to a chat.

    Attributes:
        kind: one of the names above; it decides how an ambiguous outcome is treated.
        bot_id, chat_id: the bot that sends it, and the chat.
        message_ref: the row in `messages` that is copied.
        payload: what else the text needs: codes, ids, or finished text.
        dedup_key: while a row with this key is pending, a further one is not added. Claiming the row frees the key.
        not_before: a part of an album waits until then for further ones, which may end the wait.
    """

    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None = None
    message_ref: int | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    dedup_key: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A committed row that may be sent: what the sender is woken with.

    Attributes:
        not_before: a retry waits until then, or a part of an album for further ones (`is_held`).
        waits_for_telegram: the retry waits only because Telegram does not answer (`bot.delivery.circuit`).
        album: of a copy that goes with the other parts of an album, that album's id.
        payload: of a row that was just added, for `claim_added`; None for any other.
    """

    id: int
    bot_id: int
    chat_id: int
    kind: str
    contact_id: int | None = None
    not_before: datetime | None = None
    waits_for_telegram: bool = False
    album: str | None = None
    is_held: bool = False
    payload: dict[str, Any] | None = field(default=None, compare=False, repr=False)


def add(s: Session, entries: Iterable[OutboxEntry], *, now: datetime) -> None:
    """Adds rows in their order, except those whose `dedup_key` a pending row has already."""
    plain, is_held = [], False
    for entry in entries:
        if entry.dedup_key is None:
            plain.append(entry)
            is_held |= entry.not_before is not None
        else:
            execute_later(s, _INSERT_OR_TOUCH, _values(entry, now), _note_ids(s, iter([entry])))
    if plain:
        # Several rows of one action keep their order: ids are assigned in the order of the parameters.
        values = [_values(entry, now) for entry in plain]
        if is_held:
            values = [{**one, "not_before": entry.not_before} for one, entry in zip(values, plain, strict=True)]
        execute_later(s, _INSERT_HELD if is_held else _INSERT, values, _note_ids(s, iter(plain)))


def _note_ids(s: Session, added: Iterator[OutboxEntry]) -> Callable[[Rows], None]:
    """Makes the senders know of rows as soon as they have their ids."""

    def note(ids: Rows) -> None:
        for row_id in ids.scalars():
            entry = next(added)
            payload = entry.payload if entry.dedup_key is None else None  # that of the row which has the key may differ
            place = (row_id, entry.bot_id, entry.chat_id, entry.kind, entry.contact_id)
            if ALBUM in entry.payload:
                is_held = entry.not_before is not None
                part = {"not_before": entry.not_before, "album": entry.payload[ALBUM], "is_held": is_held}
                on_commit(s, PendingRow(*place, **part, payload=payload))
            else:
                on_commit(s, PendingRow(*place, payload=payload))

    return note


def or_touch_pending(insert: Any) -> Any:
    """Completes an INSERT of any receiver: where a row with its key is pending, that row's id is returned instead.

    The pending row is touched, not only read: a claim in this moment must wait for this transaction, or the row would
    be rendered from the state before it, and nothing would bring it up to date.
    """
    return insert.on_conflict_do_update(
        index_elements=["once"],
        index_where=text("state = 'pending' AND once IS NOT NULL"),
        set_={"once": insert.excluded.once},
    ).returning(_table.c.id)


_INSERT_OR_TOUCH = prepared_upsert(_table, or_touch_pending)


def _values(entry: OutboxEntry, now: datetime) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "bot_id": entry.bot_id,
        "chat_id": entry.chat_id,
        "contact_id": entry.contact_id,
        "message_ref": entry.message_ref,
        "payload": entry.payload,
        "once": entry.dedup_key,
        "state": "pending",
        "attempts": 0,
        "ambiguous": 0,
        "created_at": now,
    }


_IS_APART = func.coalesce(_table.c.outcome, "") == APART
_PENDING = (
    _table.c.id,
    _table.c.bot_id,
    _table.c.chat_id,
    _table.c.kind,
    _table.c.contact_id,
    case((_IS_APART, null()), else_=_table.c.payload[ALBUM].as_string()).label("album"),
)
_WAITING = (
    select(*_PENDING, _table.c.not_before, _table.c.attempts)
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
    """Rows of a bot that may be sent, oldest first: the work of a sender that starts, or looks again."""
    rows = execute(s, _WAITING, {"bot_id": bot_id, "after": after, "limit": limit})
    return [_pending(row, row.not_before, is_held=row.not_before is not None and row.attempts == 0) for row in rows]


def _pending(row: Row[Any], not_before: datetime | None = None, *, is_held: bool = False) -> PendingRow:
    place = (row.id, row.bot_id, row.chat_id, row.kind, row.contact_id, not_before)
    return PendingRow(*place, album=row.album, is_held=is_held and row.album is not None)


def claimed(s: Session, *, bot_id: int, fencing_token: int) -> list[PendingRow]:
    """Rows that a session of a bot has claimed. If it does not know of one, the answer to its commit was lost."""
    rows = execute(
        s,
        select(*_PENDING)
        .where(_table.c.bot_id == bot_id, UNSETTLED, _table.c.state == "sending", _table.c.fence == fencing_token)
        .order_by(_table.c.id),
    )
    return [_pending(row) for row in rows]


TOKEN_REFUSED = "token_refused"  # noqa: S105 - an outcome
_RELEASE_REFUSED = (
    update(_table)
    .where(
        _table.c.bot_id == bindparam("of_bot"),
        UNSETTLED,
        _table.c.state == "pending",
        _table.c.outcome == TOKEN_REFUSED,
        _table.c.not_before.is_not(None),
    )
    .values(not_before=null())
)


def release_refused(s: Session, *, bot_id: int) -> None:
    """Makes due what waits only because Telegram refused the bot's token: it accepts the one of now."""
    execute(s, _RELEASE_REFUSED, {"of_bot": bot_id})


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
                UNSETTLED,
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
    """Marks rows as being sent, before anything is, and returns those that may be sent.

    Args:
        ids: the oldest row of each chat that may be sent to now; none of them is being sent.
        fencing_token: of the session that claims. An earlier session gets nothing; `settle` refuses its outcomes.
    """
    return [Claimed(*row) for row in execute(s, _CLAIM, {"ids": list(ids), "by_fence": fencing_token})]


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
    """Gives up those of the rows for a contact's operator that would go to somebody who no longer holds it."""
    execute(s, _MOVED, {"ids": list(ids), "at": now})


def sent_since(s: Session, *, bot_id: int, since: datetime, now: datetime) -> list[tuple[int, datetime]]:
    """Every request by which a bot tried to send something: (chat, the latest moment at which it can have been made).

    Of several attempts of a row only the last one's moment is stored, and none of a row that is being sent, or waits to
    be sent again: its attempts count as made now.
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
    """Rows that an earlier session of the bot left in `sending`: nobody knows whether they arrived."""
    return list(
        execute(
            s,
            select(_table)
            .where(_table.c.bot_id == bot_id, UNSETTLED, _table.c.state == "sending", _table.c.fence < fencing_token)
            .order_by(_table.c.id),
        )
    )


def adopt(s: Session, *, row_id: int, fencing_token: int) -> None:
    """Makes a row that an ended session left this session's own, so that it can be settled; of any receiver."""
    execute(s, update(_table).where(_table.c.id == row_id, _table.c.state == "sending").values(fence=fencing_token))


def give_up(s: Session, *, row_id: int, outcome: str, now: datetime) -> None:
    """Marks a row that cannot be rendered as dead; of any receiver."""
    execute(
        s,
        update(_table).where(_table.c.id == row_id, UNSETTLED).values(state="dead", outcome=outcome, settled_at=now),
    )


_KEYED = text("outbox.state = 'pending' AND outbox.once IS NOT NULL")


def change_keyed(s: Session, *, dedup_key: str, payload: dict[str, Any]) -> None:
    """Changes the payload of the row that waits under a key, if there is one: `add` would leave it as it is."""
    execute(s, update(_table).where(_table.c.once == dedup_key, _KEYED).values(payload=payload))


def give_up_keyed(s: Session, *, dedup_key: str, outcome: str, now: datetime) -> None:
    """Gives up the row that waits under a key, if there is one."""
    execute(
        s,
        update(_table)
        .where(_table.c.once == dedup_key, _KEYED)
        .values(state="dead", outcome=outcome, settled_at=now, once=null()),
    )


def drop_waiting(
    s: Session, *, bot_id: int, chat_id: int, outcome: str, now: datetime, keep: Sequence[str] = ()
) -> None:
    """Gives up all rows that wait for a chat that can no longer be written to, except the kinds in `keep`."""
    execute(
        s,
        update(_table)
        .where(
            _table.c.bot_id == bot_id,
            _table.c.chat_id == chat_id,
            UNSETTLED,
            _table.c.state == "pending",
            _table.c.kind.not_in(keep),
        )
        .values(state="dead", outcome=outcome, settled_at=now),
    )


_WAITS_FOR_HOLDER = (
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.bot_id.is_not(None),  # kinds of other receivers are their own
    _table.c.kind.in_((CARD, TALK, TO_OPERATOR, MORE)),
    _table.c.state == "pending",
)
_HOLD_WAITING = select(_table.c.id).where(*_WAITS_FOR_HOLDER).order_by(_table.c.id).with_for_update()


def hold_waiting(s: Session, *, contact_id: int) -> None:
    """Locks what waits for the operator of a contact: until this transaction ends, no sender claims any of it.

    What a sender was just claiming is being sent when this returns. The caller has locked the contact.
    """
    execute(s, _HOLD_WAITING, {"of_contact": contact_id}).all()


_DROP_CONTACT = (
    update(_table)
    .where(*_WAITS_FOR_HOLDER)
    .values(state="dead", outcome=bindparam("why"), settled_at=bindparam("at"))
    .returning(_table.c.kind, _table.c.payload)
)


def drop_contact(s: Session, *, contact_id: int, outcome: str, now: datetime) -> int:
    """Gives up what waits for the operator of a contact, who no longer works on it.

    Returns how many messages of the client that operator did not get.
    """
    dropped = execute(s, _DROP_CONTACT, {"of_contact": contact_id, "why": outcome, "at": now})
    return sum(row.payload["count"] if row.kind == MORE else row.kind == TO_OPERATOR for row in dropped)


_GIVEN_UP = select(func.count()).where(
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.kind == TO_OPERATOR,
    _table.c.message_ref >= bindparam("first"),
    _table.c.state == "dead",
)


def given_up_since(s: Session, *, contact_id: int, first: int) -> int:
    """How many copies for the operator of a contact were given up, from a stored message on."""
    return int(execute(s, _GIVEN_UP, {"of_contact": contact_id, "first": first}).scalar_one())


def collapse(s: Session, *, bot_id: int, chat_id: int, contact_id: int, keep: int, now: datetime) -> list[int]:
    """Gives up a client's messages that wait for their operator beyond the oldest `keep`: one line counts them.

    They stay in the history of the contact, and a next operator gets them like all others.

    Returns the ids of the rows that were given up.
    """
    theirs = (_table.c.bot_id == bot_id, _table.c.chat_id == chat_id, _table.c.contact_id == contact_id)
    waiting = select(_table.c.id).where(*theirs, _table.c.kind == TO_OPERATOR, _table.c.state == "pending")
    beyond = list(execute(s, waiting.order_by(_table.c.id).offset(keep).with_for_update()).scalars())
    if not beyond:
        return []
    count = {"contact": contact_id, "count": len(beyond)}
    execute(s, update(_table).where(_table.c.id.in_(beyond)).values(state="dead", outcome="collapsed", settled_at=now))
    line = select(_table.c.id, _table.c.payload).where(*theirs, _table.c.kind == MORE, _table.c.state == "pending")
    before = execute(s, line.order_by(_table.c.id).limit(1).with_for_update()).one_or_none()
    if before is None:
        add(s, [OutboxEntry(MORE, bot_id, chat_id, contact_id, payload=count)], now=now)
    else:
        count["count"] += before.payload["count"]
        execute(s, update(_table).where(_table.c.id == before.id).values(payload=count))
    return beyond


_IN_LINE = select(_table.c.id).where(
    _table.c.contact_id == bindparam("of_contact"),
    _table.c.chat_id == bindparam("in_chat"),
    _table.c.message_ref == bindparam("ref"),
    _table.c.outcome == "collapsed",
)


def is_collapsed(s: Session, *, chat_id: int, contact_id: int, message_ref: int) -> bool:
    """Whether a message is one of those that a line counts in its operator's chat instead of its copy."""
    about = {"of_contact": contact_id, "in_chat": chat_id, "ref": message_ref}
    return execute(s, _IN_LINE, about).first() is not None


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7), at_most: int = BATCH) -> int:
    """Deletes rows of any receiver settled longer ago than `keep`, at most so many; `messages` keeps its own.

    Returns how many.
    """
    return delete_batch(s, _table, _table.c.settled_at < now - keep, at_most=at_most)
