"""PostgreSQL: the same actions over psycopg, READ COMMITTED, with transient conflicts retried."""

import time
from typing import Any

import psycopg
from sqlalchemy import URL, event, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from crm_core.storage import pipeline
from crm_core.storage.database import DATABASE_UNAVAILABLE, PENDING_ON_COMMIT, Action, Database, P, T, Unwritable

# Serialization failure, deadlock, lock timeout; and a unique violation: actions look before they insert, so it means
# that a concurrent transaction inserted the same row, and a second run will find it. A foreign key violation means that
# a row was deleted a moment ago; a second run will report it.
TRANSIENT = {"40001", "40P01", "55P03", "23505", "23503"}
READ_ONLY = {"25006"}  # a standby server, or one that is configured to be read-only
ATTEMPTS = 5
IDLE = 1.0  # seconds without use, after which a connection is tried before it is used
_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
TIMEOUTS = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"


class PostgresDatabase(Database):
    """A pool of connections; correctness comes from conditional updates and the locks in `locks`."""

    numbers_rise = False

    def __init__(self, url: URL, *, pool_size: int = 10) -> None:
        super().__init__(url)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            isolation_level="READ COMMITTED",
            connect_args={"options": TIMEOUTS},
            hide_parameters=True,  # an error must not quote message content
        )
        pipeline.watch(self._engine.sync_engine)
        self._lost_at = 0.0  # when a connection was last found to be lost: the others of that moment may be, too
        event.listen(self._engine.sync_engine, "checkin", self._note_use)
        event.listen(self._engine.sync_engine, "checkout", self._check_idle)

    @staticmethod
    def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    def _check_idle(self, raw: Any, record: ConnectionPoolEntry, _: object) -> None:
        """Asks over a connection that was idle whether the server is still there: a round trip, so not each time."""
        used_at = record.info.get("used_at")
        if used_at is None or (used_at > self._lost_at and time.monotonic() - used_at < IDLE):
            return
        try:
            is_alive = self._engine.dialect.do_ping(raw)
        except (DBAPIError, psycopg.Error):
            is_alive = False
        if not is_alive:
            raise InvalidatePoolError

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            async with AsyncSession(self._engine, expire_on_commit=False, autoflush=False) as session:
                announcements = session.sync_session.info[PENDING_ON_COMMIT] = []
                is_committing = False
                try:
                    result = await session.run_sync(lambda s: action(s, *args, **inputs))
                    has_written = bool(self.troubles) and await session.scalar(_HAS_WRITTEN)
                    is_committing = True  # whether it succeeds is not known if the connection is lost now
                    await session.run_sync(pipeline.commit)
                    await session.commit()
                except DBAPIError as error:
                    state = getattr(error.orig, "sqlstate", None)
                    if error.connection_invalidated:
                        self._lost_at = time.monotonic()
                    is_undone = error.connection_invalidated and not is_committing
                    if attempt < ATTEMPTS and (is_undone or state in TRANSIENT):
                        continue
                    if state in READ_ONLY:
                        self.troubles["writing"] = "the server only reads"
                        raise Unwritable("the server only reads") from error
                    if isinstance(error, DATABASE_UNAVAILABLE):
                        self.troubles["writing"] = type(error.orig).__name__
                    raise
                if has_written:  # what changes nothing would succeed on a full disk, too
                    self.troubles.clear()
            self._notify_listeners(announcements)
            return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def read(self, query: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        async with AsyncSession(self._engine, expire_on_commit=False, autoflush=False) as session:
            # One snapshot for all statements of a query.
            options = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            await session.connection(execution_options=options)
            return await session.run_sync(lambda s: query(s, *args, **inputs))

    async def close(self) -> None:
        await self._engine.dispose()
