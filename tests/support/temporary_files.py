"""Temporary files of a run are kept in memory, where the system has a place for that.

Every test has a database of its own. On a disk, making, flushing and removing them takes a tenth of the processor time
of a run, and a part of each flush besides in which nothing happens.
"""

import os
import tempfile

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - folders of their own are made there, as in the temporary folder
ROOM_BYTES = 4 * 1024**3  # several times what a whole run has there at once; the one of a container may have 64 MB


def keep_temporary_files_in_memory() -> None:
    """From now on, temporary files of this process and of those that it starts are made in memory.

    Does nothing where a folder for them is named (`TMPDIR`), or where there is no memory that has room and lets
    programs be started from it.
    """
    if "TMPDIR" in os.environ or not _is_suitable(SHARED_MEMORY):
        return
    os.environ["TMPDIR"] = SHARED_MEMORY
    tempfile.tempdir = None  # it is found anew


def _is_suitable(folder: str) -> bool:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES and not found.f_flag & os.ST_NOEXEC
