"""Replacing a SQLite database with a copy; the replaced one is kept beside it, under a name with date and time.

At every moment, the file in the database's place is either the old one or the complete restored one. There may be none;
then no process starts (`crm_core.storage.installed_mark`), and repeating the restore finishes it.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from crm_core.backups.copying import Copy, examine, make_copy, sync_folder
from crm_core.backups.errors import BackupError
from crm_core.storage.installed_mark import is_empty
from crm_core.storage.probe import open_read_only

COMPANIONS = ("-wal", "-shm", "-journal")
_PRIMARY_KEY = re.compile(r"PRIMARY KEY \(id\)")


def check_place(path: Path, *, replace: bool) -> None:
    """Raises BackupError (`not_empty`) if there is a database with data and it may not be replaced."""
    if path.exists() and not replace and not is_empty(path):
        raise BackupError("not_empty", path=str(path))


@contextlib.contextmanager
def candidate(backup: Path, place: Path, *, now: datetime) -> Iterator[Copy]:
    """A checked copy of the backup beside the database, to be prepared there. Raises BackupError."""
    if place.exists() and backup.exists() and backup.samefile(place):
        raise BackupError("is_database", path=str(backup))
    if not backup.is_file():
        raise BackupError("not_readable", path=str(backup), why="there is no such file")
    path = place.with_name(f"{place.name}.restoring")
    _remove(path)
    try:
        taken_at = examine(backup, thoroughly=False).taken_at  # the copy of a copy gets a mark of its own
        made = make_copy(backup, path, clock=lambda: now)
        yield replace(made, taken_at=taken_at)
    finally:
        _remove(path)


def highest_numbers(path: Path, tables: Collection[str]) -> dict[str, int]:
    """The highest id of each table in a database that is to be replaced, as far as it can still be read."""
    found = {}
    with contextlib.suppress(sqlite3.Error), closing(open_read_only(path)) as connection:
        for table in tables:
            with contextlib.suppress(sqlite3.Error):
                ((highest,),) = connection.execute(f"SELECT max(id) FROM {table}").fetchall()  # noqa: S608
                found[table] = int(highest or 0)
    return found


def begin_numbers_at(path: Path, numbers: Mapping[str, int]) -> None:
    """Makes this number the lowest id of the next row of each table.

    SQLite assigns the highest id plus one, unless the table is declared AUTOINCREMENT. Declaring that changes nothing
    in the stored rows, and in that case SQLite's documentation allows editing the schema in place.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT)")  # makes sqlite_sequence
        connection.execute("DROP TABLE numbered")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("BEGIN IMMEDIATE")
        for table, number in numbers.items():
            of_table = "type = 'table' AND name = ?"
            ((sql,),) = connection.execute(f"SELECT sql FROM sqlite_master WHERE {of_table}", (table,)).fetchall()  # noqa: S608
            declared = _PRIMARY_KEY.sub("PRIMARY KEY (id AUTOINCREMENT)", sql)
            if "AUTOINCREMENT" not in declared:
                raise BackupError("damaged", path=str(path), why=f"the table {table} is declared in an unknown way")
            connection.execute(f"UPDATE sqlite_master SET sql = ? WHERE {of_table}", (declared, table))  # noqa: S608
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number - 1))
        ((version,),) = connection.execute("PRAGMA schema_version").fetchall()
        connection.execute(f"PRAGMA schema_version = {version + 1}")
        connection.execute("COMMIT")


def forget_origin(path: Path) -> None:
    """Removes the mark of a backup: from now on it is a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE IF EXISTS backup")


def put_in_place(prepared: Path, place: Path, *, now: datetime) -> Path | None:
    """Puts a prepared database in its place. Returns where the replaced one is kept; None if there was none."""
    _as_one_file(prepared)
    kept = None
    if place.exists():
        with contextlib.suppress(sqlite3.Error):  # a damaged one is kept unchanged, with its journal
            _as_one_file(place)
        kept = place.with_name(f"{place.stem}.replaced-{now:%Y%m%d-%H%M%S}.db")
        for companion in COMPANIONS:  # kept together: the newest part of a damaged file may be in its journal
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{place}{companion}", f"{kept}{companion}")
        os.replace(place, kept)
    for companion in COMPANIONS:  # a journal left here would be applied to the new file
        Path(f"{place}{companion}").unlink(missing_ok=True)
    sync_folder(place.parent)
    os.replace(prepared, place)
    sync_folder(place.parent)
    return kept


def _as_one_file(path: Path) -> None:
    """Moves the journal into the file and flushes it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _remove(path: Path) -> None:
    for companion in ("", *COMPANIONS):
        Path(f"{path}{companion}").unlink(missing_ok=True)
