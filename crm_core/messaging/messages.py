"""Messages of a contact: stored once, copied to the other side in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm_core.graphemes import beginning
from crm_core.messaging import outbox
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Message, OutboxRow, Posted

TEXT_LONGEST = 4096  # UTF-16 units of one Telegram message (sendMessage), in which the operator gets it
# UTF-16 units of a first text that a card shows. Telegram's limit is 4096 for the whole card (sendMessage); the rest is
# for names, notes and state. A longer text is cut on the card and follows in full as a copy.
CARD_TEXT_LIMIT = 3_000
ALBUM_QUIET = timedelta(seconds=1)  # without a further part: then an album is taken for complete
ORIGIN_ROOM = 800  # of them for what a card says of the origin of the text, if it says anything

_message = Message.__table__
_posted = Posted.__table__
_outbox = OutboxRow.__table__


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message of a person, as it was received.

    Attributes:
        kind: Telegram's content type: `text`, `photo`, `voice`, …
        text, entities: text or caption with its formatting, as Telegram gave it.
        bot_id, chat_id, message_id: where the original is; None for a message from the API.
        reply_to: Telegram's id of the message in the same chat that this replies to.
        can_copy: whether Telegram lets a bot copy it (copyMessage).
        is_rewritten: whether the text is not the original's: the number of a contact was cut off.
        forwarded_from: whose words they were first; empty where Telegram does not say, None for the writer's own.
        about: quoted words (`quote`), and of a message elsewhere that it replies to `kind`, `from` and `link`.
        media: its file: `kind`, `file` (for Telegram), `id` (the same wherever it is sent).
        album: Telegram's id of the album (media group) that it is part of.
        ends_album: whether the album's other parts are known to have come before it.
        written_at: when, by Telegram's clock in whole seconds, if that matters.
    """

    kind: str
    text: str | None = None
    entities: list[dict[str, Any]] | None = None
    bot_id: int | None = None
    chat_id: int | None = None
    message_id: int | None = None
    reply_to: int | None = None
    can_copy: bool = True
    is_rewritten: bool = False
    forwarded_from: str | None = None
    about: dict[str, Any] | None = None
    media: dict[str, Any] | None = None
    album: str | None = None
    ends_album: bool = False
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """A stored message that is to be copied.

    Attributes:
        has_origin: whether the card says whose words they are, or what they are about.
        album: as in `MessageContent`.
        held_until: until when its copy waits for further parts of the album.
    """

    id: int
    kind: str
    text: str | None
    can_copy: bool
    has_origin: bool = False
    author: str = "client"
    album: str | None = None
    held_until: datetime | None = None


INSERT = prepared_insert(_message)
"""A new message. Who calls `store` may announce its id (`prefetch_ids`)."""


def store(
    s: Session,
    content: MessageContent,
    *,
    contact_id: int,
    author: str,
    now: datetime,
    operator_id: int | None = None,
    reply_to: int | None = None,
) -> Original:
    """Stores a message of a contact; `reply_to` is the stored message that it replies to."""
    same = {"contact_id": contact_id, "author": author, "operator_id": operator_id, "reply_to": reply_to}
    message_ref = execute(s, INSERT, _values(content, same, now)).scalar_one()
    return _original(message_ref, content, now)


def store_all(
    s: Session,
    contents: Sequence[MessageContent],
    *,
    contact_id: int,
    author: str,
    now: datetime,
    reply_to: int | None = None,
) -> list[Original]:
    """Stores messages of a contact that were said at once, in their order; all reply to the same, if to anything."""
    same = {"contact_id": contact_id, "author": author, "operator_id": None, "reply_to": reply_to}
    ids = execute(s, INSERT, [_values(one, same, now) for one in contents]).scalars()
    return [_original(message_ref, one, now) for message_ref, one in zip(ids, contents, strict=True)]


