"""`mini-crm backup FILE`: copies the database, also while it is in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.runtime.control import ProgressLine
from bot.settings import Settings
from crm_core.backups.copying import Copy, examine, make_copy
from crm_core.backups.errors import BackupError
from crm_core.storage.probe import sqlite_path

PG_RESTORE = "It is in pg_dump's custom format: `mini-crm restore`, or pg_restore, restores it."


def back_up(settings: Settings, *, target: Path, force: bool) -> None:
    """Makes the copy and prints its size and moment.

    Args:
        target: a new file, or an earlier backup, which is replaced.
        force: replace the target whatever it is, except the database itself.

    Raises BackupError.
    """
    if not settings.database_url.startswith("sqlite"):
        _dump(settings.database_url, target, force=force)
        return
    database = sqlite_path(settings.database_url)
    if not database.exists():
        raise BackupError("no_database", path=str(database))
    if target.exists():
        _check_replaced(target, database, force=force)
    with _progress() as line:
        made = make_copy(database, target, clock=lambda: datetime.now(UTC), on_progress=line.show)
    _print_result(made)


def _check_replaced(target: Path, database: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BackupError("is_folder", path=str(target))
    if target.samefile(database):
        raise BackupError("is_database", path=str(target))
    if force:
        return
    try:
        is_backup = examine(target, thoroughly=False).taken_at is not None
    except BackupError:
        is_backup = False
    if not is_backup:
        raise BackupError("exists", path=str(target))


def _dump(url: str, target: Path, *, force: bool) -> None:
    from crm_core.backups.postgres import dump  # it imports SQLAlchemy

    if target.is_dir():
        raise BackupError("is_folder", path=str(target))
    if target.exists() and not force:
        raise BackupError("exists", path=str(target))
    click.echo(f"{target}: {size_text(dump(url, target))}. {PG_RESTORE}")


def _print_result(made: Copy) -> None:
    assert made.taken_at is not None
    click.echo(
        f"{made.path}: {size_text(made.size)}, as of {made.taken_at:%Y-%m-%d %H:%M:%S} UTC (revision {made.revision}); "
        "every page and reference in it was checked."
    )
    if made.wrong_loads:
        names = ", ".join(made.wrong_loads)
        click.echo(
            f"! The stored loads of {names} differ from the numbers of their open contacts: see `mini-crm doctor`.",
            err=True,
        )


def size_text(size: int) -> str:
    """A number of bytes as text: `340 KB`, `1.2 GB`."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6)):
        if size >= bytes_each:
            return f"{size / bytes_each:.1f} {unit}"
    return f"{max(1, size // 1000)} KB"


@contextmanager
def _progress() -> Iterator[ProgressLine]:
    line = ProgressLine("backup", "pages")
    try:
        yield line
    finally:
        line.end()
