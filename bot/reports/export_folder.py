"""Where the files of exports are while they are made and sent."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL

PREFIX = "mini-crm-export-"


def export_folder(url: URL) -> TemporaryDirectory[str]:
    """A new folder for one export, removed when its context ends.

    Args:
        url: of the database.
    """
    return TemporaryDirectory(prefix=PREFIX, dir=_parent(url), ignore_cleanup_errors=True)


def remove_leftovers(url: URL, *, before: datetime) -> None:
    """Removes folders that a killed process has left behind.

    Args:
        before: younger ones in a folder that is shared with other processes are kept.
    """
    for folder in _leftovers(url):
        with contextlib.suppress(OSError):
            # Several processes may share the system's temporary folder; beside a SQLite database there is only one.
            if _parent(url) is not None or folder.stat().st_mtime < before.timestamp():
                shutil.rmtree(folder)


def _parent(url: URL) -> Path | None:
    """Beside a SQLite database, where there is room and nobody else looks; otherwise the system's temporary folder.

    A container's root may be read-only, and its memory is no place for gigabytes.
    """
    return Path(url.database or "").resolve().parent if url.get_backend_name() == "sqlite" else None


def _leftovers(url: URL) -> Iterator[Path]:
    yield from (_parent(url) or Path(tempfile.gettempdir())).glob(f"{PREFIX}*")
