"""Where the files of exports are while they are made and sent."""

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import URL

from crm_core.exports.folders import locked_folder, remove_abandoned

PREFIX = "mini-crm-export-"


def export_folder(url: URL) -> AbstractContextManager[Path]:
    """A new folder for one export, removed when its context ends.

    Args:
        url: of the database.
    """
    return locked_folder(PREFIX, parent=_parent(url))


def remove_leftovers(url: URL) -> None:
    """Removes folders that killed processes have left behind."""
    remove_abandoned(f"{PREFIX}*", parent=_parent(url))


def _parent(url: URL) -> Path:
    """Beside a SQLite database, where there is room and nobody else looks; otherwise the system's temporary folder.

    A container's root may be read-only, and its memory is no place for gigabytes.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    return Path(url.database or "").resolve().parent if is_sqlite else Path(tempfile.gettempdir())
