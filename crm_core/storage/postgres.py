"""PostgreSQL: the same actions over psycopg, READ COMMITTED, with transient conflicts retried."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

from crm_core.storage import pipeline
from crm_core.storage.at_hand import AtHand
from crm_core.storage.config import PING_SECONDS, POOLS, Pool, PoolConfig, connect_args, current_pool
from crm_core.storage.database import DATABASE_UNAVAILABLE, PENDING_ON_COMMIT, Action, Database, P, T, Unwritable
from crm_core.storage.deadlines import cut_postgres, watch
from crm_core.storage.execute import CONNECTION, MAY_EXPECT, PIPELINE
from crm_core.storage.pipeline import Pipeline
from crm_core.storage.turns import Turns

# Serialization failure, deadlock, lock timeout; and a unique violation: actions look before they insert, so it means
# that a concurrent transaction inserted the same row, and a second run will find it. A foreign key violation means that
# a row was deleted a moment ago; a second run will report it.
TRANSIENT = {"40001", "40P01", "55P03", "23505", "23503"}
NOT_AS_EXPECTED = "23502"  # not null: what a statement raises that `expect` executed
READ_ONLY = {"25006"}  # a standby server, or one that is configured to be read-only
ATTEMPTS = 5
AT_ONCE = 1.0  # seconds within which a lost connection is one that was lost before; a silent server takes longer
_SESSION = "session"  # key in the `info` of a connection
_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


def _open_pool(url: URL, limits: PoolConfig) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=limits.connections,
        max_overflow=0,  # what overflows is closed at each return, and a new one costs as much as several transactions
        pool_use_lifo=True,  # so that the server has few to serve at a time, with their statements prepared
        pool_timeout=limits.wait,
        isolation_level="READ COMMITTED",
        connect_args=connect_args(limits),
        pool_reset_on_return=None,  # whoever has begun a transaction ends it
        hide_parameters=True,  # an error must not quote message content
    )
    pipeline.watch(engine.sync_engine)
    watch(engine.sync_engine, silence=limits.silence, cut=cut_postgres, ping=PING_SECONDS)
    return engine


class _Transaction:
    """One attempt of an action, in a transaction of its own; all of it in one switch between asyncio and SQLAlchemy.

    Attributes:
        is_committing: whether a commit has begun; if the connection is lost then, nobody knows if it succeeded.
        has_written: whether it wrote anything, if that was to be checked.
        has_expected: whether it executed anything by `expect`.
    """

    def __init__(self, at_hand: AtHand, *, checks: bool, may_expect: bool) -> None:
        self._at_hand, self._checks, self._may_expect = at_hand, checks, may_expect
        self.announcements: list[Any] = []
        self.is_committing = self.has_written = self.has_expected = False

    def __call__(self, action: Callable[[Session], T]) -> T:
        connection = self._at_hand.take()
        try:
            result = self._run(connection, action)
        except BaseException:
            connection.close()
            raise
        self._at_hand.keep(connection)
        return result

    def _run(self, connection: Connection, action: Callable[[Session], T]) -> T:
        with _session(connection) as s:
            s.info[PENDING_ON_COMMIT] = self.announcements
            s.info[MAY_EXPECT] = self._may_expect
            try:
                result = action(s)
                self.has_written = self._checks and bool(s.scalar(_HAS_WRITTEN))
                self.is_committing = True
                s.info[PIPELINE].commit()
            finally:
                self.has_expected = s.info[PIPELINE].expects
        return result


async def _spawn(work: Callable[[], T]) -> T:
    """Runs SQLAlchemy's synchronous code in the event loop. Raises what it raises.

    A cancellation stays one even if the connection is lost in that moment: after an error of the database the caller
    would try again instead of ending.
    """
    task = asyncio.current_task()
    cancelled = 0 if task is None else task.cancelling()
    try:
        result: T = await greenlet_spawn(work)
    except DBAPIError as error:
        if task is not None and task.cancelling() > cancelled:
            raise asyncio.CancelledError from error
        raise
    return result


@contextlib.contextmanager
def _session(connection: Connection) -> Iterator[Session]:
    """A session for one transaction, which is undone at the end unless it was committed before.

    Each connection keeps one: making a session, and ending a transaction that SQLAlchemy has begun and that nothing is
    left of, took a tenth of the processor time of a registration.
    """
    info = connection.info
    s: Session = info.get(_SESSION) or info.setdefault(_SESSION, Session(expire_on_commit=False, autoflush=False))
    s.bind = connection
    s.info.clear()
    pipeline = Pipeline(connection)
    s.info.update({CONNECTION: connection, PIPELINE: pipeline})
    try:
        yield s
    finally:
        if not (connection.invalidated or connection.in_transaction() or pipeline.is_idle):
            connection.begin()  # for SQLAlchemy to undo, as it does with what it has begun itself
        if s.in_transaction():
            s.close()
        s.bind = None


class PostgresDatabase(Database):
    """Pools of connections (`storage.config`); correctness comes from conditional updates and the locks in `locks`."""

    numbers_rise = False

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._engines: dict[Pool, AsyncEngine] = {pool: _open_pool(url, POOLS[pool]) for pool in Pool}
        self._at_hand = {pool: AtHand(engine.sync_engine) for pool, engine in self._engines.items()}
        self._turns = Turns(lambda limits: limits.connections)

    @property
    def _engine(self) -> AsyncEngine:
        return self._engines[current_pool()]

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            run = _Transaction(self._at_hand[current_pool()], checks=bool(self.troubles), may_expect=attempt == 1)
            try:
                async with self._turns.wait():
                    begun = time.monotonic()  # after the wait: it makes no connection older
                    result: T = await _spawn(partial(run, lambda s: action(s, *args, **inputs)))
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                is_undone = error.connection_invalidated and not run.is_committing
                is_undone &= time.monotonic() - begun < AT_ONCE
                is_unexpected = run.has_expected and state == NOT_AS_EXPECTED
                if attempt < ATTEMPTS and (is_undone or is_unexpected or state in TRANSIENT):
                    continue
                if state in READ_ONLY:
                    self.troubles["writing"] = "the server only reads"
                    raise Unwritable("the server only reads") from error
                if isinstance(error, DATABASE_UNAVAILABLE):
                    self.troubles["writing"] = type(error.orig).__name__
                raise
            if run.has_written:  # what changes nothing would succeed on a full disk, too
                self.troubles.clear()
            self._notify_listeners(run.announcements)
            return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        def run() -> T:
            # One snapshot for all statements of a query.
            options = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            with self._at_hand[current_pool()].take_other() as connection:
                connection.execution_options(**options)
                with _session(connection) as s:
                    result = query(s, *args, **inputs)
                    s.info[PIPELINE].commit()  # not a rollback, after which everything would be prepared anew
                    return result

        async with self._turns.wait():
            result: T = await _spawn(run)
        return result

    async def close(self) -> None:
        for pool, engine in self._engines.items():
            self._at_hand[pool].close()
            await engine.dispose()
