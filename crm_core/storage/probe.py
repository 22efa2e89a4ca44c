"""Reading a database from outside a running process, without SQLAlchemy, whose import alone takes half a second.

For `migrate` when there is nothing to do, and for `health`, which a container runs twice a minute.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

Ask = Callable[..., list[tuple[Any, ...]]]

SAFE_WITH_TWO_WRITERS = (3, 51, 3)
"""The first SQLite without the bug by which two connections that write or checkpoint at once may damage a WAL."""

BUSY_SECONDS = 5
CONNECT_SECONDS = 5
_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_BEFORE = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


class NoDatabase(Exception):
    """There is no such file yet."""


@contextmanager
def probe(url: str) -> Iterator[Ask]:
    """Opens a database for questions: `ask("SELECT … WHERE id = ?", 5)` returns rows.

    Args:
        url: as in the setting `DATABASE_URL`.

    Raises NoDatabase, and what the driver raises when it cannot be read.
    """
    with _sqlite(url) if url.startswith("sqlite") else _postgres(url) as ask:
        yield ask


@contextmanager
def _sqlite(url: str) -> Iterator[Ask]:
    path = sqlite_path(url)
    if not path.exists():
        raise NoDatabase(str(path))
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as connection:
        # Checkpoints are the writer's alone, see `crm_core.storage.sqlite`.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA query_only=ON")
        yield lambda question, *values: connection.execute(question, values).fetchall()


@contextmanager
def _postgres(url: str) -> Iterator[Ask]:
    import psycopg

    address = "postgresql://" + url.partition("://")[2]
    with psycopg.connect(address, connect_timeout=CONNECT_SECONDS, autocommit=True) as connection:
        connection.read_only = True
        yield lambda question, *values: connection.execute(question.replace("?", "%s"), values).fetchall()


def open_read_only(path: Path) -> sqlite3.Connection:
    """Opens a SQLite file that may be in use, for reading only: it cannot write or run a checkpoint."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")  # checkpoints are the writer's, see `crm_core.storage.sqlite`
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///` address names."""
    return Path(url.partition(":///")[2].partition("?")[0])


def revisions(url: str) -> tuple[str | None, str]:
    """The revision that a database has (None for a new or empty one), and the newest one known here."""
    newest = newest_revision()
    try:
        with probe(url) as ask:
            try:
                found = ask("SELECT version_num FROM alembic_version")
            except Exception as error:
                if "alembic_version" not in str(error):  # any other error does not mean a database without our tables
                    raise
                return None, newest
    except NoDatabase:
        return None, newest
    return (found[0][0] if found else None), newest


@cache
def newest_revision() -> str:
    """The newest revision, read from the migrations' own lines; a test compares it with Alembic's."""
    (newest,) = known_revisions() - {name for text in _migrations() for name in _BEFORE.findall(text)}
    return newest


@cache
def known_revisions() -> frozenset[str]:
    """Every revision that this version can upgrade from, and the newest one."""
    return frozenset(name for text in _migrations() for name in _REVISION.findall(text))


def _migrations() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "migrations/versions").glob("v*.py")]
