"""What waits for one chat, and which row goes next: one request does not keep the others waiting.

What belongs to one request goes in its order: the card, then the messages. These rows share a lane; every other row has
one of its own, so that one that must be tried again delays nothing else. In an operator's chat the cards, the notices
and the answers to their own commands go first; then the requests take turns, a message each, or an album.

The parts of an album go together. Nothing marks the last one, so the album waits until it is known to be complete: it
has ten parts, something else follows it, or the update with its last part said so (`MessageContent.ends_album`). Else
it waits until no part has come for a second, and 3 seconds at most.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from crm_core.messaging.messages import ALBUM_QUIET
from crm_core.messaging.outbox import (
    ALBUM_PARTS,
    CARD,
    CLIENT_NOTICE,
    COPY_EDIT,
    DELETE,
    FORUM,
    MENU,
    MORE,
    OVERVIEW,
    PIN,
    TALK,
    TO_CLIENT,
    TO_OPERATOR,
    PendingRow,
)

# Our own retry delays are shorter, and longer waits of Telegram are gates: a later moment means a clock set back.
LONGEST_PAUSE = timedelta(minutes=10)
ALBUM_LONGEST = timedelta(seconds=3)  # for which an album waits for further parts, from its first one on
IN_ORDER = frozenset({CARD, TALK, TO_OPERATOR, MORE, TO_CLIENT, CLIENT_NOTICE, DELETE})  # within one request
IN_TURNS = frozenset({TO_OPERATOR, MORE, COPY_EDIT})  # between the requests of one operator
LAST = frozenset({MENU, OVERVIEW, PIN, FORUM})  # nobody waits for these
COPIES_AT_MOST = 20  # of one request that wait for its operator; more are counted in one line
TURNS_KEPT = 100  # of requests with nothing waiting


class ChatLanes:
    """The waiting rows of one chat; the one that is being sent is not among them."""

    def __init__(self) -> None:
        self.stamp = 0
        """Of the newest entry about this chat in the heaps of `ChatQueues`; older entries are void."""
        self._lanes: dict[int, deque[PendingRow]] = {}
        self._turns: dict[int, int] = {}  # by contact: when it last had its turn
        self._last_turn = 0
        self._chosen: PendingRow | None = None  # what goes next as long as no row comes or goes

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def add(self, row: PendingRow) -> None:
        """Puts a row into its lane, by its id: those found late (the backlog of a start) go before those announced."""
        self._chosen = None
        lane = self._lanes.setdefault(_lane(row), deque())
        place = len(lane)
        while place and lane[place - 1].id > row.id:
            place -= 1
        lane.insert(place, row)

    def is_crowded(self, contact_id: int | None) -> bool:
        """Whether more messages of a contact wait for its operator than are copied one by one."""
        lane = self._lanes.get(contact_id or 0, ())
        return len(lane) > COPIES_AT_MOST and sum(row.kind == TO_OPERATOR for row in lane) > COPIES_AT_MOST

    def discard(self, ids: Set[int]) -> None:
        """Forgets rows that were given up."""
        self._chosen = None
        for key, lane in list(self._lanes.items()):
            if any(row.id in ids for row in lane):
                self._lanes[key] = deque(row for row in lane if row.id not in ids)
                if not self._lanes[key]:
                    del self._lanes[key]

    def together(self, row: PendingRow) -> int:
        """How many messages go with the head of a lane, itself included: the parts of an album that stand there."""
        return parts_at_head(self._lanes[_lane(row)])

    def take(self, row: PendingRow) -> list[PendingRow]:
        """Removes the head of a lane, which is going to be sent, and what goes with it. Returns all of these."""
        self._chosen = None
        key = _lane(row)
        lane = self._lanes[key]
        taken = [lane.popleft() for _ in range(self.together(row))]
        if not lane:
            del self._lanes[key]
        if row.kind in IN_TURNS and row.contact_id is not None:
            if len(self._turns) > TURNS_KEPT:
                self._turns = {contact: turn for contact, turn in self._turns.items() if contact in self._lanes}
            self._last_turn += 1
            self._turns[row.contact_id] = self._last_turn
        return taken

    def choose(self, now: datetime, *, is_outage: bool) -> tuple[PendingRow | None, datetime | None]:
        """The row that goes next; if none may go yet, None and the moment at which one may (None: nobody knows).

        Args:
            is_outage: whether rows that wait for Telegram to answer are held.
        """
        if self._chosen is not None:
            return self._chosen, None
        best: tuple[tuple[int, int, int], PendingRow] | None = None
        earliest: datetime | None = None
        is_settled = True
        for lane in self._lanes.values():
            row = lane[0]
            if row.waits_for_telegram:
                is_settled = False
                if is_outage:
                    continue
            due = _held_until(lane) if row.is_held else row.not_before
            if due is not None and due > now:
                is_settled = False
                latest = now + (ALBUM_LONGEST if row.is_held else LONGEST_PAUSE)
                if due > latest:
                    due = latest
                    lane[0] = replace(row, not_before=due, is_held=False)
                earliest = due if earliest is None else min(earliest, due)
                continue
            rank = self._rank(row)
            if best is None or rank < best[0]:
                best = rank, row
        if best is None:
            return None, earliest
        if is_settled:  # neither the clock nor an outage changes it
            self._chosen = best[1]
        return best[1], None

    def _rank(self, row: PendingRow) -> tuple[int, int, int]:
        if row.kind in IN_TURNS:
            return 1, self._turns.get(row.contact_id or 0, 0), row.id
        return (2 if row.kind in LAST else 0), 0, row.id

    def heads(self) -> Iterable[PendingRow]:
        """The first row of each lane."""
        return [lane[0] for lane in self._lanes.values()]

    def end_outage(self) -> None:
        """What waited only for Telegram to answer may go now."""
        for lane in self._lanes.values():
            if lane[0].waits_for_telegram:
                lane[0] = replace(lane[0], not_before=None, waits_for_telegram=False)


def parts_at_head(lane: Sequence[PendingRow]) -> int:
    """How many rows at the head of a lane are copies of the same album; 1 for any other row."""
    head = lane[0]
    if head.album is None:
        return 1
    here = itertools.takewhile(lambda row: row.album == head.album and row.kind == head.kind, lane)
    return sum(1 for _ in itertools.islice(here, ALBUM_PARTS))


def _held_until(lane: Sequence[PendingRow]) -> datetime | None:
    """Until when the album at the head of a lane waits for further parts; None once it is known to be complete."""
    head, parts = lane[0], parts_at_head(lane)
    last = lane[parts - 1].not_before
    if head.not_before is None or last is None or parts == ALBUM_PARTS or parts < len(lane):
        return None
    return min(last, head.not_before + ALBUM_LONGEST - ALBUM_QUIET)


def _lane(row: PendingRow) -> int:
    return row.contact_id if row.kind in IN_ORDER and row.contact_id is not None else -row.id
