"""The database is for the account that runs the process alone: it holds personal data of every client."""

import contextlib
import os
from pathlib import Path

SIDE_FILES = ("", "-wal", "-shm")


def private_folder(folder: Path) -> None:
    """Makes a folder that is missing, open to its owner alone. One that exists is left as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def private_file(path: Path) -> None:
    """Makes a file that is missing, for its owner alone, before SQLite would make it for everybody."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    tighten(path)


def tighten(path: Path) -> None:
    """Takes a database file and its journal away from everybody else, as far as they are ours.

    The journal gets the rights of the file when SQLite makes it. None is opened: closing it would free SQLite's locks.
    """
    for suffix in SIDE_FILES:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.chmod(f"{path}{suffix}", 0o600)
