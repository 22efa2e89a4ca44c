"""API keys, cached for a moment: checking a key costs a request no database query."""

import asyncio
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from crm_core.access import api_keys
from crm_core.access.api_keys import KeyFacts, KeysChanged
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

FRESH = timedelta(seconds=2)  # after which keys created or revoked by another process are known here
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class Keyring:
    """Keys by their prefix. Changes by this process are known immediately, changes by another within seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._keys: dict[str, KeyFacts] = {}
        self._read_at: datetime | None = None
        self._changes = 0
        self._reading: asyncio.Task[None] | None = None
        self._used: dict[int, datetime] = {}
        db.listeners.append(self._on_commit)

    def _on_commit(self, announcements: list[Any]) -> None:
        if any(isinstance(one, KeysChanged) for one in announcements):
            self._read_at = None
            self._changes += 1

    @property
    def knows_keys(self) -> bool:
        """Whether there was ever a key, as far as was read; see `has_keys`."""
        return bool(self._keys)

    async def has_keys(self, *, now: datetime, or_remembered: bool = False) -> bool:
        """Whether there was ever a key, valid or not. Refreshes the cache if it is too old.

        Args:
            or_remembered: whether an outdated cache is good enough while the database is unavailable.
        """
        if self._read_at is None or abs(now - self._read_at) > FRESH:
            # One read serves all requests that come in the meantime, and continues if one of them is cancelled.
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(now), name="keys")
            try:
                await asyncio.shield(self._reading)
            except DATABASE_UNAVAILABLE:
                if not or_remembered or self._read_at is None:
                    raise
        return bool(self._keys)

    async def _read(self, now: datetime) -> None:
        changes = -1
        while changes != self._changes:  # the read may have begun before the change
            changes = self._changes
            listed = await self._db.read(api_keys.listing)
        self._keys = {one.prefix: one for one in listed}
        self._read_at = now

    def find(self, text: str, *, now: datetime) -> KeyFacts | None:
        """The key with this text; None if it is unknown, expired or revoked. Call `has_keys` first."""
        facts = self._keys.get(api_keys.prefix_of(text))
        if facts is None:
            hmac.compare_digest(api_keys.digest_of(text), _NOBODY)  # the same work as for an existing key
            return None
        if not api_keys.opens(facts, text, now=now):
            return None
        self._used[facts.id] = now
        return facts

    async def note_use(self) -> None:
        """Stores when keys were last used. Called periodically and at shutdown."""
        used, self._used = self._used, {}
        if used:
            await self._db.write_unflushed(api_keys.note_use, used=used)
