"""Whether an installation has had a database: then an absent one is a loss, not a beginning (SQLite).

What says so is the lock beside the file, which carries a mark from the first start on, and nightly backups.
PostgreSQL's databases do not vanish alone, and whoever makes an empty one there means it; but one that is being filled
from a backup is marked, so that nothing starts on it before it is safe.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from crm_core.storage.probe import open_read_only

MARK = b"This installation has a database. See docs/operations.md, Backup.\n"


LOOKED_THROUGH_AT_START = 256 * 1024 * 1024  # bytes; that takes half a second

RESTORING = "restoring"
"""PostgreSQL: a table that stands in a database while it is being restored."""


class RestoreUnfinished(Exception):
    """The database is filled from a backup, but not ready to go on with."""


class DatabaseMissing(Exception):
    """A known installation's database is not there, or empty; none is made in its place.

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
    """Notes that there is a database; called once it is made."""
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
    """Raises DatabaseMissing where there should be a database and is none.

    Args:
        backups: nightly ones, the newest last.
    """
    if not path.exists() or _tables(path) == set():
        lock = lock_path(path)
        if backups or (lock.exists() and lock.stat().st_size):
            raise DatabaseMissing(path, backups[-1] if backups else None)


def check_integrity(path: Path) -> None:
    """Raises sqlite3.DatabaseError for a damaged file; one that would take long is looked at by the nightly backup."""
    if path.exists() and path.stat().st_size <= LOOKED_THROUGH_AT_START:
        with closing(open_read_only(path)) as connection:
            ((said, *_),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise sqlite3.DatabaseError(str(said).splitlines()[-1])


def is_empty(path: Path) -> bool:
    """Whether a file is a database that nobody has put anything into. A damaged one is not."""
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
