"""Connections to PostgreSQL that outlive the test that opened them.

A new connection is a new process of the server, which first has to learn every table and index, and to plan every
statement: half of the processor time that tests on PostgreSQL took. So one that a test closes is reset as if it were
new, but for what it has prepared, and the next test that connects to the same place in the same way gets it. What is
left of it in Python is made anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import generators, pq
from psycopg._connection_base import BaseConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from crm_core.storage import pipeline
from crm_core.storage.round_trip import Way

# All that DISCARD ALL does, but for what is prepared and planned.
_RESET = (
    b"CLOSE ALL; RESET ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)
_PREPARED = b"SELECT name FROM pg_catalog.pg_prepared_statements"
Connection = psycopg.AsyncConnection | psycopg.Connection
Place = tuple[str, str, str]


@dataclass(slots=True)
class _Opened:
    """One process of the server.

    Attributes:
        address: what it was opened with.
        prepared: what the driver knows to be prepared there; None until it is closed for the first time.
        way: the same, of the product's own statements.
    """

    address: str
    prepared: Any = None
    way: Way | None = None

    def leave_only(self, names: set[bytes | None]) -> None:
        """Forgets what is prepared no more; who rolls back without knowing of the others drops it for all."""
        for known in (self.prepared, self.way):
            if known is not None:
                for key, name in list(known._names.items()):
                    if name not in names:
                        del known._names[key]


class KeptConnections:
    """What was closed and is kept, by what it was opened with."""

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._idle: dict[str, list[PGconn]] = {}
        self._opened: dict[int, _Opened] = {}  # by the number of the server's process
        self._ended = pq.PGconn.connect_start(b"")  # what a closed connection has in place of one that is kept
        self._ended.finish()

    def keep(self, address: str) -> None:
        """From now on, keeps connections to a database."""
        self._places.add(_place(address))

    def forget(self, address: str) -> None:
        """Closes what is kept of a database."""
        place = _place(address)
        self._places.discard(place)
        for same in [one for one in self._idle if _place(one) == place]:
            for connection in self._idle.pop(same):
                self._finish(connection)

    def processes(self) -> list[int]:
        """Processes of the server that nobody uses at the moment."""
        return [one.backend_pid for kept in self._idle.values() for one in kept]

    def take(self, kind: type[BaseConnection[Any]], address: str) -> BaseConnection[Any] | None:
        """One that was opened with the same parameters and still works, as a new connection of the driver."""
        kept = self._idle.get(address, [])
        while kept:
            inner = kept.pop()
            found = inner.exec_(_PREPARED)
            if found.status == ExecStatus.TUPLES_OK:
                opened = self._opened[inner.backend_pid]
                opened.leave_only({found.get_value(row, 0) for row in range(found.ntuples)})
                connection = kind(inner)
                connection._prepared = opened.prepared
                return connection
            self._finish(inner)
        return None

    def note(self, address: str, connection: PGconn) -> None:
        """Remembers how a new connection was opened, if it is one to be kept."""
        self._opened.pop(connection.backend_pid, None)
        if _place(address) in self._places:
            self._opened[connection.backend_pid] = _Opened(address)

    def way(self, connection: psycopg.AsyncConnection) -> Way:
        """The product's way to the server, with what is prepared there."""
        opened = self._opened.get(connection.pgconn.backend_pid)
        if opened is None or (old := opened.way) is None:
            way = Way(connection)
        else:
            way = Way(connection, old._names, old._outdated, old._count)
        if opened is not None:
            opened.way = way
        return way

    def put(self, connection: Connection) -> bool:
        """Keeps a connection that is about to be closed; returns whether it does."""
        inner: Any = connection.pgconn
        if connection.closed or inner.status != ConnStatus.OK:
            return False
        opened = self._opened.pop(inner.backend_pid, None)
        is_idle = inner.transaction_status == TransactionStatus.IDLE and inner.pipeline_status == PipelineStatus.OFF
        if opened is None or _place(opened.address) not in self._places or not is_idle:
            return False
        if inner.exec_(_RESET).status != ExecStatus.COMMAND_OK:
            return False
        opened.prepared = connection._prepared
        self._opened[inner.backend_pid] = opened
        self._idle.setdefault(opened.address, []).append(inner)
        connection.pgconn = self._ended
        return True

    def close(self) -> None:
        """Closes all."""
        for kept in self._idle.values():
            for connection in kept:
                self._finish(connection)
        self._idle.clear()

    def _finish(self, connection: PGconn) -> None:
        self._opened.pop(connection.backend_pid, None)
        connection.finish()


def _place(address: str) -> Place:
    found = conninfo_to_dict(address)
    return str(found.get("host")), str(found.get("port")), str(found.get("dbname"))


@contextmanager
def kept_connections() -> Iterator[KeptConnections]:
    """Keeps connections of this process, until the end of the context."""
    kept = KeptConnections()
    close_async, close = psycopg.AsyncConnection.close, psycopg.Connection.close

    def take_or_connect(kind: type[BaseConnection[Any]], address: str = "") -> Any:
        if (found := kept.take(kind, address)) is not None:
            return found
        made = yield from generators.connect(address)
        kept.note(address, made)
        return kind(made)

    async def keep_or_close_async(connection: psycopg.AsyncConnection) -> None:
        if not kept.put(connection):
            await close_async(connection)

    def keep_or_close(connection: psycopg.Connection) -> None:
        if not kept.put(connection):
            close(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseConnection, "_connect_gen", classmethod(take_or_connect))
        patch.setattr(psycopg.AsyncConnection, "close", keep_or_close_async)
        patch.setattr(psycopg.Connection, "close", keep_or_close)
        patch.setattr(pipeline, "Way", kept.way)
        _ask_servers_once(patch)
        try:
            yield kept
        finally:
            kept.close()


def _ask_servers_once(patch: pytest.MonkeyPatch) -> None:
    """Every engine asks its server for the version and more before its first statement; here all have one answer."""
    initialize = PGDialect_psycopg.initialize
    learned: dict[type, dict[str, Any]] = {}

    def initialize_once(dialect: PGDialect_psycopg, connection: Any) -> None:
        known = learned.get(type(dialect))
        if known is None:
            before = dict(vars(dialect))
            initialize(dialect, connection)  # type: ignore[no-untyped-call]
            learned[type(dialect)] = {
                name: value for name, value in vars(dialect).items() if before.get(name, vars) is not value
            }
        else:
            vars(dialect).update(known)

    patch.setattr(PGDialect_psycopg, "initialize", initialize_once)
