"""Which keys there are, remembered for a moment: looking at a key costs a request no statement."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from crm_core import api_keys
from crm_core.api_keys import KeyFacts, KeysChanged
from crm_core.storage.database import Database

FRESH_SECONDS = 2.0  # after which keys made or revoked by another process are known here
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys as they were at one moment."""

    by_prefix: dict[str, KeyFacts]
    read_at: float


class Keyring:
    """Keys by their public beginning. A change by this process is known at once, one by another within seconds."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock
        self._keys: Keys | None = None
        self._used: dict[int, datetime] = {}
        db.listeners.append(self._on_commit)

    def _on_commit(self, announcements: list[Any]) -> None:
        if any(isinstance(one, KeysChanged) for one in announcements):
            self._keys = None

    async def refresh(self) -> bool:
        """Reads the keys again if they are not fresh. Returns whether there are any, good or not."""
        keys = self._keys
        if keys is None or monotonic() - keys.read_at > FRESH_SECONDS:
            read_at = monotonic()
            listed = await self._db.read(api_keys.listing)
            keys = self._keys = Keys({one.prefix: one for one in listed}, read_at)
        return bool(keys.by_prefix)

    def find(self, text: str) -> KeyFacts | None:
        """The key that was given, None if it is none or no good. After `refresh`."""
        assert self._keys is not None
        facts = self._keys.by_prefix.get(api_keys.prefix_of(text))
        if facts is None:
            hmac.compare_digest(api_keys.digest_of(text), _NOBODY)  # the same work as for a key that there is
            return None
        now = self._clock()
        if not api_keys.opens(facts, text, now=now):
            return None
        self._used[facts.id] = now
        return facts

    async def note_use(self) -> None:
        """Writes down when keys were last used; called now and then, and at the end."""
        used, self._used = self._used, {}
        if used:
            await self._db.note(api_keys.note_use, used=used)
