"""The first API key: without any key, the API answers calls of this machine only."""

import os
from datetime import datetime
from pathlib import Path

from bot.random_codes import new_key
from bot.settings import Settings
from crm_core.access import api_keys
from crm_core.api.loopback import is_loopback
from crm_core.storage.database import Database

NAME = "first"


class NoApiKey(Exception):
    """The API is served to other machines, and there is no valid key; the text says what to do."""


async def ensure_api_key(db: Database, settings: Settings, *, now: datetime) -> str | None:
    """Makes sure that there is an API key if the API is served to other machines.

    Returns the path of the first key, if one was made now. Raises NoApiKey; OSError where its file cannot be written.
    """
    if is_loopback(settings.http_host):
        return None
    if settings.first_api_key_to is not None and await _make_first(db, settings.first_api_key_to, now):
        return str(settings.first_api_key_to)
    if not await db.read(api_keys.any_valid, now=now):
        raise NoApiKey(
            f"HTTP_HOST={settings.http_host} serves the API to other machines, and there is no valid API key: "
            "make one with `mini-crm api-key create NAME --scope admin`, or set HTTP_HOST=127.0.0.1."
        )
    return None


async def _make_first(db: Database, path: Path, now: datetime) -> bool:
    """Makes a key if there never was one, and writes it to a file that only its owner can read."""
    if await db.read(api_keys.exist):
        return False
    key = new_key()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:  # the file first: if writing it failed after the commit, nobody would have the key, and no other would be made
        os.fchmod(file, 0o600)
        if not await db.write(api_keys.create_first, key=key, name=NAME, now=now):
            return False  # another process was faster, and writes its own
        os.write(file, key.encode() + b"\n")
    finally:
        os.close(file)
    return True
