"""The queue of updates of one bot and the rules of its ids, offsets and age."""

import itertools
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from pydantic_core import to_json

MESSAGE_LIFETIME = 24 * 3600  # seconds; the server source: Client.cpp, add_message_update
CALLBACK_LIFETIME = 150  # seconds; Client.cpp, process_new_callback_query_queue
MAX_QUEUE = 100_000  # updates; td/TQueue.cpp, MAX_QUEUE_EVENTS
MAX_BATCH = 100
MAX_AHEAD = 10  # an offset further above the tail is ignored; TQueue.cpp, get

# The documentation of setWebhook and getUpdates names these as off unless asked for.
OFF_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
LIFETIMES = {"callback_query": CALLBACK_LIFETIME, "inline_query": 30}

Lane = tuple[str, int]


class Queued(NamedTuple):
    """An update in the queue: its id, when it expires (Unix time), its webhook lane, and its JSON."""

    id: int
    expires: float
    lane: Lane
    body: bytes


class UpdateQueue:
    """Updates that the bot has not confirmed.

    Args:
        random: chooses the first id
        now: Unix time in seconds
    """

    def __init__(self, random: Random, now: Callable[[], float]) -> None:
        self._now = now
        self._random = random
        self.items: OrderedDict[int, Queued] = OrderedDict()
        self._earliest_expiry = float("inf")
        self.next_id = random.randrange(100_000_000, 1_000_000_000)
        self.allowed: frozenset[str] | None = None
        self.pushed = 0
        self.dropped = 0
        self.confirmed_ids: list[int] = []
        self.on_push: Callable[[Queued], None] = lambda update: None

    def push(self, kind: str, content: dict[str, Any], lane: Lane, date: float | None = None) -> int | None:
        """Add an update of `kind`, unless `allowed_updates` leaves it out, and return its id.

        Args:
            date: when its message was written or edited, Unix time; its lifetime is counted from there
        """
        if not self.wants(kind):
            return None
        if len(self.items) >= MAX_QUEUE:
            self.dropped += 1
            return None
        expires = (self._now() if date is None else date) + LIFETIMES.get(kind, MESSAGE_LIFETIME)
        return self._append(lambda update_id: {"update_id": update_id, kind: content}, expires, lane)

    def push_raw(self, update: dict[str, Any]) -> int | None:
        """Add any JSON object with the next id (an update of a newer Bot API that cannot be parsed)."""
        return self._append(
            lambda update_id: {**update, "update_id": update_id}, self._now() + MESSAGE_LIFETIME, ("raw", 0)
        )

    def _append(self, build: Callable[[int], dict[str, Any]], expires: float, lane: Lane) -> int:
        while self.next_id in self.items:  # only after a jump backwards
            self.next_id += 1
        update_id = self.next_id
        self.next_id += 1
        self.pushed += 1
        update = self.items[update_id] = Queued(update_id, expires, lane, to_json(build(update_id)))
        self._earliest_expiry = min(self._earliest_expiry, expires)
        self.on_push(update)
        return update_id

    def wants(self, kind: str) -> bool:
        """Whether updates of `kind` are queued now; those that are queued already are never filtered."""
        return kind not in OFF_BY_DEFAULT if self.allowed is None else kind in self.allowed

    def allow(self, kinds: list[str]) -> None:
        """Set `allowed_updates`; an empty list means the default set."""
        self.allowed = frozenset(kinds) or None

    def jump(self, to: int | None = None) -> None:
        """Continue the ids at `to` or at random, possibly lower, as Telegram does after a week without updates."""
        self.next_id = self._random.randrange(1_000, 1_000_000_000) if to is None else to

    def confirm(self, offset: int) -> None:
        """Remove updates below a positive `offset`, or all but the last `-offset` ones."""
        if offset < 0:
            while len(self.items) > -offset:
                self._confirm_head()
        elif 0 < offset <= self.next_id + MAX_AHEAD:
            # The ids are not in order after a jump to a lower number: only the leading run is confirmed.
            while self.items and next(iter(self.items)) < offset:
                self._confirm_head()

    def _confirm_head(self) -> None:
        self.confirmed_ids.append(self.items.popitem(last=False)[0])

    def batch(self, limit: int) -> list[Queued]:
        """The oldest updates that have not expired, at most `limit`."""
        self.drop_expired()
        return list(itertools.islice(self.items.values(), limit))

    def drop_expired(self) -> None:
        """Remove expired updates (after 24 h, or 150 s for a callback query)."""
        now = self._now()
        if now < self._earliest_expiry:
            return
        for update in [update for update in self.items.values() if update.expires <= now]:
            del self.items[update.id]
            self.dropped += 1
        self._earliest_expiry = min((update.expires for update in self.items.values()), default=float("inf"))

    def remove(self, update: Queued) -> None:
        """Remove one update that was delivered by webhook."""
        if self.items.pop(update.id, None) is not None:
            self.confirmed_ids.append(update.id)

    def clear(self) -> None:
        """Remove all updates (`drop_pending_updates`)."""
        self.items.clear()
