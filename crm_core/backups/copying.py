"""Copying a SQLite file that is in use, and checking a copy. Without SQLAlchemy, so that commands start quickly.

The file is copied page by page (SQLite's online backup) inside one read transaction: writers go on, and what they write
meanwhile is not in the copy. The connection that reads never writes and never runs a checkpoint, see
`crm_core.storage.sqlite`. The copy gets its name only when it is complete, checked and flushed.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crm_core.backups.errors import BackupError
from crm_core.storage.probe import known_revisions, open_read_only

PAGES_AT_ONCE = 256  # 1 MiB: between two such steps others get the disk
SYNC_EVERY = 16  # steps: a single flush of gigabytes at the end would delay those of the running process
RESERVE_BYTES = 64 * 1024 * 1024  # left free: a backup must not fill the disk
SUFFIX = ".part"

_MARK = "CREATE TABLE backup (taken_at INTEGER NOT NULL)"

Progress = Callable[[int, int], None]
"""Called with the number of pages copied, and of all pages."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a database that passed the checks.

    Attributes:
        taken_at: everything committed until then is in it; None for a copy made by another program.
        revision: of its schema.
        wrong_loads: names of operators whose load is not the number of their open contacts: the original has that
            error, too, and it is no reason to have no copy.
    """

    path: Path
    taken_at: datetime | None
    revision: str
    size: int
    wrong_loads: tuple[str, ...]


def make_copy(
    source: Path,
    target: Path,
    *,
    clock: Callable[[], datetime],
    pause: float = 0.0,
    on_progress: Progress = lambda done, total: None,
) -> Copy:
    """Copies a database that may be in use, checks the copy and gives it its name, replacing a file of that name.

    Args:
        clock: the current time; everything committed before it is called is in the copy.
        pause: seconds between steps, to leave the disk to others.

    Raises BackupError. Whatever interrupts it, `target` is either unchanged or complete.
    """
    with _unfinished(target) as (part, file), _explained(source, target):
        with closing(open_read_only(source)) as reading, closing(_open_part(part)) as writing:
            taken_at = clock()
            reading.execute("BEGIN")
            _check_space(target.parent, _size(reading))
            steps = 0

            def after_step(_status: int, remaining: int, total: int) -> None:
                nonlocal steps
                steps += 1
                if steps % SYNC_EVERY == 0:
                    os.fsync(file)
                on_progress(total - remaining, total)
                if pause:
                    time.sleep(pause)

            reading.backup(writing, pages=PAGES_AT_ONCE, progress=after_step)
            reading.execute("ROLLBACK")
            # A copy is a single file that can be read from a read-only place.
            writing.execute("PRAGMA journal_mode=DELETE").fetchone()
            writing.execute("DROP TABLE IF EXISTS backup")
            writing.execute(_MARK)
            writing.execute("INSERT INTO backup VALUES (?)", (int(taken_at.timestamp() * 1000),))
            found = _check(writing, target)
        os.fsync(file)
        os.replace(part, target)
        sync_folder(target.parent)
    return found


def examine(path: Path, *, thoroughly: bool = True) -> Copy:
    """Checks a copy.

    Args:
        thoroughly: also check every index against its table, and every foreign key.

    Raises BackupError (`not_readable`, `damaged`, `foreign`, `unknown_revision`).
    """
    if not path.is_file():
        raise BackupError("not_readable", path=str(path), why="there is no such file")
    with _explained(path, path), closing(open_read_only(path)) as connection:
        return _check(connection, path, thoroughly=thoroughly)


def _size(connection: sqlite3.Connection) -> int:
    (pages,), (page_size,) = (connection.execute(f"PRAGMA {one}").fetchone() for one in ("page_count", "page_size"))
    return int(pages * page_size)


_WRONG_LOADS_BEFORE = (
    "SELECT name FROM operators o WHERE current_leads <> "
    "(SELECT count(*) FROM contacts c WHERE c.operator_id = o.id AND c.status <> 'closed') ORDER BY id"
)
_WRONG_LOADS = _WRONG_LOADS_BEFORE.replace("<> 'closed'", "<> 'closed' AND c.wakes_at IS NULL")


def _check(connection: sqlite3.Connection, path: Path, *, thoroughly: bool = True) -> Copy:
    check = "integrity_check" if thoroughly else "quick_check"
    ((verdict, *_),) = connection.execute(f"PRAGMA {check}(1)").fetchall()
    if verdict != "ok":
        raise BackupError("damaged", path=str(path), why=str(verdict).splitlines()[-1])
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"alembic_version", "contacts", "operators"} <= tables:
        raise BackupError("foreign", path=str(path))
    ((revision,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall() or [("none",)]
    if revision not in known_revisions():
        raise BackupError("unknown_revision", path=str(path), revision=revision)
    if thoroughly and (broken := connection.execute("PRAGMA foreign_key_check").fetchone()):
        raise BackupError("damaged", path=str(path), why=f"a row of {broken[0]} refers to a missing one of {broken[2]}")
    # A copy of an earlier version has no contacts that sleep, and no column that says so.
    columns = {row[1] for row in connection.execute("PRAGMA table_info(contacts)")}
    wrong = connection.execute(_WRONG_LOADS if "wakes_at" in columns else _WRONG_LOADS_BEFORE).fetchall()
    taken = connection.execute("SELECT taken_at FROM backup").fetchone() if "backup" in tables else None
    return Copy(
        path,
        datetime.fromtimestamp(taken[0] / 1000, UTC) if taken else None,
        revision,
        _size(connection),
        tuple(row[0] for row in wrong),
    )


# --- files ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[tuple[Path, int]]:
    """A file beside the target, readable only by its owner; deleted at the end unless it was renamed to the target.

    Files that a killed process left there are deleted first; a process that is still copying holds a lock on its own.
    """
    if not target.parent.is_dir():
        raise BackupError("no_folder", path=str(target.parent))
    for left in target.parent.glob(f".{target.name}.*{SUFFIX}"):
        _remove_abandoned(left)
    try:
        file, name = tempfile.mkstemp(SUFFIX, f".{target.name}.", target.parent)
    except OSError as error:
        raise BackupError("not_writable", path=str(target.parent), why=error.strerror or str(error)) from error
    part = Path(name)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield part, file
    finally:
        os.close(file)
        for one in (part, Path(f"{part}-journal"), Path(f"{part}-wal"), Path(f"{part}-shm")):
            one.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):  # another process may be removing it, too
        file = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(file)


def _open_part(part: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(part, isolation_level=None)
    # It is flushed at the end, and worthless before.
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=MEMORY").fetchone()
    return connection


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + RESERVE_BYTES:
        raise BackupError(
            "no_space", path=str(folder), needed_mb=(size + RESERVE_BYTES) // 10**6, free_mb=free // 10**6
        )


def sync_folder(folder: Path) -> None:
    """Flushes a folder, so that a renamed or deleted file in it survives a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _explained(source: Path, target: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the disk into codes."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "disk is full" in str(error) or "disk I/O" in str(error):
            raise BackupError("not_writable", path=str(target.parent), why=str(error)) from error
        raise BackupError("not_readable", path=str(source), why=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise BackupError("damaged", path=str(source), why=str(error)) from error
    except OSError as error:
        raise BackupError("not_writable", path=str(target.parent), why=error.strerror or str(error)) from error
