"""Pools of connections and how long each waits; docs/operations.md shows the same figures, which a test compares."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CONNECT_SECONDS = 3
"""PostgreSQL: how long a new connection may take."""

IDLE_SECONDS = 60
"""PostgreSQL: after which the server ends a transaction that does nothing."""

PING_SECONDS = 1.5
"""PostgreSQL: how long a pooled connection may take to show that it still works, before it is used."""

TCP = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""PostgreSQL: when the kernel gives up a connection whose other end is gone (seconds; the last in milliseconds)."""

SERVER_TCP = {
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""The same for the server's end, which keeps the locks of a connection until it knows that nobody holds it any more.

Where the network swallows everything, it learns of no close; left to itself, Linux asks after two hours.
"""


class Pool(StrEnum):
    """Who uses the database. Each has connections of its own, so that none can take them all."""

    BOT = "bot"
    API = "api"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Limits of one pool.

    Attributes:
        connections: at most so many to PostgreSQL; to SQLite `readers`.
        readers: connections that read from SQLite, besides its one writer.
        wait: seconds for which a caller waits for a free connection.
        statement: seconds after which PostgreSQL ends a statement.
        lock: seconds after which PostgreSQL gives up waiting for a lock.
        silence: seconds without an answer after which a connection is given up, or a read of SQLite interrupted.
    """

    connections: int
    readers: int
    wait: float
    statement: float
    lock: float
    silence: float


POOLS = {
    Pool.BOT: PoolConfig(connections=20, readers=8, wait=5, statement=4, lock=3, silence=5),
    Pool.API: PoolConfig(connections=10, readers=4, wait=5, statement=4, lock=3, silence=5),
    Pool.BACKGROUND: PoolConfig(connections=4, readers=2, wait=30, statement=30, lock=10, silence=35),
}


def connect_args(limits: PoolConfig) -> dict[str, Any]:
    """Parameters of a connection to PostgreSQL: each end notices when the other is gone, and the server ends what takes
    too long.
    """
    timeouts = {
        "statement_timeout": limits.statement,
        "lock_timeout": limits.lock,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    values = {name: f"{round(seconds * 1000)}ms" for name, seconds in timeouts.items()} | SERVER_TCP
    options = " ".join(f"-c {name}={value}" for name, value in values.items())
    return {"options": options, "connect_timeout": CONNECT_SECONDS, "keepalives": 1, **TCP}


_pool: ContextVar[Pool] = ContextVar("pool", default=Pool.BOT)


def current_pool() -> Pool:
    """The pool of the present context."""
    return _pool.get()


@contextmanager
def through(pool: Pool) -> Iterator[None]:
    """Whatever is read or written within, tasks begun within included, uses this pool."""
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)


def use(pool: Pool) -> None:
    """The rest of the present task uses this pool: for programs that do one thing and end."""
    _pool.set(pool)
