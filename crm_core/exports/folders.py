"""Folders for files that are being made: whoever makes them locks the folder; what a killed process left is removed.

A lock ends with its process, however that ends; a process id could be another's by now, and an age says nothing.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked_folder(prefix: str, *, parent: Path) -> Iterator[Path]:
    """A new folder, locked until its context ends, which removes it with all that is in it.

    Args:
        prefix: of its name.

    Raises OSError if it cannot be made.
    """
    folder, lock = _make(prefix, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(pattern: str, *, parent: Path) -> None:
    """Removes the folders of processes that were killed before they could do so.

    Args:
        pattern: of their names, as for `Path.glob`.
    """
    for folder in parent.glob(pattern):
        with suppress(OSError):  # it is in use, somebody else's, or has been removed meanwhile
            _remove(folder)


def _make(prefix: str, parent: Path) -> tuple[Path, int]:
    """Makes a folder and locks it; again, if another process took it for abandoned before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            # A file system without locks makes exports all the same; nobody can take them for abandoned there either.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_SH)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
