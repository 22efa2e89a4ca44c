"""Nightly copies: which one is due, what they are called, and which are old. Files alone say what was done."""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

_DAY = r"\d{4}-\d{2}-\d{2}"


def folder_of(database: Path, chosen: Path | None) -> Path:
    """Where nightly copies of a database are: `backups` beside the file, if nothing else was chosen."""
    return chosen or database.parent / "backups"


def backup_path(folder: Path, database: Path, day: date) -> Path:
    """The file of a night: `mini_crm.2026-11-21.db`."""
    return folder / f"{database.stem}.{day:%Y-%m-%d}.db"


def existing(folder: Path, database: Path) -> list[Path]:
    """Nightly copies of a database, the newest last; whatever else is in the folder is not touched."""
    name = re.compile(rf"{re.escape(database.stem)}\.{_DAY}\.db")
    return sorted(one for one in folder.glob("*.db") if name.fullmatch(one.name)) if folder.is_dir() else []


def due(folder: Path, database: Path, *, at: time, zone: ZoneInfo, now: datetime) -> Path | None:
    """The copy that should be there by now and is not; None where all is done.

    Nights that were missed are made up by one copy, which has everything in it.

    Args:
        at: the time of day in the zone.
    """
    here = now.astimezone(zone)
    day = here.date() if here.time() >= at else here.date() - timedelta(days=1)
    path = backup_path(folder, database, day)
    made = existing(folder, database)
    # A clock that went back must not make a night twice: a later copy has everything that an earlier one would have.
    return None if path.exists() or (made and made[-1].name > path.name) else path


def prune(folder: Path, database: Path, *, keep: int) -> list[Path]:
    """Deletes all but the newest copies. Returns what was deleted."""
    old = existing(folder, database)[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old
