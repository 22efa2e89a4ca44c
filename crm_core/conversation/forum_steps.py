"""The steps of a topic in a team's forum, from what it shows towards how its contact is now. Arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from crm_core.conversation.history import Said
from crm_core.digest import digest

KEPT = 12  # messages that a topic is behind with at most; those before them are counted in a line
COPIED = frozenset({"photo", "video", "animation", "document", "audio", "voice"})  # have room for whose they are


class Kind(StrEnum):
    """What one step does."""

    OPEN = "open"
    RENAME = "rename"
    REOPEN = "reopen"
    SAY = "say"
    COPY = "copy"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a topic shows.

    Attributes:
        topic_id: Telegram's `message_thread_id`; None while there is none.
        name, head: digests of its name, and of the line that says who has the contact; empty for none yet.
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


@dataclass(frozen=True, slots=True)
class Step:
    """The next step of a topic.

    Attributes:
        after: what the topic shows when it is taken.
        with_head: whether the words begin with who has the contact.
        skipped: how many messages before these are only counted.
        lines: the messages; of a copy, one.
        is_here: as in `Facts`.
        language: of its words; None: the installation's.
        is_last: whether the topic shows all then; what changes from now on has a row of its own.
    """

    kind: Kind
    source_id: int
    after: Shown
    with_head: bool = False
    skipped: int = 0
    lines: tuple[Line, ...] = ()
    is_last: bool = False
    is_here: bool = True
    language: str | None = None


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
        return digest(self.state if self.is_here else None, self.lead)

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


def next_step(
    source_id: int, shown: Shown, contact: Facts, lines: Sequence[Line], *, total: int, bot_id: int
) -> Step | None:
    """The step from what a topic shows towards how its contact is; None if it shows that.

    Args:
        lines: the newest messages that it does not show, oldest first; `total`: how many there are.
        bot_id: of the bot that writes there, which can copy only what was written to itself.
    """
    step = _step(source_id, shown, contact, lines, total=total, bot_id=bot_id)
    if step is None or step.kind is Kind.OPEN:
        return step
    step = replace(step, is_here=contact.is_here)
    is_said = step.kind in (Kind.SAY, Kind.COPY)
    rest = [line for line in lines if line.id > step.after.upto]
    left = len(rest) if is_said else total
    further = _step(source_id, step.after, contact, rest, total=left, bot_id=bot_id)
    return replace(step, is_last=further is None)


def _step(
    source_id: int, shown: Shown, contact: Facts, lines: Sequence[Line], *, total: int, bot_id: int
) -> Step | None:
    if shown.topic_id is None:
        return None if contact.is_over else Step(Kind.OPEN, source_id, Shown(name=contact.name, upto=shown.upto))
    if shown.is_closed and not contact.is_here:
        return None  # it was moved on, or closed before it was moved: nobody looks for it there
    if shown.is_closed and not contact.is_over:
        return Step(Kind.REOPEN, source_id, replace(shown, is_closed=False))
    if shown.name != contact.name:
        return Step(Kind.RENAME, source_id, replace(shown, name=contact.name))
    with_head = shown.head != contact.head and (not contact.is_over or not contact.is_here)
    if with_head or lines:
        return _words(source_id, shown, contact, lines, total=total, bot_id=bot_id, with_head=with_head)
    is_to_close = contact.is_over and not shown.is_closed
    return Step(Kind.CLOSE, source_id, replace(shown, is_closed=True)) if is_to_close else None


def _words(
    source_id: int,
    shown: Shown,
    contact: Facts,
    lines: Sequence[Line],
    *,
    total: int,
    bot_id: int,
    with_head: bool,
) -> Step:
    """Who has the contact and all words up to the first file, or that file."""
    head = contact.head if with_head else shown.head
    skipped = total - len(lines)
    words: list[Line] = []
    for line in lines:
        if _is_copied(line, bot_id):
            break
        words.append(line)
    if words or with_head or skipped:
        upto = words[-1].id if words else lines[0].id - 1 if skipped else shown.upto
        after = replace(shown, head=head, upto=upto)
        return Step(Kind.SAY, source_id, after, with_head=with_head, skipped=skipped, lines=tuple(words))
    return Step(Kind.COPY, source_id, replace(shown, upto=lines[0].id), lines=(lines[0],))


def _is_copied(line: Line, bot_id: int) -> bool:
    return line.said.kind in COPIED and line.can_copy and line.bot_id == bot_id and line.message_id is not None
