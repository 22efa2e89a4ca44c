"""Whether an installation has had a database: if so, a missing one is lost, not new (SQLite).

The signs are the lock file beside it, which carries a mark from the first start on, and nightly backups. A PostgreSQL
database does not vanish by itself, and an empty one there is meant to be empty; but one that is being restored from a
backup is marked, so that nothing starts on it before it is ready.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from crm_core.storage.probe import open_read_only

MARK = b"This installation has a database. See docs/operations.md, Backup.\n"


CHECKED_AT_START = 256 * 1024 * 1024  # bytes; checking that much takes half a second

RESTORING = "restoring"
"""PostgreSQL: the name of a table that exists while a database is being restored."""


class RestoreUnfinished(Exception):
    """The database is filled from a backup, but not yet ready for use."""


class DatabaseMissing(Exception):
    """The database of an existing installation is missing or empty; no new one is made in its place.

    Attributes:
        path: where it should be.
        backup: the newest nightly backup, if there is one.
    """

    def __init__(self, path: Path, backup: Path | None) -> None:
        super().__init__(str(path))
        self.path, self.backup = path, backup


def lock_path(path: Path) -> Path:
    """The file beside a database that its owner locks."""
    return path.with_name(f"{path.name}.lock")


def mark_installed(path: Path) -> None:
    """Marks that there is a database; called when it has been made."""
    lock = lock_path(path)
    if lock.exists() and lock.stat().st_size:
        return
    file = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(file, MARK)
        os.fsync(file)
    finally:
        os.close(file)


def check_not_lost(path: Path, *, backups: list[Path]) -> None:
    """Raises DatabaseMissing if there should be a database and is none.

    Args:
        backups: the nightly ones, newest last.
    """
    if not path.exists() or _tables(path) == set():
        lock = lock_path(path)
        if backups or (lock.exists() and lock.stat().st_size):
            raise DatabaseMissing(path, backups[-1] if backups else None)


def check_integrity(path: Path) -> None:
    """Raises sqlite3.DatabaseError for a damaged file; a large one is left to the check of the nightly backup."""
    if path.exists() and path.stat().st_size <= CHECKED_AT_START:
        with closing(open_read_only(path)) as connection:
            ((said, *_),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise sqlite3.DatabaseError(str(said).splitlines()[-1])


def is_empty(path: Path) -> bool:
    """Whether a file is a database without any data. A damaged one is not."""
    tables = _tables(path)
    if tables is None:
        return False
    people = {"leads", "contacts", "operators", "staff", "bots", "api_keys"} & tables
    try:
        with closing(open_read_only(path)) as connection:
            return not any(connection.execute(f"SELECT 1 FROM {one} LIMIT 1").fetchone() for one in people)  # noqa: S608
    except sqlite3.Error:
        return False


def _tables(path: Path) -> set[str] | None:
    """The tables of a file; None for one that is damaged."""
    try:
        with closing(open_read_only(path)) as connection:
            return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return None
