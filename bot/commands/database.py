"""A command's own access to the database, beside a process that may be running."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import AlreadyRunning, ownership
from crm_core.storage.probe import SAFE_WITH_TWO_WRITERS


class SecondWriterUnsafe(Exception):
    """A process is running, and this SQLite is not safe with a second writer. `version` is the library's."""

    def __init__(self) -> None:
        super().__init__()
        self.version = sqlite3.sqlite_version


@asynccontextmanager
async def open_for_writing(url: str) -> AsyncIterator[Database]:
    """An open database for a command that changes something.

    Args:
        url: as in the setting `DATABASE_URL`.

    Raises OnlyOneWriter.
    """
    owner = None
    if sqlite3.sqlite_version_info < SAFE_WITH_TWO_WRITERS:
        try:
            owner = ownership(make_url(url))
        except AlreadyRunning:
            raise SecondWriterUnsafe from None
    db = open_database(url)
    try:
        yield db
    finally:
        await db.close()
        if owner is not None:
            await owner.release()
