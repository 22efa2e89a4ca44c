"""The one way to write and the one way to read, the same for both databases.

    await db.write(lifecycle.take, contact_id=15, version=3, actor=anna, now=clock())
    await db.read(contacts.queue, limit=20)

An action is a plain function over a session. It cannot await, so it cannot talk to a network while it holds a
lock; it never commits, because the edge that called it does. Writes are statements (never ``session.add``), so
that each can be counted and its row count looked at.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

P = ParamSpec("P")
T = TypeVar("T")
Action = Callable[Concatenate[Session, P], T]
Listener = Callable[[list[Any]], None]


class Unwritable(OSError):
    """The database answers, but takes nothing: a disk that fails to flush, a damaged file, a server that only reads."""


DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, Unwritable)
"""What a write or read raises while the database cannot be reached, is full, or cannot be written.

None of it is the fault of what was to be written: whoever meets it waits, and never gives anything up for it.
"""

PENDING_ON_COMMIT = "announcements"

log = logging.getLogger(__name__)


def on_commit(s: Session, fact: Any) -> None:
    """Hands a fact to the listeners once, and only if, the transaction is committed."""
    s.info[PENDING_ON_COMMIT].append(fact)


def pending_on_commit(s: Session) -> list[Any]:
    """What the transaction has announced so far."""
    found: list[Any] = s.info[PENDING_ON_COMMIT]
    return found


@dataclass(eq=False)
class Database(ABC):
    """An open database. Listeners run in the event loop after each commit, with what was announced in it.

    Attributes:
        troubles: why nothing can be written, from the first failure until something was written again; else nothing.
        numbers_rise: whether a row that is committed later has the higher number: so it is where one writes at a time.
    """

    numbers_rise: ClassVar[bool] = True

    url: URL
    listeners: list[Listener] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        """Runs an action in a transaction of its own and returns when that is committed.

        Raises whatever the action raised, after its changes were rolled back. Nobody is answered before the commit.
        """

    async def write_unflushed(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        """The same, committed but not yet flushed: it survives the end of the process, and after `flushed` a power cut.

        For what can be made again: an update is worked on while the disk is still busy with it, and confirmed to
        Telegram only after `flushed`. A power cut in between means that it is handed over and worked on once more.
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
        """Finishes what was begun and lets go of every connection."""

    def _tell(self, announcements: list[Any]) -> None:
        if announcements:
            for listener in self.listeners:
                try:
                    listener(announcements)
                except Exception:  # it was committed: who wrote it, and the other listeners, must hear of it
                    log.exception("a listener failed")


def open_database(url: str) -> Database:
    """Opens the database of a settings URL: ``sqlite:///path`` or ``postgresql://…``.

    The driver's module is imported only for the kind that is used, to keep commands quick.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        from crm_core.storage.sqlite import SqliteDatabase

        return SqliteDatabase(parsed)
    from crm_core.storage.postgres import PostgresDatabase

    return PostgresDatabase(parsed)
