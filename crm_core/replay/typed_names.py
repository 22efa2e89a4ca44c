"""Whose settings a typed change means: names stand before its last point, and have points, spaces and signs themselves.

A name is known where it is an operator's, a source's, or `source.operator`; of several that end at the same point the
longest counts. Quotes keep a name together as well, whatever stands in it.
"""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from crm_core.names import TypedLine, TypedWord, is_quoted, normalise
from crm_core.routing.sources import SourceListed
from crm_core.team.operators import OperatorFacts

SEPARATORS = " ,;\n"
QUOTES = '"”»“„«'
LONGEST = 200
"""Characters of a source's and an operator's name, with what stands between and around them."""
NEARLY = 0.75
WORDS_TRIED = 6


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all operators and sources, normalised."""

    operators: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @classmethod
    def of(cls, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]) -> "Names":
        """Those of these."""
        slugs = {one.slug for one in known if one.slug is not None}
        return cls(_normalised([one.name for one in staff]), _normalised([one.name for one in known]) | slugs)

    def know(self, who: str) -> bool:
        """Whether a text names an operator, a source, or an operator at a source."""
        return len(who) <= LONGEST and self._longest(who, [0], len(who)) == 0

    def begin(self, text: str, end: int, *, is_first: bool) -> int:
        """Where the name begins that ends at a position of a text.

        The longest known one; else behind the last separator, or at its quote.

        Args:
            is_first: whether words stand before it that belong to no other change: then an unknown name that is almost
                a known one is left whole, so that this one can be suggested.
        """
        starts = [at for at in range(max(0, end - LONGEST), end) if at == 0 or text[at - 1] in SEPARATORS]
        known = self._longest(text, starts, end)
        if known is None and is_first:
            nearly = (at for at in starts[-WORDS_TRIED:] if self._nearly_know(text[at:end].strip()))
            known = next(nearly, None)
        return _last_word(text, end) if known is None else known

    def _longest(self, text: str, starts: Sequence[int], end: int) -> int | None:
        """The first of these positions from which on a text is a known name."""
        points = [at for at in range(max(0, end - LONGEST), end) if text[at] == "."]
        ends = [at for at in points if _is_one_of(text[at + 1 : end], self.operators)]
        for at in starts:
            if _is_one_of(text[at:end], self.operators) or _is_one_of(text[at:end], self.sources):
                return at
            if any(at < point and _is_one_of(text[at:point], self.sources) for point in ends):
                return at
        return None

    def _nearly_know(self, who: str) -> bool:
        pairs = list(cuts(who))
        return (
            _is_close(who, self.operators | self.sources)
            or any(_is_one_of(source, self.sources) and _is_close(one, self.operators) for source, one in pairs)
            or any(_is_close(source, self.sources) and _is_one_of(one, self.operators) for source, one in pairs)
        )


def line(text: str) -> TypedLine:
    """A text that is one name as a whole, in quotes or not."""
    raw = text.strip()
    if is_quoted(raw):
        return TypedLine(raw, (TypedWord(0, len(raw), raw[1:-1].strip(), is_quoted=True),))
    return TypedLine.of(raw)


def cuts(who: str) -> Iterator[tuple[str, str]]:
    """Every way to read a text as a source and an operator, the shortest source first."""
    for at, sign in enumerate(who):
        if sign == ".":
            yield who[:at], who[at + 1 :]


def _normalised(names: Collection[str]) -> frozenset[str]:
    both = [*names, *(one.removeprefix("@") for one in names)]
    return frozenset(normalise(one) or "" for one in both) - {""}


def _is_one_of(text: str, names: Collection[str]) -> bool:
    """Whether a text, in quotes or not, is one of these names, as `crm_core.names.find_named` compares them."""
    raw = text.strip()
    readings = {raw, raw.strip(" ,;"), raw[1:-1] if is_quoted(raw) else raw}
    return any(normalise(one) in names or (one[:1] == "@" and normalise(one[1:]) in names) for one in readings)


def _is_close(text: str, names: Collection[str]) -> bool:
    wanted = [normalise(one) or "" for one in line(text).readings]
    return any(difflib.get_close_matches(one, names, n=1, cutoff=NEARLY) for one in wanted)


def _last_word(text: str, end: int) -> int:
    start, quoted = end, False
    while start > 0:
        sign = text[start - 1]
        if sign in QUOTES:
            quoted = not quoted
        elif not quoted and sign in SEPARATORS:
            break
        start -= 1
    return start
