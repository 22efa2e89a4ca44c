"""How to write and how to read, the same for both databases.

    await db.write(lifecycle.take, contact_id=15, version=3, actor=anna, now=clock())
    await db.read(waiting_list.position_of, contact_id=15, source_id=2)

An action is a plain function over a session. It cannot await, so it cannot talk to a network while it holds a
lock; it never commits, since `Database.write`, which calls it, does. Writes are statements (never ``session.add``), so
that each can be counted and its row count looked at.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.orm import Session

from crm_core.storage.config import Pool, through
from crm_core.storage.execute import send_waiting

P = ParamSpec("P")
T = TypeVar("T")
Action = Callable[Concatenate[Session, P], T]
Listener = Callable[[list[Any]], None]


class Unwritable(OSError):
    """The database answers but stores nothing: a disk that fails to flush, a damaged file, a read-only server."""


DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, NoFreeConnection, Unwritable)
"""What a write or read raises while the database cannot be reached, is overloaded or full, or cannot be written.

None of it is the fault of what was to be written: the caller waits and tries again, and gives nothing up for it.
"""

PENDING_ON_COMMIT, EARLIER_IN_COMMIT = "announcements", "announcements of earlier actions"

log = logging.getLogger(__name__)


def on_commit(s: Session, fact: Any) -> None:
    """Passes a fact to the listeners when the transaction is committed, and only then."""
    s.info[PENDING_ON_COMMIT].append(fact)


def pending_on_commit(s: Session) -> list[Any]:
    """The facts that the transaction will pass to listeners when it is committed."""
    send_waiting(s)
    found: list[Any] = s.info[PENDING_ON_COMMIT]
    return found


def earlier_in_commit(s: Session) -> list[Any]:
    """The facts of actions before this one whose commit it shares (on SQLite): no listener knows them yet."""
    found: list[Any] = s.info.get(EARLIER_IN_COMMIT, [])
    return found


@dataclass(eq=False)
class Database(ABC):
    """An open database. Listeners run in the event loop after each commit, with the facts of that transaction.

    Attributes:
        troubles: why nothing can be written, from the first failure until something was written again; else empty.
        numbers_rise: whether a row that is committed later has the higher id; true where one writes at a time.
    """

    numbers_rise: ClassVar[bool] = True

    url: URL
    listeners: list[Listener] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        """Runs an action in a transaction of its own and returns when that is committed.

        Raises whatever the action raised, after its changes were rolled back.
        """

    async def write_unflushed(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        """The same, but returns before the commit is flushed: it survives the end of the process, not a power cut.

        For what can be repeated: an update is processed while the disk is still busy, and confirmed to Telegram only
        after `wait_flushed`. After a power cut in between, Telegram sends it again and it is processed once more.
        """
        return await self.write(action, *args, **inputs)

    async def wait_flushed(self) -> None:
        """Waits until everything committed so far would survive a power cut."""
        return

    @abstractmethod
    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        """Runs a query on a snapshot; it never waits for a writer and cannot change anything."""

    @abstractmethod
    async def close(self) -> None:
        """Waits for writes that have begun and closes every connection."""

    def _notify_listeners(self, announcements: list[Any]) -> None:
        if announcements:
            with through(Pool.BOT):  # what they begin is the bot's work, whoever made the change
                for listener in self.listeners:
                    try:
                        listener(announcements)
                    except Exception:  # the commit stands: its author, and the other listeners, must be notified
                        log.exception("a listener failed")
