"""`act`: the one change that an update makes, in one transaction with its answer and the end of the update.

    await act(lifecycle.take, contact_id=15, version=3, actor=actor, reply=lambda taken: text_message(_("It is yours")))

The action, the rows of the answer and "this update is done" are committed together, so that an update has exactly one
effect and one answer however often it is delivered. What they add to the outbox is claimed in the same transaction and
sent on commit: see `bot.delivery.claim_on_commit`.

Before it, a transaction of its own may store that a member is reachable or has a new name (`bot.receiving.dispatcher`).
It may be repeated without harm.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from aiogram.types import Message
from sqlalchemy.orm import Session

from bot.delivery.claim_on_commit import write_and_send
from bot.delivery.senders import Senders
from bot.handling.incoming import content_of
from bot.screens.message import OutgoingMessage
from crm_core.messaging import inbox, outbox
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database

T = TypeVar("T")
MakeMessage = Callable[..., OutgoingMessage | None]


class NotTogether(Exception):
    """Nothing was changed: the parts of the album have to be handled one after the other."""


@dataclass
class Act:
    """Bound to one update. May be called once; handlers that only answer use `answer` or `show`.

    Attributes:
        zone: of the installation, which says what was yesterday.
        pressed: Telegram's id of the message whose button was pressed, None for a message.
        topic: the topic that the update comes from: answers appear there too, and it decides nothing else.
        before: what the update changes first, whatever its action is: a prompt ends that waits for no answer any more.
        on_success: what the update changes besides, only if its action succeeds: the prompt that it answers ends.
        others: of an album that is handled as one update, the updates of the parts after the first. A handler takes
            them with `contents`; if it does not, or if its change fails, nothing is changed, and each part is handled
            by itself.
        further: their messages.
    """

    db: Database
    senders: Senders
    row: IncomingUpdate
    bot_id: int
    chat_id: int
    clock: Callable[[], datetime]
    rng: Callable[[], float]
    zone: str = "UTC"
    pressed: int | None = None
    topic: int | None = None
    before: Callable[[Session], object] | None = None
    on_success: Callable[[Session], object] | None = None
    others: Sequence[IncomingUpdate] = ()
    further: Sequence[Message] = field(default=(), init=False)
    is_done: bool = field(default=False, init=False)
    _has_all: bool = field(default=False, init=False)

    @property
    def pressed_place(self) -> dict[str, Any]:
        """The message whose button was pressed, as actions take it that change it."""
        return {"bot_id": self.bot_id, "chat_id": self.chat_id, "message_id": self.pressed}

    @property
    def said(self) -> dict[str, Any]:
        """The message of the update as Telegram sent it; empty where it has none."""
        return _said(self.row)

    def contents(self, message: Message) -> list[MessageContent]:
        """What is said in the message of the update and, of an album that is handled as one, in its further parts."""
        self._has_all = True
        parts = zip((self.row, *self.others), (message, *self.further), strict=True)
        return [content_of(read, bot_id=self.bot_id, raw=_said(row), ends_album=row.ends_album) for row, read in parts]

    async def __call__(
        self,
        action: Callable[..., T],
        /,
        *,
        reply: MakeMessage | None = None,
        screen: MakeMessage | None = None,
        also: MakeMessage | None = None,
        then_read: Callable[[Session], Any] | None = None,
        **inputs: Any,
    ) -> T:
        """Runs an action and finishes the update.

        Args:
            action: from `crm_core`; it gets `now` and `rng` if it has such parameters.
            reply: makes the message to this chat from the action's result.
            screen: the same, but it replaces the pressed message (or is sent, if none was pressed).
            also: makes a further message below that, as `reply` does: one that people forward, for instance.
            then_read: a query after the action in the same transaction; these three get its result, too.
            inputs: further arguments of the action.

        Returns the action's result. Raises what it raises, after everything was undone; NotTogether for an album.
        """
        if self.is_done:
            raise RuntimeError("an update makes one change: put what belongs together into one action")
        if self.others and not self._has_all:
            raise NotTogether()
        wanted = _parameters(action)
        now = self.clock()
        if "now" in wanted:
            inputs["now"] = now
        if "rng" in wanted:
            inputs["rng"] = self.rng

        def body(s: Session) -> T:
            # First of all: an update that another session has finished must say so, not fail on what it left behind.
            inbox.finish(s, self.row, *self.others, now=now)
            if self.before is not None:
                self.before(s)
            result = action(s, **inputs)
            results = (result,) if then_read is None else (result, then_read(s))
            if reply is not None:
                self._put(s, reply(*results), now)
            if screen is not None:
                self._put(s, screen(*results), now, in_place=True)
            if also is not None:
                self._put(s, also(*results), now)
            if self.on_success is not None and action is not nothing:
                self.on_success(s)
            return result

        try:
            result: T = await write_and_send(self.db, self.senders, body)
        except Exception as error:
            if self.others:  # handled one after the other, they show which one fails
                raise NotTogether() from error
            raise
        self.is_done = True
        return result

    async def answer(self, answer: OutgoingMessage) -> None:
        """Sends a message and finishes the update; nothing else changes."""
        await self(nothing, reply=lambda _: answer)

    async def show(self, answer: OutgoingMessage) -> None:
        """Replaces the pressed screen and finishes the update; nothing else changes."""
        await self(nothing, screen=lambda _: answer)

    async def later(self, answer: OutgoingMessage, *, in_place: bool = False) -> None:
        """Sends what could not be known when the change was answered, once: if the process ends first, never.

        Args:
            in_place: whether it replaces the pressed screen, where there is one.
        """
        now = self.clock()
        await write_and_send(self.db, self.senders, lambda s: self._put(s, answer, now, in_place=in_place))

    def _put(self, s: Session, answer: OutgoingMessage | None, now: datetime, *, in_place: bool = False) -> None:
        if answer is None:
            return
        if in_place and self.pressed is not None:
            payload = {**answer.payload, "message_id": self.pressed}
            send = outbox.OutboxEntry(outbox.SCREEN, self.bot_id, self.chat_id, payload=payload)
        else:
            payload = answer.payload if self.topic is None else {**answer.payload, outbox.TOPIC: self.topic}
            send = outbox.OutboxEntry(outbox.ANSWER, self.bot_id, self.chat_id, payload=payload)
        outbox.add(s, [send], now=now)


def _said(row: IncomingUpdate) -> dict[str, Any]:
    message = row.raw.get("message") or row.raw.get("edited_message")
    return message if isinstance(message, dict) else {}


def nothing(s: Session) -> None:
    """The action of an update that changes nothing else."""


@cache
def _parameters(action: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(action).parameters)
