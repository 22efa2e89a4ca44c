"""What waits in a replay: lines of contacts that are alike, of which whoever can get the first can get any other."""

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping

from crm_core.replay.history import Line

Kind = tuple[Line, frozenset[str]]
"""A source, whether the client is in Telegram, and the skills that are required."""
Position = tuple[int, int]
"""By what the queue is given out, and the contact."""
NOBODY = 2**63
"""Later than any moment: whoever waits in a line, nobody is free for it."""


class Lines:
    """Contacts that wait, each in the line of its kind."""

    def __init__(self) -> None:
        self._lines: dict[Kind, list[Position]] = {}
        self._places: dict[int, tuple[Kind, Position]] = {}
        self._since: dict[int, int] = {}

    def add(self, kind: Kind, position: Position, *, since: int) -> None:
        """A contact waits.

        Args:
            since: when its wait began.
        """
        insort(self._lines.setdefault(kind, []), position)
        self._places[position[1]], self._since[position[1]] = (kind, position), since

    def remove(self, contact_id: int) -> None:
        """A contact waits no more, or elsewhere."""
        kind, position = self._places.pop(contact_id)
        line = self._lines[kind]
        del line[bisect_left(line, position)]
        if not line:
            del self._lines[kind]

    def of_source(self, source_id: int) -> list[int]:
        """The contacts that wait at a source."""
        return [one for one, ((line, _), _) in self._places.items() if line[0] == source_id]

    def first(self, in_vain: Mapping[Kind, int], alone: Collection[int]) -> tuple[int, Kind] | None:
        """The contact that is first in line, and its kind.

        Args:
            in_vain: kinds of which none is looked at that has waited since before a moment.
            alone: contacts that are not looked at, whatever their kind.
        """
        best: Position | None = None
        found: Kind | None = None
        for kind, line in self._lines.items():
            bound = in_vain.get(kind, 0)
            if bound == NOBODY:
                continue
            for position in line:
                if best is not None and position > best:
                    break
                if position[1] not in alone and self._since[position[1]] >= bound:
                    best, found = position, kind
                    break
        return None if best is None or found is None else (best[1], found)
