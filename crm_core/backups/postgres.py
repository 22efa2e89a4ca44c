"""PostgreSQL: its own tools make and restore the copy; passwords are passed to them in a file."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, func, inspect, make_url, select, text
from sqlalchemy.orm import Session

from crm_core.backups.copying import sync_folder
from crm_core.backups.errors import BackupError
from crm_core.storage.execute import execute
from crm_core.storage.installed_mark import RESTORING

AS_WE_ARE = ("--no-owner", "--no-privileges", "--no-password")  # roles differ from server to server
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")


def dump(url: str, target: Path) -> int:
    """Copies a database that may be in use with pg_dump, as of one moment, in its custom format.

    Returns the file's size in bytes. Raises BackupError. `target` is either unchanged or complete.
    """
    if not target.parent.is_dir():
        raise BackupError("no_folder", path=str(target.parent))
    try:
        file, name = tempfile.mkstemp(".part", f".{target.name}.", target.parent)
    except OSError as error:
        raise BackupError("not_writable", path=str(target.parent), why=error.strerror or str(error)) from error
    part = Path(name)
    try:
        with _address(url) as address:
            _run("pg_dump", "--format=custom", *AS_WE_ARE, f"--file={part}", f"--dbname={address}")
        _run("pg_restore", "--list", str(part))  # reads the whole table of contents
        os.fsync(file)
        os.replace(part, target)
        sync_folder(target.parent)
        return target.stat().st_size
    except OSError as error:
        raise BackupError("not_writable", path=str(target.parent), why=error.strerror or str(error)) from error
    finally:
        os.close(file)
        part.unlink(missing_ok=True)


def bring_back(url: str, backup: Path) -> None:
    """Fills an empty database from a dump, all or nothing; no process starts on it until `is_safe` was called.

    Raises BackupError (`not_empty` for a database with tables in it).
    """
    if not backup.is_file():
        raise BackupError("not_readable", path=str(backup), why="there is no such file")
    try:
        listed = _run("pg_restore", "--list", str(backup))
    except BackupError as error:
        if error.code == "tool_failed":
            raise BackupError("damaged", path=str(backup), why=error.fields["why"]) from error
        raise
    if " alembic_version " not in listed:
        raise BackupError("foreign", path=str(backup))
    tables = _prepare(url)
    if tables and RESTORING not in tables:
        raise BackupError("not_empty", path=str(backup))
    if "alembic_version" in tables:
        return  # an earlier restore was interrupted after this step
    with _address(url) as address:
        _run("pg_restore", "--exit-on-error", "--single-transaction", *AS_WE_ARE, f"--dbname={address}", str(backup))


def _prepare(url: str) -> set[str]:
    """Marks an empty database as being restored. Returns the tables that it had."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            tables = set(inspect(connection).get_table_names())
            if not tables:
                connection.execute(text(f"CREATE TABLE {RESTORING} (since timestamptz NOT NULL DEFAULT now())"))
            return tables
    finally:
        engine.dispose()


def is_safe(s: Session) -> None:
    """Marks the restored database as ready for use, in the transaction that reconciled it."""
    execute(s, text(f"DROP TABLE {RESTORING}"))


def begin_numbers_at(s: Session, numbers: Mapping[str, int]) -> None:
    """Makes this number the id of the next row of each table."""
    for table, number in numbers.items():
        sequence = func.pg_get_serial_sequence(table, "id")
        execute(s, select(func.setval(sequence, number, False)))


@contextlib.contextmanager
def _address(url: str) -> Iterator[str]:
    """The address for a command line, which every user of the machine can see: the password is in a file."""
    plain = make_url(url).set(drivername="postgresql")
    with tempfile.NamedTemporaryFile("w", prefix="mini-crm-", encoding="utf-8") as file:  # readable only by its owner
        if plain.password:
            escaped = str(plain.password).replace("\\", "\\\\").replace(":", "\\:")
            file.write(f"*:*:*:*:{escaped}\n")
            file.flush()
            query = {**plain.query, "passfile": file.name}
            plain = URL.create(plain.drivername, plain.username, None, plain.host, plain.port, plain.database, query)
        yield plain.render_as_string(hide_password=False)


def _run(tool: str, *arguments: str) -> str:
    """Runs a tool of PostgreSQL and returns its output. Raises BackupError."""
    path = shutil.which(tool)
    if path is None:
        raise BackupError("no_tool", tool=tool)
    done = subprocess.run(  # noqa: S603
        [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise BackupError("tool_failed", tool=tool, why=_PASSWORD.sub(r"\1:***@", "; ".join(errors[:2])))
    return done.stdout.decode(errors="replace")
