"""Opens the database for a command, while another process may be running on it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

from crm_core.storage.config import Pool, use
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import AlreadyRunning, ownership
from crm_core.storage.probe import SAFE_WITH_TWO_WRITERS


class SecondWriterUnsafe(Exception):
    """A process is running on the database, and this SQLite library is not safe with a second writer.

    The text says so in one sentence; the caller adds what to do.
    """

    def __init__(self) -> None:
        version = sqlite3.sqlite_version
        super().__init__(f"Mini-CRM is running on this database, and SQLite {version} is safe with one writer only.")


@asynccontextmanager
async def open_for_writing(url: str) -> AsyncIterator[Database]:
    """An open database for a command that changes something; closed at the end.

    Args:
        url: as in the setting `DATABASE_URL`.

    Raises SecondWriterUnsafe.
    """
    owner = None
    if sqlite3.sqlite_version_info < SAFE_WITH_TWO_WRITERS:
        try:
            owner = ownership(make_url(url))
        except AlreadyRunning:
            raise SecondWriterUnsafe from None
    use(Pool.BACKGROUND)
    db = open_database(url)
    try:
        yield db
    finally:
        await db.close()
        if owner is not None:
            await owner.release()
