"""PostgreSQL: the same actions over psycopg, READ COMMITTED, with transient conflicts retried."""

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from crm_core.storage.database import DATABASE_UNAVAILABLE, PENDING_ON_COMMIT, Action, Database, P, T, Unwritable

# Serialization failure, deadlock, lock timeout; and a unique violation: actions look before they insert, so it means
# that a concurrent transaction inserted the same row, and a second run will find it. A foreign key violation means that
# a row was deleted a moment ago; a second run will report it.
TRANSIENT = {"40001", "40P01", "55P03", "23505", "23503"}
READ_ONLY = {"25006"}  # a standby server, or one that is configured to be read-only
ATTEMPTS = 5
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
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"options": TIMEOUTS},
            hide_parameters=True,  # an error must not quote message content
        )

    async def write(self, action: Action[P, T], /, *args: P.args, **inputs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            async with AsyncSession(self._engine, expire_on_commit=False, autoflush=False) as session:
                announcements = session.sync_session.info[PENDING_ON_COMMIT] = []
                try:
                    result = await session.run_sync(lambda s: action(s, *args, **inputs))
                    has_written = bool(self.troubles) and await session.scalar(_HAS_WRITTEN)
                    await session.commit()
                except DBAPIError as error:
                    state = getattr(error.orig, "sqlstate", None)
                    if attempt < ATTEMPTS and state in TRANSIENT:
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
