"""`act`: the one change that an update makes, in one transaction with its answer and its own end.

    await act(lifecycle.take, contact_id=15, version=3, actor=actor, reply=lambda taken: say(_("It is yours")))

The action, the rows of the answer and "this update is done" are committed together, so that an update has exactly one
effect and one answer however often it is delivered.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from bot.delivery.senders import Claim, Senders
from bot.screens.message import OutgoingMessage
from crm_core.messaging import inbox, outbox
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.storage.database import Database

T = TypeVar("T")
Say = Callable[..., OutgoingMessage | None]


@dataclass
class Act:
    """Bound to one update. May be called once; handlers that change nothing but answer use `answer`.

    Attributes:
        pressed: Telegram's id of the message whose button was pressed, None for a message.
        also: what this update changes besides, if and only if its action succeeds (a question that it answers ends).
    """

    db: Database
    outlet: Senders
    row: IncomingUpdate
    bot_id: int
    chat_id: int
    clock: Callable[[], datetime]
    rng: Callable[[], float]
    pressed: int | None = None
    also: Callable[[Session], object] | None = None
    is_done: bool = field(default=False, init=False)

    async def __call__(
        self,
        action: Callable[..., T],
        /,
        *,
        reply: Say | None = None,
        screen: Say | None = None,
        see: Callable[[Session], Any] | None = None,
        **inputs: Any,
    ) -> T:
        """Runs an action and finishes the update.

        Args:
            action: from `crm_core`; `now` and `rng` are given to it if it asks for them.
            reply: makes, from the action's result, what is said in this chat.
            screen: the same, but changes the pressed message in place (or is said, where none was pressed).
            see: a query asked after the action in the same transaction; `reply` and `screen` get what it found, too.
            inputs: the rest of what the action needs.

        Returns the action's result. Raises what it raises, after everything was undone.
        """
        if self.is_done:
            raise RuntimeError("an update makes one change: put what belongs together into one action")
        wanted = _parameters(action)
        now = self.clock()
        if "now" in wanted:
            inputs["now"] = now
        if "rng" in wanted:
            inputs["rng"] = self.rng

        claims: list[Claim] = []

        def body(s: Session) -> T:
            self._take_back(claims)  # a transaction that met another one is run once more
            # First of all: an update that another life has finished must say so, not fail on what it left behind.
            inbox.finish(s, self.row, now=now)
            result = action(s, **inputs)
            told = (result,) if see is None else (result, see(s))
            if reply is not None:
                self._put(s, reply(*told), now)
            if screen is not None:
                self._put(s, screen(*told), now, in_place=True)
            if self.also is not None and action is not _nothing:
                self.also(s)
            claims.extend(self.outlet.claim_within(s))
            return result

        try:
            result = await self.db.write_unflushed(body)
        except BaseException:
            self._take_back(claims)
            raise
        self.is_done = True
        self.outlet.send(claims)
        return result

    def _take_back(self, claims: list[Claim]) -> None:
        self.outlet.take_back(claims)
        claims.clear()

    async def answer(self, answer: OutgoingMessage) -> None:
        """Says something and finishes the update; nothing else changes."""
        await self(_nothing, reply=lambda _: answer)

    async def show(self, answer: OutgoingMessage) -> None:
        """Changes the pressed screen in place and finishes the update; nothing else changes."""
        await self(_nothing, screen=lambda _: answer)

    def _put(self, s: Session, answer: OutgoingMessage | None, now: datetime, *, in_place: bool = False) -> None:
        if answer is None:
            return
        if in_place and self.pressed is not None:
            payload = {**answer.payload, "message_id": self.pressed}
            send = outbox.OutboxEntry(outbox.SCREEN, self.bot_id, self.chat_id, payload=payload)
        else:
            send = outbox.OutboxEntry(outbox.ANSWER, self.bot_id, self.chat_id, payload=answer.payload)
        outbox.add(s, [send], now=now)


def _nothing(s: Session) -> None:
    """The action of an update that only asks."""


@cache
def _parameters(action: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(action).parameters)
