"""The steps of a topic in a team's forum, from what it shows towards how its contact is now. Arithmetic."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Any

from crm_core.conversation.history import Said
from crm_core.digest import digest
from crm_core.messaging.forum_topics import ELSEWHERE, NAME_UNKNOWN, STATE_UNKNOWN

KEPT = 12  # messages that a topic is behind with at most; those before them are counted in a line
ALBUMS = frozenset({"photo", "video", "document", "audio"})  # what an album can be sent anew of, from its files
COPIED = frozenset({"photo", "video", "animation", "document", "audio", "voice"})  # have room for whose they are


class Kind(StrEnum):
    """What one step does."""

    OPEN = "open"
    RENAME = "rename"
    REOPEN = "reopen"
    SAY = "say"
    COPY = "copy"
    ALBUM = "album"
    EDIT = "edit"
    UNSAY = "unsay"
    CLOSE = "close"


SAYING = frozenset({Kind.SAY, Kind.COPY, Kind.ALBUM})


class Shape(StrEnum):
    """How a message of the bot's shows one of somebody else's."""

    WORDS = "words"  # in a line, perhaps among others
    COPY = "copy"  # as it is, with whose it is above its words
    PART = "part"  # as it is: a further part of an album


@dataclass(frozen=True, slots=True)
class Shown:
    """What a topic shows.

    Attributes:
        topic_id: Telegram's `message_thread_id`; None while there is none.
        name, head: digests of its name, and of the line that says who has the contact; empty for none yet. Of a name
            also `NAME_UNKNOWN` and `STATE_UNKNOWN`.
        upto: the newest message that it shows.
    """

    topic_id: int | None = None
    name: str = ""
    head: str = ""
    is_closed: bool = False
    upto: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A message that a topic is to show, and where its original is."""

    id: int
    said: Said
    entities: list[dict[str, Any]] | None
    bot_id: int | None
    chat_id: int | None
    message_id: int | None
    can_copy: bool
    media: dict[str, Any] | None = None
    album: str | None = None

    @property
    def content(self) -> tuple[object, ...]:
        """All of it that an edit may change."""
        said = self.said
        return said.kind, said.text, self.entities, (self.media or {}).get("id"), said.is_withdrawn


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above the lines of a message: who has the contact, and how many messages are left out.

    Attributes:
        source: None if it does not say who has it; `operator`: None if nobody has.
    """

    source: str | None = None
    operator: str | None = None
    skipped: int = 0

    def stored(self) -> dict[str, Any] | None:
        """It as it is stored; None for nothing."""
        return asdict(self) if self != NOTHING_ABOVE else None


NOTHING_ABOVE = Above()
NOWHERE = 0  # no message of Telegram's has this id: where a message is said to stand that is yet to be shown


@dataclass(frozen=True, slots=True)
class Posted:
    """A message of the bot's in a topic, and what it shows: several lines, or a copy of one message."""

    id: int
    shape: Shape
    above: Above
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The next step of a topic.

    Attributes:
        after: what the topic shows when it is taken.
        above, lines: what it says; of a copy, one line.
        posted_id: the message that it changes; `shape`: how that shows its lines.
        is_last: whether the topic shows all then; what changes from now on has a row of its own.
        is_here: as in `Facts`.
        is_again: whether its topic is made again that was gone before anything stood there.
        language: of its words; None: the installation's.
    """

    kind: Kind
    source_id: int
    after: Shown
    above: Above = NOTHING_ABOVE
    lines: tuple[Line, ...] = ()
    posted_id: int | None = None
    shape: Shape = Shape.WORDS
    is_last: bool = False
    is_here: bool = True
    is_again: bool = False
    language: str | None = None

    @property
    def messages(self) -> int:
        """How many messages it makes, as limits count them."""
        return len(self.lines) if self.kind is Kind.ALBUM else 1

    @property
    def in_doubt(self) -> str | None:
        """What stands for the topic's name until it is known that this step was taken; None if it changes no such."""
        if self.kind is Kind.RENAME:
            return NAME_UNKNOWN
        return STATE_UNKNOWN if self.kind in (Kind.CLOSE, Kind.REOPEN) else None

    def first_alone(self) -> "Step":
        """Of an album its first part alone: the group takes no more at once."""
        first = self.lines[0]
        after = replace(self.after, upto=first.id)
        return replace(self, kind=Kind.COPY, lines=(first,), after=after, is_last=False)

    def shape_at(self, place: int) -> Shape:
        """How it shows one of its lines."""
        return Shape.PART if self.kind is Kind.ALBUM and place > 0 else self.shape


@dataclass(frozen=True, slots=True)
class Facts:
    """A contact as its topic shows it.

    Attributes:
        is_here: whether the forum is still that of its source; if not, the topic says where it went.
    """

    state: str
    lead: str | None
    source: str
    operator: str | None
    is_here: bool = True

    @property
    def name(self) -> str:
        """A digest of what the topic's name shows."""
        return digest(self.state, self.lead) if self.is_here else ELSEWHERE + digest(self.lead)[1:]

    @property
    def head(self) -> str:
        """A digest of the line that says who has the contact, or where it went."""
        return digest(self.source, self.operator) if self.is_here else digest(self.source)

    @property
    def is_over(self) -> bool:
        """Whether its topic is to be closed."""
        return not self.is_here or self.state == "closed"