def _values(content: MessageContent, same: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **same,
        "kind": content.kind,
        "text": content.text,
        "entities": content.entities,
        "bot_id": content.bot_id,
        "chat_id": content.chat_id,
        "message_id": content.message_id,
        "can_copy": content.can_copy,
        "forwarded_from": content.forwarded_from,
        "about": content.about,
        "media": content.media,
        "created_at": now,
        "album": content.album,
    }


def _original(message_ref: int, content: MessageContent, now: datetime) -> Original:
    has_origin = content.forwarded_from is not None or content.about is not None
    held = None if content.album is None or content.ends_album else now + ALBUM_QUIET
    return Original(
        message_ref, content.kind, content.text, content.can_copy, has_origin, album=content.album, held_until=held
    )


_MOVE = update(_message).where(_message.c.id.in_(bindparam("ids", expanding=True))).values(contact_id=bindparam("to"))
_MOVE_COPIES = (
    update(_posted)
    .where(_posted.c.message_ref.in_(bindparam("ids", expanding=True)))
    .values(contact_id=bindparam("to"))
)


def move(s: Session, said: Sequence[Original], *, contact_id: int) -> None:
    """Makes messages those of another contact of the same client; replies to their copies belong to it from now on."""
    values = {"ids": [one.id for one in said], "to": contact_id}
    execute(s, _MOVE, values)
    execute(s, _MOVE_COPIES, values)


def is_known_already(error: IntegrityError) -> bool:
    """Whether an action failed because a message of Telegram is stored already: its update came again with a new id.

    That happens after a restore, or when Telegram restarts its numbers; the earlier update has had its effect.
    """
    reason = str(error.orig)
    return "messages.message_id" in reason or _UNIQUE_MESSAGE in reason


_UNIQUE_MESSAGE = "uq_messages_bot_id_chat_id_message_id"
_SAID = (
    select(
        _message.c.id,
        _message.c.kind,
        _message.c.text,
        _message.c.can_copy,
        or_(_message.c.forwarded_from.is_not(None), _message.c.about.is_not(None)),
        _message.c.author,
        _message.c.album,
    )
    .where(
        _message.c.contact_id == bindparam("contact_id"),
        _message.c.id >= bindparam("first"),
        _message.c.withdrawn_at.is_(None),
    )
    .order_by(_message.c.id)
)


def said(s: Session, contact_id: int, *, first: int = 0) -> list[Original]:
    """What was said in a contact by both sides and not taken back, in order: what its next operator must get.

    Args:
        first: the stored message from which on; by default all.
    """
    return [Original(*row) for row in execute(s, _SAID, {"contact_id": contact_id, "first": first})]


def copy(
    kind: str, original: Original, bot_id: int, chat_id: int, contact_id: int, **payload: Any
) -> outbox.OutboxEntry:
    """A row that copies a message to the other side; one of an album goes with the other parts that wait.

    Args:
        kind: `outbox.TO_OPERATOR` or `outbox.TO_CLIENT`.
    """
    if original.album is None or not original.can_copy:
        return outbox.OutboxEntry(kind, bot_id, chat_id, contact_id, original.id, payload)
    payload[outbox.ALBUM] = original.album
    held = original.held_until
    return outbox.OutboxEntry(kind, bot_id, chat_id, contact_id, original.id, payload, not_before=held)


def fits_card(original: Original) -> bool:
    """Whether the card shows a first message in full, so that no copy of it has to follow."""
    text = original.text or ""
    return original.kind == "text" and bool(text) and utf16_units(text) <= card_text_limit(original.has_origin)


def card_text_limit(has_origin: bool) -> int:
    """How many UTF-16 units of a first text a card shows."""
    return CARD_TEXT_LIMIT - ORIGIN_ROOM if has_origin else CARD_TEXT_LIMIT


