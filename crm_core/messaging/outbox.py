"""What is to be sent, and to whom: rows that commit together with the facts they announce.

A row says *what must be known* (a card, a copy of a message, a notice) and names ids; its text is made when it is sent,
in the reader's language, from the newest state. `bot/delivery` sends the rows; claims and outcomes are stored here, so
that the database alone knows what was tried.

Everything here is about rows for Telegram, except where it says "any receiver". Other receivers: `messaging.receivers`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, case, func, null, select, text, update
from sqlalchemy.orm import Session

from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_later
from crm_core.storage.prepared import Prepared, Rows, prepared_insert, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import OutboxRow

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

# What these change of a message, the next one changes anew: an older one that comes after it would undo it.
OF_ONE_MESSAGE = frozenset({NOTICE_EDIT, SCREEN, PIN, REACTION})

# Written exactly as in the index: SQLite uses a partial index only for the very condition that it was made with.
UNSETTLED = text("outbox.state IN ('pending', 'sending')")

ALBUM = "album"  # in the payload of a copy: Telegram's id of the album whose other parts it is sent with
ALBUM_PARTS = 10  # at most (https://core.telegram.org/bots/api#sendmediagroup)
PROTECTED = "is_protected"  # in the payload of what is not about one contact: it can be neither forwarded nor saved
TOPIC = "topic"  # in the payload of an answer, or of a notice in a group: the topic of what it is about
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
_WAITING = Prepared(
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
    return [_pending(row) for row in execute(s, _CLAIMED, {"of_bot": bot_id, "by_fence": fencing_token})]


_CLAIMED = Prepared(
    select(*_PENDING)
    .where(
        _table.c.bot_id == bindparam("of_bot"),
        UNSETTLED,
        _table.c.state == "sending",
        _table.c.fence == bindparam("by_fence"),
    )
    .order_by(_table.c.id)
)


TOKEN_REFUSED = "token_refused"  # noqa: S105 - an outcome
_RELEASE_REFUSED = Prepared(
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


def unrecorded(chat_id: int) -> int:
    """How many requests an attempt may have made in a chat besides the one that is known, if nobody has recorded it.

    Together as much as a private chat takes at once (`bot.delivery.rate_limit.PRIVATE`), beyond which no attempt can
    have gone. A group takes little in a minute, and each further one would hold it up for long.
    """
    return 2 if chat_id > 0 else 1


def sent_since(s: Session, *, bot_id: int, since: datetime, now: datetime) -> list[tuple[int, datetime]]:
    """Every request by which a bot tried to send something: (chat, the latest moment at which it can have been made).

    Of several attempts of a row only the last one's moment is stored, and none of a row that is being sent, or waits to
    be sent again: its attempts count as made now. How far an attempt has come that nobody has recorded is not known: it
    may have made a topic before its card, or have been refused in several ways (`unrecorded`).
    """
    settled = select(_table.c.chat_id, _table.c.settled_at, _table.c.attempts).where(
        _table.c.bot_id == bot_id, _table.c.settled_at > since, _table.c.attempts > 0
    )
    under_way = select(_table.c.chat_id, _table.c.state, _table.c.attempts).where(
        _table.c.bot_id == bot_id, UNSETTLED, _table.c.attempts > 0
    )
    found = [(row.chat_id, row.settled_at, row.attempts) for row in execute(s, settled.order_by(_table.c.settled_at))]
    unsettled = execute(s, under_way).all()
    found += [(row.chat_id, now, row.attempts) for row in unsettled]
    interrupted = dict.fromkeys(row.chat_id for row in unsettled if row.state == "sending")
    found += [(chat_id, now, unrecorded(chat_id)) for chat_id in interrupted]
    return [(chat_id, at) for chat_id, at, attempts in found for _ in range(attempts)]


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=7), at_most: int = BATCH) -> int:
    """Deletes rows of any receiver settled longer ago than `keep`, at most so many; `messages` keeps its own.

    Returns how many.
    """
    return delete_batch(s, _table, _table.c.settled_at < now - keep, at_most=at_most)
