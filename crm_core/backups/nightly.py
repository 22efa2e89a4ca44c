"""Nightly copies: which one is due, their names, and which are old. The files themselves are the only record."""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

_DAY = r"\d{4}-\d{2}-\d{2}"


def folder_of(database: Path, chosen: Path | None) -> Path:
    """The folder of nightly copies: `backups` beside the database file, unless another one was chosen."""
    return chosen or database.parent / "backups"


def backup_path(folder: Path, database: Path, day: date) -> Path:
    """The file of a night: `mini_crm.2026-11-21.db`."""
    return folder / f"{database.stem}.{day:%Y-%m-%d}.db"


def existing(folder: Path, database: Path) -> list[Path]:
    """The nightly copies of a database, newest last; other files of the folder are not listed."""
    name = re.compile(rf"{re.escape(database.stem)}\.{_DAY}\.db")
    return sorted(one for one in folder.glob("*.db") if name.fullmatch(one.name)) if folder.is_dir() else []


def due(folder: Path, database: Path, *, at: time, zone: ZoneInfo, now: datetime) -> Path | None:
    """The copy that should exist by now and does not; None if nothing is due.

    One copy makes up for all nights that were missed.

    Args:
        at: the time of day in the zone.
    """
    here = now.astimezone(zone)
    day = here.date() if here.time() >= at else here.date() - timedelta(days=1)
    path = backup_path(folder, database, day)
    made = existing(folder, database)
    # After the clock was set back, no second copy is due: a later one contains everything of an earlier one. One of a
    # day that is still to come was named by a clock that was ahead, and stands for no night.
    today = backup_path(folder, database, here.date()).name
    return None if path.exists() or any(path.name < one.name <= today for one in made) else path


def prune(folder: Path, database: Path, *, keep: int, made: Path | None = None) -> list[Path]:
    """Deletes all but the newest `keep` copies. Returns the deleted ones.

    Args:
        made: the copy of this night, which is the newest, whatever days a clock that was ahead has given to others.
    """
    old = sorted(existing(folder, database), key=lambda one: one == made)[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old