def utf16_units(text: str) -> int:
    """Length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def fits_units(text: str, units: int) -> str:
    """The longest beginning of a text that fits into so many UTF-16 units; nothing that is one character is split."""
    return beginning(text, len(text.encode("utf-16-le")[: units * 2].decode("utf-16-le", errors="ignore")))


def copies(said: Sequence[Original], *, contact_id: int, bot_id: int, chat_id: int) -> list[outbox.OutboxEntry]:
    """Rows by which an operator gets what was said, after the card; a client's first message may be on the card.

    What a client said while nobody answered is copied as it is. A talk of both sides comes in as few messages as fit,
    and below them what these cannot show.
    """
    rest = said[1:] if said and said[0].author == "client" and fits_card(said[0]) else said
    talk = _talk(rest) if any(one.author == "operator" for one in rest) else []
    single = [one for one in rest if not talk or not is_told(one)]
    to = (bot_id, chat_id, contact_id)
    pages = [outbox.OutboxEntry(outbox.TALK, *to, payload={"first": first, "last": last}) for first, last in talk]
    return [*pages, *(copy(outbox.TO_OPERATOR, one, *to) for one in single)]


TALK_PAGE, TALK_LINE = 3_300, 130  # UTF-16 units of a message of the talk, and what a line adds to what was said
TALK_TEXT = 2_500  # of one text within it; a longer one follows in full


def is_told(one: Original) -> bool:
    """Whether a line of the talk says all of a message."""
    return one.kind == "text" and utf16_units(one.text or "") <= TALK_TEXT


def _talk(said: Sequence[Original]) -> list[tuple[int, int]]:
    """Which messages stand in one message of the talk: the first and the last of each."""
    pages: list[tuple[int, int]] = []
    room = 0
    for one in said:
        length = min(utf16_units(one.text or ""), TALK_TEXT) + TALK_LINE + (ORIGIN_ROOM if one.has_origin else 0)
        room -= length
        if room < 0 or not pages:
            pages.append((one.id, one.id))
            room = TALK_PAGE - length
        pages[-1] = (pages[-1][0], one.id)
    return pages


_POSTED = Prepared(
    select(_posted.c.contact_id, _posted.c.message_ref).where(
        _posted.c.bot_id == bindparam("bot_id"),
        _posted.c.chat_id == bindparam("chat_id"),
        _posted.c.message_id == bindparam("message_id"),
    )
)
_ORIGINAL = Prepared(
    select(_message.c.contact_id, _message.c.id).where(
        _message.c.bot_id == bindparam("bot_id"),
        _message.c.chat_id == bindparam("chat_id"),
        _message.c.message_id == bindparam("message_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a Telegram reply refers to: a contact and, unless it is the card, one message of it."""

    contact_id: int
    message_ref: int | None


UNKNOWN_MESSAGE = -1  # in place of Telegram's id: what is replied to could not be found out in time


class NotRecordedYet(Exception):
    """The message that a reply refers to is not recorded yet: Telegram's answer with its id is on the way.

    Attributes:
        rows: ids of the outbox rows that are being sent to the chat; it may be one of these.
    """

    def __init__(self, rows: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.rows = rows


_ON_ITS_WAY = select(_outbox.c.id).where(
    _outbox.c.bot_id == bindparam("bot_id"),
    _outbox.c.chat_id == bindparam("chat_id"),
    outbox.UNSETTLED,
    _outbox.c.state == "sending",
    _outbox.c.contact_id.is_not(None),
)


def reply_target(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> Target | None:
    """The contact that a message in a chat belongs to, by what was recorded when it was sent; never guessed.

    It may be a message that our bot sent there, or one that the person wrote there. None for a message of no contact.
    Raises NotRecordedYet while that is not known.
    """
    if message_id == UNKNOWN_MESSAGE:
        return None
    place = {"bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
    row = execute(s, _POSTED, place).one_or_none() or execute(s, _ORIGINAL, place).one_or_none()
    if row is None:
        being_sent = frozenset(execute(s, _ON_ITS_WAY, {"bot_id": bot_id, "chat_id": chat_id}).scalars())
        if being_sent:
            raise NotRecordedYet(being_sent)
        row = execute(
            s, _POSTED, place
        ).one_or_none()  # it may have been recorded between the first look and the second
    return None if row is None else Target(*row)