def state_of(status: str, *, is_asleep: bool) -> str:
    """What the mark of a topic says: `new`, `in_progress`, `snoozed` or `closed`."""
    return "snoozed" if is_asleep and status != "closed" else status


@dataclass(frozen=True, slots=True)
class Behind:
    """What a topic does not show, or not as it is now.

    Attributes:
        lines: the newest messages that it does not show, oldest first; `total`: how many there are.
        stale: a message of the bot's that shows what is not so any more; `has_more`: whether there are others.
    """

    lines: tuple[Line, ...] = ()
    total: int = 0
    stale: Posted | None = None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Forum:
    """Where a topic is.

    Attributes:
        bot_id: of the bot that writes there, which can copy only what was written to itself.
        no_album: whether the next album is not shown at once: Telegram has refused that.
    """

    source_id: int
    bot_id: int
    no_album: bool = False


def next_step(forum: Forum, shown: Shown, contact: Facts, behind: Behind) -> Step | None:
    """The step from what a topic shows towards how its contact is; None if it shows that."""
    step = _step(forum, shown, contact, behind)
    if step is None or step.kind is Kind.OPEN:
        return step
    rest = behind
    if behind.stale is not None:
        rest = replace(behind, stale=None)
    elif step.kind in SAYING:
        left = tuple(line for line in behind.lines if line.id > step.after.upto)
        rest = replace(behind, lines=left, total=len(left))
    is_last = not behind.has_more and _step(forum, step.after, contact, rest) is None
    return replace(step, is_last=is_last, is_here=contact.is_here)


def _step(forum: Forum, shown: Shown, contact: Facts, behind: Behind) -> Step | None:
    source_id = forum.source_id
    if shown.topic_id is None:
        return None if contact.is_over else Step(Kind.OPEN, source_id, Shown(name=contact.name, upto=shown.upto))
    if behind.stale is not None:
        return _revision(source_id, shown, behind.stale)
    if shown.name == STATE_UNKNOWN:
        kind = Kind.CLOSE if contact.is_over else Kind.REOPEN
        return Step(kind, source_id, replace(shown, name=NAME_UNKNOWN, is_closed=contact.is_over))
    if shown.is_closed and not contact.is_here:
        return None  # it was moved on, or closed before it was moved: nobody looks for it there
    if shown.is_closed and not contact.is_over:
        return Step(Kind.REOPEN, source_id, replace(shown, is_closed=False))
    if shown.name != contact.name:
        return Step(Kind.RENAME, source_id, replace(shown, name=contact.name))
    with_head = shown.head != contact.head and (not contact.is_over or not contact.is_here)
    if with_head or behind.lines:
        return _words(forum, shown, contact, behind, with_head=with_head)
    is_to_close = contact.is_over and not shown.is_closed
    return Step(Kind.CLOSE, source_id, replace(shown, is_closed=True)) if is_to_close else None


def _revision(source_id: int, shown: Shown, posted: Posted) -> Step:
    """A message is brought up to date; a copy of what was taken back goes, and among others a line says so."""
    if posted.id == NOWHERE:
        return Step(Kind.SAY, source_id, shown, lines=posted.lines)
    is_gone = posted.shape is not Shape.WORDS and all(line.said.is_withdrawn for line in posted.lines)
    return Step(
        Kind.UNSAY if is_gone else Kind.EDIT,
        source_id,
        shown,
        above=posted.above,
        lines=posted.lines,
        posted_id=posted.id,
        shape=posted.shape,
    )


def _words(forum: Forum, shown: Shown, contact: Facts, behind: Behind, *, with_head: bool) -> Step:
    """Who has the contact and all words up to the first file, or that file, with all of its album."""
    head = contact.head if with_head else shown.head
    above = Above(contact.source, contact.operator) if with_head else NOTHING_ABOVE
    above = replace(above, skipped=behind.total - len(behind.lines))
    words = tuple(takewhile(lambda line: not _is_copied(line, forum.bot_id), behind.lines))
    if words or above != NOTHING_ABOVE:
        upto = words[-1].id if words else behind.lines[0].id - 1 if above.skipped else shown.upto
        after = replace(shown, head=head, upto=upto)
        return Step(Kind.SAY, forum.source_id, after, above=above, lines=words)
    album = () if forum.no_album else _album(behind.lines, forum.bot_id)
    lines = album or behind.lines[:1]
    kind = Kind.ALBUM if album else Kind.COPY
    return Step(kind, forum.source_id, replace(shown, upto=lines[-1].id), lines=lines, shape=Shape.COPY)


def _album(lines: tuple[Line, ...], bot_id: int) -> tuple[Line, ...]:
    """The parts of an album with which the lines begin, if two at least can be sent at once; otherwise none."""
    first = lines[0]
    parts = tuple(takewhile(lambda line: line.album == first.album and _is_in_album(line, bot_id), lines))
    return parts if first.album is not None and len(parts) > 1 else ()


def _is_in_album(line: Line, bot_id: int) -> bool:
    return line.said.kind in ALBUMS and "file" in (line.media or {}) and _is_copied(line, bot_id)


def _is_copied(line: Line, bot_id: int) -> bool:
    return line.said.kind in COPIED and line.can_copy and line.bot_id == bot_id and line.message_id is not None
